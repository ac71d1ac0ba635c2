"""Endpoint about the cache of slow and remote answers."""

from __future__ import annotations

import msgspec

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError
from crosstape.api.query import Query
from crosstape.api.tables import to_json


async def stats(context: Context, ask: Ask[Query]) -> Answer:
    """How well the cache of slow and remote answers does: entries, hits, misses, timeouts, sizes, times."""
    if context.cache is None:
        raise ApiError(503, "no_cache", "nothing is cached here: a replay asks nobody else")
    return Answer(to_json(msgspec.structs.asdict(context.cache.stats())))
