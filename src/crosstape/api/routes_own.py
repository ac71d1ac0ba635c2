"""Endpoints about own trading: profit and loss, habits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError
from crosstape.api.query import Own
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


def _wanted(query: Own) -> Any:
    from crosstape.quant.pnl import Method
    from crosstape.quant.report import Wanted

    return Wanted(Method(query.method), query.since_ms * MS, query.until_ms * MS, query.capital)


async def _executions(context: Context, query: Own) -> Sequence[Execution]:
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
