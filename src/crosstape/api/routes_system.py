"""Endpoints about crosstape itself: health, readiness, status, venues, preferences."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import numpy as np

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError
from crosstape.api.kpis import kpis
from crosstape.api.ports import SourceStatus
from crosstape.api.query import Query
from crosstape.api.tables import Record, millis, to_json
from crosstape.engine.view import View
from crosstape.metrics import METRICS
from crosstape.model.errors import StoreError

RECENT = 50


async def health(context: Context, ask: Ask[Query]) -> Answer:
    """The process answers: status, time, version, mode."""
    return Answer(
        to_json({"status": "ok", "timestamp": time.time(), "version": context.version, "mode": context.mode})
    )


async def ready(context: Context, ask: Ask[Query]) -> Answer:
    """200 when the catalogue is known and the newest view is fresh, with what is wrong all the same (a recording
    that has ended); else 503 with the reasons."""
    reasons = not_ready(context)
    if not reasons:
        return context.json({"status": "ready", "warnings": warnings(context)})
    error = ApiError(503, "not_ready", "; ".join(reasons))
    return Answer(error.body, status=503)


def not_ready(context: Context) -> list[str]:
    """Why nothing should rely on the answers yet."""
    view = context.hub.view
    if view is None:
        return ["no view has been published yet"]
    reasons = []
    if not view.rows.index:
        reasons.append("no catalogue is known yet")
    if view.sources and not any(source.open for source in view.sources):
        reasons.append("no stream is open")
    age = time.time() - view.ts * 1e-9
    if not context.settings.mode and age > context.settings.fresh_s:
        reasons.append(f"the newest view is {age:.1f} s old")
    return reasons


def warnings(context: Context) -> list[str]:
    """What is wrong though answers are good: what happens now is kept nowhere."""
    now = context.status()
    found = []
    if now.tape.failed:
        found.append(f"recording has ended: {now.tape.failed}; {now.tape.lost} frames are on no tape")
    if now.history.failed:
        found.append(f"the history is not written: {now.history.failed}")
    return found


async def status(context: Context, ask: Ask[Query]) -> Answer:
    """Sources, hosts, recording, clients, and which metrics work."""
    return context.json(status_record(context))


def status_record(context: Context) -> Record:
    """The body of `/status`."""
    now, hub = context.status(), context.hub
    process = msgspec.structs.asdict(now)
    for name in ("sources", "hosts", "tape", "history", "version", "log"):
        process.pop(name)
    view = hub.view
    return {
        "version": context.version,
        "reasons_not_ready": not_ready(context),
        "warnings": warnings(context),
        "process": process,
        "instruments": len(view.rows.index) if view else 0,
        "late_trades": view.late_trades if view else 0,
        "digest": view.digest if view else "",
        "sources": source_records(view, now.sources),
        "hosts": [msgspec.structs.asdict(host) for host in now.hosts],
        "tape": msgspec.structs.asdict(now.tape),
        "history": msgspec.structs.asdict(now.history),
        "websocket": msgspec.structs.asdict(context.traffic),
        "hub": {"trades": len(hub.trades), "candle_bytes": hub.candles.bytes, "series_bytes": hub.series.bytes,
                "views_skipped": hub.views_skipped},
        "metrics": metric_records(view) if view else [],
        "kpis": kpis(context),
        "continuity": [continuity_record(b.id, b.event) for b in list(hub.continuity)[-RECENT:]],
    }  # fmt: skip


async def admin_system(context: Context, ask: Ask[Query]) -> Answer:
    """The machine and the process: CPU, memory, disk, network, queues, error rates, budgets of requests, whether
    each exchange is well, and the newest log lines."""
    now, view = context.status(), context.hub.view
    whole = status_record(context)
    frames = sum(source["frames"] for source in whole["sources"])
    errors = sum(source["errors"] + source["failed"] for source in whole["sources"])
    return context.json({
        "process": whole["process"],
        "queues": {"intake_waiting": now.intake_waiting, "intake_limit": now.intake_limit,
                   "intake_deepest": now.intake_deepest, "intake_pauses": now.intake_pauses},
        "error_rate": errors / frames if frames else float("nan"),
        "errors": errors,
        "rate_limits": whole["hosts"],
        "exchanges": exchange_records(source_records(view, now.sources)),
        "tape": whole["tape"],
        "websocket": whole["websocket"],
        "log": [msgspec.structs.asdict(line) for line in now.log],
    })  # fmt: skip


def exchange_records(sources: list[Record]) -> list[Record]:
    """Sources by market: how many there are and are well, frames, gaps, errors, the newest error."""
    found: dict[str, Record] = {}
    for source in sources:
        market = found.setdefault(source["market"], {
            "market": source["market"], "sources": 0, "well": 0, "frames": 0, "gaps": 0, "errors": 0,
            "last_error": "",
        })  # fmt: skip
        market["sources"] += 1
        market["well"] += source["state"] in ("open", "idle")
        market["frames"] += source["frames"]
        market["gaps"] += source["gaps"]
        market["errors"] += source["errors"] + source["failed"]
        market["last_error"] = source["last_error"] or market["last_error"]
    return list(found.values())


def source_records(view: View | None, feeds: tuple[SourceStatus, ...]) -> list[Record]:
    """What the fold and the feeds know of each source, side by side."""
    health = {source.source: source for source in feeds}
    folded = {source.name: source for source in view.sources} if view is not None else {}
    lag = _lag_by_market(view) if view is not None else {}
    found = []
    for name in sorted({*health, *folded}):
        feed, fold = health.get(name), folded.get(name)
        market = name.partition("/")[0]
        if fold is not None:
            market = fold.market
        record: Record = {"source": name, "market": market, "lag_ms": lag.get(market, float("nan"))}
        state = feed.state if feed is not None else ("open" if fold is not None and fold.open else "idle")
        since = feed.since if feed is not None and feed.since else fold.since_ts if fold is not None else 0
        record |= {"state": state, "since_ms": millis(since), "last_ms": millis(fold.last_ts if fold else 0)}
        record |= {"reconnects": feed.reconnects if feed else max(fold.opens - 1, 0) if fold else 0}
        record |= {"topics": feed.topics if feed else 0, "crashes": feed.crashes if feed else 0}
        for count in (
            "frames",
            "bytes",
            "failed",
            "errors",
            "gaps",
            "duplicates",
            "repaired",
            "drifts",
            "skips",
            "checked",
            "differing",
        ):
            record[count] = getattr(fold, count) if fold is not None else 0
        record["last_error"] = (feed.last_error if feed else "") or (fold.last_error if fold else "")
        found.append(record)
    return found


def _lag_by_market(view: View) -> dict[str, float]:
    """Median lag of the rows that streamed in the last minute."""
    lag, age = view.columns.get("lag_ms"), view.columns.get("age_ms")
    if lag is None or age is None:
        return {}
    by_market: dict[str, list[float]] = {}
    for row in np.flatnonzero(~np.isnan(lag) & (age < 60_000)).tolist():
        instrument = view.rows.instruments[row]
        if instrument is not None:
            by_market.setdefault(instrument.market, []).append(float(lag[row]))
    return {market: float(np.median(values)) for market, values in by_market.items()}


def metric_records(view: View) -> list[Record]:
    """Which metrics work, for how many rows, and what the others lack."""
    alive = int(view.rows.alive.sum())
    covered = view.columns.get("coverage_1m")
    streamed = covered is not None and bool(np.any(view.rows.alive & (covered > 0)))
    found = []
    for metric in METRICS:
        names = [f"{metric.name}_{w}" if w else metric.name for w in (metric.windows or ("",))]
        known = {n: int(np.sum(view.rows.alive & ~np.isnan(view.columns[n]))) for n in names if n in view.columns}
        best = max(known.values(), default=0)
        reason = ""
        if not best:
            reason = "its input has not come, or its window is short" if streamed else "no stream has spoken yet"
        elif best < alive:
            reason = f"{alive - best} rows without: not streamed, not of this kind, or not traded yet"
        found.append({"metric": metric.name, "works": best > 0, "rows": known, "of": alive, "reason": reason})
    return found


def continuity_record(instrument: str, event: Any) -> Record:
    """One opened, closed, gap, repair…"""
    return {"ts_ms": millis(event.ts_event), "what": event.what, "source": event.source, "id": instrument,
            "first": event.first, "last": event.last}  # fmt: skip


async def venues(context: Context, ask: Ask[Query]) -> Answer:
    """Capabilities of every venue, and how its markets are doing."""
    view = context.hub.view
    feeds = context.status().sources
    sources = source_records(view, feeds)
    counts: dict[str, int] = {}
    for instrument in view.rows.instruments if view else ():
        if instrument is not None:
            counts[instrument.market] = counts.get(instrument.market, 0) + 1
    rows = []
    for venue in context.venues:
        markets = dict.fromkeys([s.market for s in venue.streams] + [p.market for p in venue.polls])
        rows.append(
            {
                "venue": venue.id,
                "docs": venue.docs,
                "capabilities": [msgspec.structs.asdict(c) for c in venue.capabilities],
                "markets": [
                    {
                        "market": market,
                        "instruments": counts.get(market, 0),
                        "sources": [s for s in sources if s["market"] == market],
                    }
                    for market in markets
                ],
            }
        )
    return context.json({"rows": rows})


async def prefs(context: Context, ask: Ask[Query]) -> Answer:
    """What the caller's dashboard saved."""
    if context.ledger is None:
        raise ApiError(503, "no_ledger", "no ledger is configured: preferences are not kept")
    try:
        saved = await asyncio.to_thread(context.ledger.prefs_get, ask.caller.user)
    except StoreError as error:
        raise ApiError(503, "store", "the ledger is unavailable; try again") from error
    return Answer(to_json({"prefs": saved}))


async def put_prefs(context: Context, ask: Ask[Query]) -> Answer:
    """Replace what the caller's dashboard saved: a JSON object."""
    if context.ledger is None:
        raise ApiError(503, "no_ledger", "no ledger is configured: preferences are not kept")
    try:
        given = msgspec.json.decode(ask.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, "bad_body", "the body is not a JSON object", "body", "a JSON object") from error
    try:
        await asyncio.to_thread(context.ledger.prefs_put, ask.caller.user, given)
    except StoreError as error:
        raise ApiError(503, "store", "the ledger is unavailable; try again") from error
    return Answer(to_json({"prefs": given}))
