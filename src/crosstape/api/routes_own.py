"""Endpoints about own trading: profit and loss, habits, market making."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError
from crosstape.api.ports_own import Mids
from crosstape.api.query import MarketMaking, Own
from crosstape.engine.view import View
from crosstape.model.errors import StoreError
from crosstape.model.execution import Execution

MS = 1_000_000
MOST = 100_000


async def stats(context: Context, ask: Ask[Own]) -> Answer:
    """Own trades by currency: profit, fees, funding, win rate, Sharpe, drawdown, by symbol, side, hour; equity."""
    from crosstape.quant.report import stats as report

    rows, wanted = await _executions(context, ask.query), _wanted(ask.query)
    mark = marks(context)
    return context.json(await asyncio.to_thread(report, rows, wanted, mark))


async def profile(context: Context, ask: Ask[Own]) -> Answer:
    """How the account trades: how often, what, when, how long it holds, how often it is the maker."""
    from crosstape.quant.report import profile as report

    rows, wanted = await _executions(context, ask.query), _wanted(ask.query)
    return context.json(await asyncio.to_thread(report, rows, wanted))


async def mm_stats(context: Context, ask: Ask[MarketMaking]) -> Answer:
    """Market making by instrument: spread captured, markouts, adverse selection, inventory, risk, limits."""
    from crosstape.quant.quoting import statistics

    return await _made(context, ask.query, statistics)


async def mm_sessions(context: Context, ask: Ask[MarketMaking]) -> Answer:
    """The same by session, newest first: drawdown, markouts and limits of each; a pause ends it."""
    from crosstape.quant.quoting import sessions

    return await _made(context, ask.query, sessions)


async def _made(context: Context, query: MarketMaking, report: Callable[..., Any]) -> Answer:
    from crosstape.quant.quoting import Making

    rows = await _executions(context, query)
    wanted = Making(query.since_ms * MS, query.until_ms * MS, query.gap_s, query.max_inventory, query.max_loss)
    around = partial(_mids, context.mids, context.hub.view)
    try:
        return context.json(await asyncio.to_thread(report, rows, wanted, around))
    except StoreError as error:
        raise ApiError(503, "store", "the history is unavailable; try again", retry_after_s=1.0) from error


def _mids(source: Mids | None, view: View | None, instrument: str, since: int, until: int) -> tuple[Any, Any]:
    """Of the history, with the multiplier that the venue's own prices have."""
    import numpy as np

    if source is None:
        return np.zeros(0, np.int64), np.zeros(0)
    times, mids = source.mids(instrument, since, until)
    row = view.rows.index.get(instrument) if view is not None else None
    known = view.rows.instruments[row] if view is not None and row is not None else None
    return times, mids * (known.multiplier if known is not None else 1.0)


def _wanted(query: Own) -> Any:
    from crosstape.quant.pnl import Method
    from crosstape.quant.report import Wanted

    return Wanted(Method(query.method), query.since_ms * MS, query.until_ms * MS, query.capital)


async def _executions(context: Context, query: Own | MarketMaking) -> Sequence[Execution]:
    """All of the chosen streams' past: it makes the lots."""
    if context.ledger is None:
        raise ApiError(503, "no_ledger", "no ledger is configured: there are no executions")
    kept = context.ledger.executions
    try:
        count = await asyncio.to_thread(kept.count, query.stream, query.id)
        if count > MOST:
            raise ApiError(413, "too_many", f"{count} executions are too many at once", "stream",
                           f"at most {MOST}: choose a stream or an id, or use `crosstape stats`")  # fmt: skip
        return await asyncio.to_thread(kept.every, query.stream, query.id)
    except StoreError as error:
        raise ApiError(503, "store", "the ledger is unavailable; try again", retry_after_s=1.0) from error


def marks(context: Context) -> Callable[[str], float]:
    """An instrument's last price as its venue writes it; NaN = not known. Of one view, for another thread."""
    view = context.hub.view

    def price(instrument: str) -> float:
        row = view.rows.index.get(instrument) if view is not None else None
        known = view.rows.instruments[row] if view is not None and row is not None else None
        if view is None or row is None or known is None or "last" not in view.columns:
            return float("nan")
        return float(view.columns["last"][row]) * known.multiplier

    return price
