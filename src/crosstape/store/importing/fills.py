"""Own executions out of texts, exactly: amounts stay decimal numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from crosstape.model.event import Side
from crosstape.model.execution import Execution, Liquidity
from crosstape.model.money import MoneyError, money
from crosstape.store.importing.convert import FALSE, TRUE
from crosstape.store.importing.plan import Plan

if TYPE_CHECKING:
    import polars as pl

_AMOUNT = re.compile(r"^([+-]?\d*\.?\d+(?:[eE][+-]?\d{1,2})?)\s*([A-Z0-9]{0,12})$")


def fills(frame: pl.DataFrame, good: pl.DataFrame, plan: Plan) -> tuple[list[Execution], list[tuple[int, str]]]:
    """The good rows as executions, and (place, reason) of those whose amounts the ledger cannot hold."""
    rows, bad = [], []
    names = plan.columns
    texts = {field: frame[column] for field, column in names.items()}
    for at, ts, symbol, side in good.select("at", "ts", "symbol", "side").iter_rows():
        row = {field: column[at] for field, column in texts.items()}
        try:
            rows.append(_execution(row, ts, f"{plan.market}:{symbol}", side, plan))
        except MoneyError as error:
            bad.append((at, str(error)))
    return rows, bad


def _execution(row: dict[str, str | None], ts: int, id: str, side: str, plan: Plan) -> Execution:
    fee, unit = _amount("fee", row.get("fee"))
    return Execution(
        ts=ts,
        instrument=id,
        side=Side.BUY if side == "buy" else Side.SELL,
        price=_amount("price", row.get("price"))[0],
        size=_amount("size", row.get("size"))[0],
        trade_id=(row.get("trade_id") or "")[:200],
        order_id=(row.get("order_id") or "")[:200],
        fee=-fee if plan.paid else fee,
        fee_asset=(row.get("fee_asset") or unit)[:40],
        liquidity=_liquidity(row),
    )


def _amount(field: str, text: str | None) -> tuple[Decimal, str]:
    """The number, and the unit that follows it at once, as in 0.5BTC; nothing is 0. MoneyError: what is wrong."""
    found = _AMOUNT.match((text or "0").strip().replace(",", ""))
    if found is None:
        raise MoneyError(f"{field}: {(text or '')[:40]!r} is no number")
    return money(found[1], field), found[2]


def _liquidity(row: dict[str, str | None]) -> Liquidity:
    """`maker` says yes or no; `liquidity` says it in a word, or in one letter of it."""
    said = (row.get("maker") or row.get("liquidity") or "").lower().replace(" ", "")
    if row.get("liquidity") and said in ("t", "taker"):
        return Liquidity.TAKER
    if said in TRUE:
        return Liquidity.MAKER
    return Liquidity.TAKER if said in FALSE else Liquidity.UNKNOWN
