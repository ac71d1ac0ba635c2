"""What the report says of executions that can be reckoned by hand."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from crosstape.model.event import Side
from crosstape.model.execution import Execution, ExecutionKind, Liquidity
from crosstape.quant import performance
from crosstape.quant.pnl import Method, settle
from crosstape.quant.report import Wanted, profile, stats
from crosstape.quant.trades import daily, equity_of, thinned, trades_of

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
BTC, ETH, INVERSE = "bybit-linear:BTCUSDT", "bybit-linear:ETHUSDT", "bybit-inverse:BTCUSD"


def fill(ts: int, side: Side, size: float, price: float, fee: str = "0", **more: Any) -> Execution:
    return Execution(**({"ts": ts, "instrument": BTC, "side": side, "price": Decimal(str(price)),
                         "size": Decimal(str(size)), "fee": Decimal(fee)} | more))  # fmt: skip


ROWS = [
    fill(1 * HOUR, Side.BUY, 2, 100, "1", order_id="a", liquidity=Liquidity.MAKER),
    fill(2 * HOUR, Side.SELL, 1, 110, "1", order_id="b", liquidity=Liquidity.TAKER),
    fill(2 * HOUR, Side.SELL, 1, 112, "1", order_id="b", liquidity=Liquidity.TAKER),
    fill(3 * HOUR, Side.BUY, 0, 0, "0.5", kind=ExecutionKind.FUNDING),
    fill(DAY + HOUR, Side.SELL, 1, 50, instrument=ETH),
    fill(DAY + 5 * HOUR, Side.BUY, 1, 60, instrument=ETH),
    fill(3 * DAY, Side.BUY, 1, 90, instrument=BTC),
    fill(3 * DAY + 1, Side.BUY, 100, 50_000, instrument=INVERSE, inverse=True),
]


def unknown(_: str) -> float:
    return math.nan


def test_the_whole_of_it() -> None:
    told = stats(ROWS, Wanted(), lambda id: 95.0 if id == BTC else math.nan)
    usdt = next(row for row in told["rows"] if row["currency"] == "USDT")
    assert [row["currency"] for row in told["rows"]] == ["BTC", "USDT"]
    assert (usdt["gross"], usdt["fees"], usdt["funding"], usdt["net"]) == (12.0, 3.0, 0.5, 8.5)
    # One order closed two fills of BTC (22 - 3 fees), another ETH (-10).
    assert (usdt["trades"], usdt["won"], usdt["lost"], usdt["win_rate"]) == (2, 1, 1, 0.5)
    assert (usdt["best"], usdt["worst"], usdt["profit_factor"], usdt["expectancy"]) == (19.0, -10.0, 1.9, 4.5)
    assert usdt["avg_hold_s"] == pytest.approx((2 * 3_600 + 1 * 4 * 3_600) / 3)
    assert [(row["side"], row["trades"]) for row in usdt["by_side"]] == [("long", 1), ("short", 1)]
    assert [(row["hour"], row["net"]) for row in usdt["by_hour"]] == [
        (2, 19.0),
        (5, -10.0),
    ]
    assert {row["id"]: row["profit_factor_reason"] for row in usdt["by_symbol"]} == {BTC: "no_losses", ETH: ""}
    assert usdt["equity"][-1] == (3 * DAY // 1_000_000, 8.5)
    assert usdt["max_drawdown"] == -10.5
    position = next(p for p in told["positions"] if p["id"] == BTC)
    assert (position["size"], position["entry"], position["unrealised"]) == (1.0, 90.0, 5.0)
    assert usdt["unrealised"] == 5.0
    assert told["executions"] == len(ROWS)


def test_what_is_not_known_is_nan_with_a_reason() -> None:
    told = stats(ROWS[:1], Wanted(), unknown)
    (row,) = told["rows"]
    assert (row["trades"], row["profit_factor_reason"], row["sharpe_reason"]) == (0, "no_trades", "too_few")
    for name in ("win_rate", "expectancy", "profit_factor", "sharpe", "unrealised", "max_drawdown_share"):
        assert math.isnan(row[name]), name
    assert stats([], Wanted(), unknown)["rows"] == []
    assert profile([], Wanted())["executions"] == 0


def test_a_range_reports_its_closes_with_lots_from_before() -> None:
    (row,) = stats(ROWS[:3], Wanted(since=2 * HOUR), unknown)["rows"]
    assert (row["gross"], row["fees"], row["trades"]) == (22.0, 2.0, 1)
    assert stats(ROWS[:3], Wanted(until=2 * HOUR), unknown)["rows"][0]["gross"] == 0.0


def test_sharpe_is_of_days_those_without_trades_too() -> None:
    flows = settle(ROWS, Method.FIFO).flows
    times, equity = equity_of([flow for flow in flows if flow.currency == "USDT"])
    profits = daily(times, equity)
    assert profits.tolist() == [18.5, -10.0, 0.0, 0.0]
    row = next(r for r in stats(ROWS, Wanted(capital=100.0), unknown)["rows"] if r["currency"] == "USDT")
    returns = np.array([0.185, -10 / 118.5, 0.0, 0.0])
    assert row["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1) * 365**0.5)
    assert row["max_drawdown_share"] == pytest.approx(-10.5 / 119.0)


def test_closes_without_an_order_are_trades_of_their_own() -> None:
    rows = [fill(1, Side.BUY, 1, 10), fill(2, Side.BUY, 1, 20), fill(3, Side.SELL, 2, 30), fill(3, Side.SELL, 1, 30),
            fill(4, Side.BUY, 1, 20)]  # fmt: skip
    trades = trades_of(settle(rows).closes)
    assert [(trade.size, trade.net) for trade in trades] == [(2.0, 30.0), (1.0, 10.0)]


def test_a_curve_is_thinned_but_ends_where_it_ends() -> None:
    times, equity = [n * 1_000_000 for n in range(1_001)], np.arange(1_001.0)
    points = thinned(times, equity, 500)
    assert len(points) <= 501
    assert points[-1] == (1_000, 1_000.0)
    assert thinned([], np.zeros(0), 500) == []


def test_habits() -> None:
    told = profile(ROWS, Wanted())
    assert (told["executions"], told["active_days"], told["maker_share"]) == (7, 3, pytest.approx(1 / 3))
    assert told["symbols"][0] == {"id": BTC, "executions": 4, "share": 4 / 7}
    # 1970-01-01 was a Thursday.
    assert [(row["weekday"], row["executions"]) for row in told["by_weekday"]] == [(3, 3), (4, 2), (6, 2)]
    usdt = next(row for row in told["rows"] if row["currency"] == "USDT")
    assert (usdt["longest_won"], usdt["longest_lost"], usdt["hold_s_p50"]) == (1, 1, 9_000.0)


def test_no_variation_is_no_sharpe() -> None:
    assert performance.sharpe(np.full(5, 0.01), 365)[1] == "no_variation"
    assert performance.sortino(np.full(5, 0.01), 365)[1] == "no_losses"
    assert performance.sortino(np.array([0.02, -0.01]), 1)[0] == pytest.approx(0.005 / (0.01 / 2**0.5))
