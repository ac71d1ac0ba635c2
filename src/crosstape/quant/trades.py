"""Own trades, and what they came to: a trade is what one order closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from crosstape.model.event import Side
from crosstape.model.execution import NOTHING
from crosstape.quant import performance
from crosstape.quant.performance import F64
from crosstape.quant.pnl import Close, Flow

DAY_NS = 86_400_000_000_000
HOUR_NS = 3_600_000_000_000
DAYS_A_YEAR = 365.0
MOST_DAYS = 36_600


class Trade(msgspec.Struct, frozen=True):
    """Closes by one order; without an order's id every closing execution is one. `hold_s` by size."""

    ts: int
    instrument: str
    side: Side
    net: float
    size: float
    hold_s: float


def trades_of(closes: Iterable[Close]) -> list[Trade]:
    """In order of their last close."""
    groups: dict[tuple[Any, ...], list[Close]] = {}
    for close in closes:
        key = close.order_id or close.fill
        groups.setdefault((close.account, close.instrument, close.side, key), []).append(close)
    return sorted((_trade(group) for group in groups.values()), key=lambda trade: trade.ts)


def _trade(group: Sequence[Close]) -> Trade:
    size = sum((close.size for close in group), NOTHING)
    age = sum((close.size * (close.ts - close.opened) for close in group), NOTHING)
    net = sum((close.net for close in group), NOTHING)
    last = group[-1]
    return Trade(last.ts, last.instrument, last.side, float(net), float(size), float(age / size) / 1e9)


def outcome(trades: Sequence[Trade]) -> dict[str, Any]:
    """Counts, win rate, profit factor and what a trade brings on average. A trade that brings 0 is neither won nor
    lost; the win rate is of those that are."""
    nets = [trade.net for trade in trades]
    won, lost = sum(net > 0 for net in nets), sum(net < 0 for net in nets)
    factor, reason = performance.profit_factor(nets)
    size = sum(trade.size for trade in trades)
    nan = performance.NAN
    return {
        "trades": len(nets),
        "won": won,
        "lost": lost,
        "win_rate": won / (won + lost) if won + lost else nan,
        "net": sum(nets),
        "expectancy": sum(nets) / len(nets) if nets else nan,
        "best": max(nets, default=nan),
        "worst": min(nets, default=nan),
        "profit_factor": factor,
        "profit_factor_reason": reason,
        "avg_hold_s": sum(trade.hold_s * trade.size for trade in trades) / size if size else nan,
    }


def grouped(trades: Sequence[Trade], key: Callable[[Trade], Any], name: str) -> list[dict[str, Any]]:
    """`outcome` of each group, by its name."""
    groups: dict[Any, list[Trade]] = {}
    for trade in trades:
        groups.setdefault(key(trade), []).append(trade)
    return [{name: group} | outcome(groups[group]) for group in sorted(groups)]


def groups_of(trades: Sequence[Trade]) -> dict[str, list[dict[str, Any]]]:
    """By instrument, side of the position, and hour (UTC) in which they were closed."""
    return {
        "by_symbol": grouped(trades, lambda trade: trade.instrument, "id"),
        "by_side": grouped(trades, lambda trade: "long" if trade.side is Side.BUY else "short", "side"),
        "by_hour": grouped(trades, lambda trade: trade.ts // HOUR_NS % 24, "hour"),
    }


def equity_of(flows: Sequence[Flow]) -> tuple[list[int], F64]:
    """(times ns, cumulative profit after fees and funding), one point a time stamp."""
    times: list[int] = []
    sums: list[Decimal] = []
    total = NOTHING
    for flow in flows:
        total += flow.net
        if times and times[-1] == flow.ts:
            sums[-1] = total
        else:
            times.append(flow.ts)
            sums.append(total)
    return times, np.array([float(x) for x in sums])


def daily(times: Sequence[int], equity: F64) -> F64:
    """Profit by UTC day, first to last; a day without executions brought 0. At most the newest MOST_DAYS."""
    if not times:
        return np.zeros(0)
    days = np.array(times, np.int64) // DAY_NS
    first = max(int(days[0]), int(days[-1]) - MOST_DAYS + 1)
    ends = np.searchsorted(days, np.arange(first, days[-1] + 1), side="right")
    begun = np.searchsorted(days, first)
    closing = np.concatenate([[0.0], equity])[ends]
    opening = equity[begun - 1] if begun else 0.0
    result: F64 = np.diff(closing, prepend=opening)
    return result


def risk(times: Sequence[int], equity: F64, capital: float) -> dict[str, Any]:
    """Sharpe and Sortino of daily profits (365 days a year, risk-free rate 0) and drawdowns.

    With a capital the returns are of the equity at the day's begin and the drawdown is also a fraction; without,
    the returns are of a capital that stays the same, whose size does not matter to the ratios.
    """
    profits = daily(times, equity)
    returns = profits
    if capital > 0:
        begin = capital + np.concatenate([[0.0], np.cumsum(profits)[:-1]])
        returns = profits / begin if bool((begin > 0).all()) else np.zeros(0)
    ratio, reason = performance.sharpe(returns, DAYS_A_YEAR)
    other, other_reason = performance.sortino(returns, DAYS_A_YEAR)
    whole = np.concatenate([[capital], capital + equity]) if capital > 0 else np.zeros(0)
    return {
        "days": int(profits.size),
        "sharpe": ratio,
        "sharpe_reason": reason,
        "sortino": other,
        "sortino_reason": other_reason,
        "max_drawdown": performance.max_drop(equity),
        "max_drawdown_share": performance.max_drawdown(whole),
    }


def thinned(times: Sequence[int], equity: F64, most: int) -> list[tuple[int, float]]:
    """(ms, equity), at most `most` + 1 points: the last of each stretch, so that the end is exact."""
    step = max(1, -(-len(times) // most))
    chosen = sorted({*range(step - 1, len(times), step), len(times) - 1} - {-1})
    return [(times[n] // 1_000_000, float(equity[n])) for n in chosen]


def by_currency(flows: Iterable[Flow], closes: Iterable[Close]) -> Mapping[str, tuple[list[Flow], list[Close]]]:
    """Flows and closes of each currency: sums over several mean nothing."""
    found: dict[str, tuple[list[Flow], list[Close]]] = {}
    for flow in flows:
        found.setdefault(flow.currency, ([], []))[0].append(flow)
    for close in closes:
        found.setdefault(close.currency, ([], []))[1].append(close)
    return found
