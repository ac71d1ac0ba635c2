"""GET /metrics: everything worth watching, in Prometheus' text format, made at the moment it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from crosstape.api import metrics_feeds, metrics_market, metrics_process
from crosstape.api.context import Answer, Ask, Context
from crosstape.api.query import Query

TEXT = b"text/plain; version=0.0.4; charset=utf-8"


class Scrape(Collector):
    """What one scrape gathered."""

    def __init__(self, context: Context) -> None:
        # Also families without a sample yet: their names are a promise to rules and dashboards.
        self._families = [
            *metrics_process.families(context),
            *metrics_feeds.families(context),
            *metrics_market.families(context),
        ]

    def collect(self) -> Iterable[Metric]:
        """All of it."""
        return self._families


async def metrics(context: Context, ask: Ask[Query]) -> Answer:
    """Prometheus text, from the newest view and the process's state."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Scrape(context))
    # Thousands of samples become text in a thread: the loop has other things to do.
    return Answer(await asyncio.to_thread(generate_latest, registry), TEXT)
