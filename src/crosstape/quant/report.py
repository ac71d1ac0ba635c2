"""Own trading in figures: what `/stats` and `/profile` say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from crosstape.model.execution import NOTHING, Execution, ExecutionKind, Liquidity
from crosstape.quant import performance
from crosstape.quant.pnl import Account, Close, Flow, Method, Position, settle
from crosstape.quant.trades import (
    DAY_NS,
    HOUR_NS,
    by_currency,
    equity_of,
    groups_of,
    outcome,
    risk,
    thinned,
    trades_of,
)

MARKS = Callable[[str], float]
CURVE = 500
# The epoch began on one; Monday is 0.
THURSDAY = 3


class Wanted(msgspec.Struct, frozen=True):
    """What to report: closes and flows in [since, until) ns, 0 = all. `capital` > 0: returns are of it."""

    method: Method = Method.FIFO
    since: int = 0
    until: int = 0
    capital: float = 0.0

    def has(self, ts: int) -> bool:
        """Whether the time is wanted."""
        return ts >= self.since and (not self.until or ts < self.until)


def stats(executions: Sequence[Execution], wanted: Wanted, mark: MARKS) -> dict[str, Any]:
    """Profit and loss by currency, and what it was made of. `mark`: an instrument's price now, or NaN."""
    account = settle(executions, wanted.method)
    flows, closes = _in(account, wanted)
    positions = [_position(position, mark(position.instrument)) for position in account.positions]
    rows = [
        _currency(currency, of, closed, wanted) | {"unrealised": _open(currency, positions)}
        for currency, (of, closed) in sorted(by_currency(flows, closes).items())
    ]
    return {
        "method": str(wanted.method),
        "executions": sum(wanted.has(row.ts) for row in executions),
        "rows": rows,
        "positions": positions,
        "unpriced_fees": dict(account.unpriced),
    }


def _in(account: Account, wanted: Wanted) -> tuple[list[Flow], list[Close]]:
    """The whole past makes the lots; only what is wanted is reported."""
    return [f for f in account.flows if wanted.has(f.ts)], [c for c in account.closes if wanted.has(c.ts)]


def _currency(currency: str, flows: list[Flow], closes: list[Close], wanted: Wanted) -> dict[str, Any]:
    trades = trades_of(closes)
    times, equity = equity_of(flows)
    sums = {name: _sum(getattr(flow, name) for flow in flows) for name in ("gross", "fee", "funding", "net")}
    return {
        "currency": currency,
        "gross": sums["gross"],
        "fees": sums["fee"],
        "funding": sums["funding"],
        "net": sums["net"],
        **{name: value for name, value in outcome(trades).items() if name != "net"},
        **risk(times, equity, wanted.capital),
        **groups_of(trades),
        "equity": thinned(times, equity, CURVE),
    }


def _sum(values: Any) -> float:
    return float(sum(values, NOTHING))


def _position(position: Position, price: float) -> dict[str, Any]:
    known = price == price and price > 0
    unrealised = float(position.unrealised(Decimal(str(price)))) if known else performance.NAN
    return {
        "id": position.instrument, "account": position.account, "currency": position.currency,
        "size": float(position.size), "entry": float(position.entry), "price": price, "unrealised": unrealised,
    }  # fmt: skip


def _open(currency: str, positions: list[dict[str, Any]]) -> float:
    """NaN as soon as one position has no price."""
    return float(sum(p["unrealised"] for p in positions if p["currency"] == currency))


def profile(executions: Sequence[Execution], wanted: Wanted) -> dict[str, Any]:
    """How the account trades: how often, what, when, how long, how it enters."""
    chosen = [row for row in executions if wanted.has(row.ts) and row.kind is not ExecutionKind.FUNDING]
    account = settle(executions, wanted.method)
    flows, closes = _in(account, wanted)
    days = len({row.ts // DAY_NS for row in chosen})
    known = [row for row in chosen if row.liquidity is not Liquidity.UNKNOWN]
    makers = sum(row.liquidity is Liquidity.MAKER for row in known)
    count = Counter(row.instrument for row in chosen)
    return {
        "executions": len(chosen),
        "first_ms": min((row.ts for row in chosen), default=0) // 1_000_000,
        "last_ms": max((row.ts for row in chosen), default=0) // 1_000_000,
        "active_days": days,
        "executions_a_day": len(chosen) / days if days else performance.NAN,
        "maker_share": makers / len(known) if known else performance.NAN,
        "symbols": [{"id": name, "executions": n, "share": n / len(chosen)} for name, n in count.most_common(20)],
        "by_hour": _counted(chosen, lambda row: row.ts // HOUR_NS % 24, "hour"),
        "by_weekday": _counted(chosen, lambda row: (row.ts // DAY_NS + THURSDAY) % 7, "weekday"),
        "rows": [_habits(*pair, wanted) for pair in sorted(by_currency(flows, closes).items())],
    }


def _counted(rows: Sequence[Execution], key: Callable[[Execution], Any], name: str) -> list[dict[str, Any]]:
    return [{name: value, "executions": n} for value, n in sorted(Counter(map(key, rows)).items())]


def _habits(currency: str, both: tuple[list[Flow], list[Close]], wanted: Wanted) -> dict[str, Any]:
    trades = trades_of(both[1])
    times, equity = equity_of(both[0])
    holds = np.array([trade.hold_s for trade in trades])
    won, lost = performance.streaks([trade.net for trade in trades])
    quantiles = np.quantile(holds, (0.1, 0.5, 0.9)) if holds.size else np.full(3, np.nan)
    return {
        "currency": currency,
        **outcome(trades),
        **risk(times, equity, wanted.capital),
        **{f"hold_s_p{p}": float(x) for p, x in zip((10, 50, 90), quantiles, strict=True)},
        "longest_won": won,
        "longest_lost": lost,
    }
