"""Endpoints about how far the data can be trusted: the completeness ledger, flags, drifts, KPIs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import numpy as np

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.kpis import kpis
from crosstape.api.query import Query, Trusted
from crosstape.api.tables import Record, millis
from crosstape.engine.view import View
from crosstape.model.completeness import Completeness, of
from crosstape.model.errors import StoreError
from crosstape.model.event import Drift
from crosstape.model.quality import MEANING, Quality

HOUR_NS = 3_600_000_000_000
HOUR_S = 3600.0


async def quality(context: Context, ask: Ask[Trusted]) -> Answer:
    """The completeness ledger by source and hour, the running hour last; how many rows carry which flag; changes
    in the shape of the venues' messages."""
    query, view = ask.query, context.view
    until = view.ts - view.ts % HOUR_NS
    kept: Sequence[Completeness] = []
    note = ""
    if context.ledger is None:
        note = "no ledger is configured: only the running hour is known"
    else:
        since = until - (query.hours - 1) * HOUR_NS
        try:
            kept = await asyncio.to_thread(context.ledger.completeness, query.source, since, until)
        except StoreError:
            note = "the ledger is unavailable: only the running hour is known"
    rows = [hour_record(hour) for hour in kept if query.market in ("", hour.source.partition("/")[0])]
    rows += [
        hour_record(of(tally), view.ts)
        for tally in view.hours
        if query.source in ("", tally.source) and query.market in ("", tally.source.partition("/")[0])
    ]
    header = list(hour_record(Completeness("", 0)))
    return context.table(
        query, rows, header, note=note, flags=flag_records(view, context.mode_flag),
        drifts=[drift_record(drift) for drift in context.hub.drifts], kpis=kpis(context),
    )  # fmt: skip


async def key_figures(context: Context, ask: Ask[Query]) -> Answer:
    """The figures crosstape answers for, against their targets."""
    return context.json({"rows": kpis(context)})


def hour_record(hour: Completeness, now: int = 0) -> Record:
    """One source in one hour; `now`: the instant an hour that still runs is seen at, 0 = it is over."""
    record = msgspec.structs.asdict(hour)
    began = record.pop("hour")
    # By the view's clock and not ours: the instant may be one of a replay.
    lived = min(max((now - began) * 1e-9, 1.0), HOUR_S) if now else HOUR_S
    complete = max(1.0 - hour.seconds_lost / lived, 0.0)
    return {"hour_ms": millis(began), **record, "complete": complete, "running": bool(now)}


def flag_records(view: View, mode_flag: int) -> list[Record]:
    """How many of the rows that are listed carry each flag."""
    flags = view.quality[view.rows.alive] | np.uint32(mode_flag)
    return [
        {"flag": flag.name, "rows": int(np.count_nonzero(flags & flag.value)), "of": int(flags.size),
         "meaning": MEANING[flag]}
        for flag in Quality
    ]  # fmt: skip


def drift_record(drift: Drift) -> Record:
    """One change of shape."""
    return {"ts_ms": millis(drift.ts_event), "source": drift.source, "kind": drift.kind, "path": drift.path,
            "what": drift.what, "sample": drift.sample}  # fmt: skip
