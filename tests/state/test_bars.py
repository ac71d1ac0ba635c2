"""Candles out of trades: UTC minutes by the venue's time, longer ones out of closed minutes, gaps kept."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.event import Candle
from crosstape.state.bars import LONGER_S, Bars

SECOND = 1_000_000_000
ORIGIN = 1_795_046_400 * SECOND  # a UTC midnight


def run(trades: list[tuple[int, float, float, bool]], until_s: int) -> tuple[list[Candle], int]:
    """Trades (second, price, size, bought) in order, looked at every second."""
    bars, candles, late = Bars(), [], 0
    queue = sorted(trades)
    for second in range(until_s + 1):
        now = ORIGIN + second * SECOND
        while queue and queue[0][0] <= second:
            at, price, size, bought = queue.pop(0)
            late += not bars.trade(ORIGIN + at * SECOND, price, size, price * size, bought)
        candles += bars.close("X", now)
    return candles, late


TRADES = st.lists(
    st.tuples(st.integers(0, 1500), st.floats(1, 100), st.floats(0.1, 10), st.booleans()), max_size=60
)


@given(TRADES)
def test_minutes_and_longer_equal_a_plain_grouping(trades: list[tuple[int, float, float, bool]]) -> None:
    candles, late = run(trades, 1900)
    assert late == 0
    for seconds in (60, *(s for s in LONGER_S if s <= 1800)):
        groups: dict[int, list[tuple[int, float, float, bool]]] = defaultdict(list)
        for trade in sorted(trades):
            groups[trade[0] // seconds].append(trade)
        got = {c.ts_event: c for c in candles if c.timeframe_s == seconds}
        assert sorted(got) == [ORIGIN + g * seconds * SECOND for g in sorted(groups)]
        for group, members in groups.items():
            candle = got[ORIGIN + group * seconds * SECOND]
            prices = [p for _, p, _, _ in members]
            assert (candle.high, candle.low) == (max(prices), min(prices))
            assert abs(candle.volume - sum(s for _, _, s, _ in members)) < 1e-9
            assert candle.trades == len(members)
            assert abs(candle.taker_buy_volume - sum(s for _, _, s, b in members if b)) < 1e-9


def test_open_and_close_are_the_first_and_last_trade() -> None:
    candles, _ = run([(5, 10.0, 1.0, True), (20, 12.0, 1.0, False), (50, 11.0, 2.0, True)], 70)
    (minute,) = (c for c in candles if c.timeframe_s == 60)
    assert (minute.open, minute.high, minute.low, minute.close) == (10.0, 12.0, 10.0, 11.0)
    assert (minute.turnover, minute.taker_buy_volume) == (44.0, 3.0)


def test_a_minute_closes_one_second_after_its_end() -> None:
    bars = Bars()
    bars.trade(ORIGIN, 1.0, 1.0, 1.0, True)
    assert bars.close("X", ORIGIN + 60 * SECOND) == []
    assert bars.trade(ORIGIN + 59 * SECOND, 2.0, 1.0, 2.0, True)
    (candle,) = bars.close("X", ORIGIN + 61 * SECOND)
    assert candle.high == 2.0
    assert not bars.trade(ORIGIN + 59 * SECOND, 3.0, 1.0, 3.0, True)


def test_a_late_trade_of_the_minute_before_is_in_it_until_it_closes() -> None:
    bars = Bars()
    bars.trade(ORIGIN + 59 * SECOND, 1.0, 1.0, 1.0, True)
    bars.trade(ORIGIN + 60 * SECOND, 5.0, 1.0, 5.0, True)
    assert bars.trade(ORIGIN + 59 * SECOND, 3.0, 1.0, 3.0, False)
    (candle,) = bars.close("X", ORIGIN + 61 * SECOND)
    assert (candle.high, candle.trades) == (3.0, 2.0)
