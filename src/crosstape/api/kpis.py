"""The key figures of requirements: what is measured now against what was promised."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import psutil

from crosstape.api.context import Context
from crosstape.api.ports import OperationsStatus
from crosstape.api.tables import Record
from crosstape.engine.view import View

ACTIVE_MS = 60_000.0
NAN = float("nan")
Figure = Callable[[Context, View, OperationsStatus], float]


def kpis(context: Context) -> list[Record]:
    """name, value, unit, target, met (null = not known yet), how it is measured."""
    view, status = context.hub.view, context.status()
    found = []
    for name, unit, above, target, figure, how in FIGURES:
        value = figure(context, view, status) if view is not None else NAN
        met = None if math.isnan(value) else (value > target if above else value < target)
        word = f"{'>' if above else '<'} {target:g} {unit}".strip()
        found.append({"name": name, "value": value, "unit": unit, "target": word, "met": met, "how": how})
    return found


def _latency(context: Context, view: View, status: OperationsStatus) -> float:
    """The 95th percentile over rows that streamed within the last minute."""
    lag, age = view.columns["lag_ms"], view.columns["age_ms"]
    fresh = lag[~np.isnan(lag) & (age < ACTIVE_MS)]
    return float(np.percentile(fresh, 95)) if fresh.size else NAN


def _uptime(context: Context, view: View, status: OperationsStatus) -> float:
    hours = {tally.source: tally for tally in view.hours}
    lived = [min((view.ts - hours[s.name].ts_event) * 1e-9, status.uptime_s) for s in view.sources
             if s.conn and s.name in hours]  # fmt: skip
    lost = sum(hours[s.name].lost_s for s in view.sources if s.conn and s.name in hours)
    return 100.0 * max(1.0 - lost / sum(lived), 0.0) if sum(lived) > 0 else NAN


def _api(context: Context, view: View, status: OperationsStatus) -> float:
    durations = context.requests.durations.values()
    count = sum(sum(d.counts) for d in durations)
    return 1e3 * sum(d.total_s for d in durations) / count if count else NAN


def _accuracy(context: Context, view: View, status: OperationsStatus) -> float:
    accuracy, turnover = view.columns["price_accuracy"], view.columns["turnover_usd_24h"]
    known = view.rows.alive & ~np.isnan(accuracy) & (turnover > 0)
    return 100.0 * float(np.average(accuracy[known], weights=turnover[known])) if known.any() else NAN


def _throughput(context: Context, view: View, status: OperationsStatus) -> float:
    return status.frames_per_s


def _errors(context: Context, view: View, status: OperationsStatus) -> float:
    frames = sum(source.frames for source in view.sources)
    return 100.0 * sum(source.errors + source.failed for source in view.sources) / frames if frames else NAN


def _memory(context: Context, view: View, status: OperationsStatus) -> float:
    return status.memory_percent


def _cpu(context: Context, view: View, status: OperationsStatus) -> float:
    return status.cpu_percent / (psutil.cpu_count() or 1)


def _cache(context: Context, view: View, status: OperationsStatus) -> float:
    return 100.0 * context.cache.stats().hit_rate if context.cache is not None else NAN


def _refresh(context: Context, view: View, status: OperationsStatus) -> float:
    return (100.0 + status.tick_ms_p99) / 1e3


def _wanted(view: View) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([tier in ("A", "B") for tier in view.rows.tiers], bool) & view.rows.alive


def _coverage(context: Context, view: View, status: OperationsStatus) -> float:
    wanted = _wanted(view)
    return 100.0 * float(np.mean(view.quality[wanted] & 1 == 0)) if wanted.any() else NAN


def _freshness(context: Context, view: View, status: OperationsStatus) -> float:
    age = view.columns["age_ms"][_wanted(view)]
    return float(np.nanmedian(age)) / 1e3 if (~np.isnan(age)).any() else NAN


FIGURES: tuple[tuple[str, str, bool, float, Figure, str], ...] = (
    ("data latency, p95", "ms", False, 100.0, _latency, "venue's time to ours, rows that streamed in a minute"),
    ("uptime of streams", "%", True, 99.9, _uptime, "seconds with a live stream, this hour, all sources"),
    ("API, mean", "ms", False, 50.0, _api, "all HTTP requests since the start"),
    ("price accuracy", "%", True, 99.95, _accuracy, "our last trade against the venues' tickers, by turnover"),
    ("throughput", "frames/s", True, 1000.0, _throughput, "frames folded a second; what the venues send sets it"),
    ("error rate", "%", False, 0.1, _errors, "unreadable messages and failed requests in all frames"),
    ("memory", "%", False, 80.0, _memory, "of the machine's, resident"),
    ("CPU", "%", False, 70.0, _cpu, "of all cores"),
    ("cache hit rate", "%", True, 95.0, _cache, "answers that were kept; those joined under way count as missed"),
    ("refresh", "s", False, 1.0, _refresh, "100 ms a view, and its tick at p99"),
    ("market coverage", "%", True, 99.0, _coverage, "subscribed rows that are not STALE"),
    ("data freshness, median", "s", False, 10.0, _freshness, "age of the newest message of subscribed rows"),
)
