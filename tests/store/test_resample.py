"""Resampling is exact: against a model that looks at every trade of every bar."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstape.model.errors import ConfigError
from crosstape.store.history.resample import from_trades, longer
from crosstape.store.history.schemas import TIMEFRAMES_S, fitted, schema

SECOND = 1_000_000_000
# A UTC midnight, so that the bars of every timeframe have a border among the trades.
MIDNIGHT = 1_700_006_400 * SECOND

TRADE = st.tuples(
    st.integers(-90_000, 90_000).flatmap(lambda s: st.integers(s * SECOND, s * SECOND + 3)),
    st.sampled_from(["A", "B"]),
    st.integers(1, 5),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)


def table(trades: list[tuple]) -> pa.Table:
    rows = [
        {
            "ts": MIDNIGHT + ts,
            "id": f"m:{s}",
            "price": float(p),
            "size": float(q),
            "side": "buy" if b else "sell",
            "block": o,
        }
        for ts, s, p, q, b, o in trades
    ]
    return fitted("trades", pa.Table.from_pylist(rows, pa.schema([
        ("ts", pa.int64()), ("id", pa.string()), ("price", pa.float64()), ("size", pa.float64()),
        ("side", pa.string()), ("block", pa.bool_())])))  # fmt: skip


def model(trades: list[tuple], seconds: int) -> list[dict]:
    bars: dict[tuple[str, int], list[tuple]] = {}
    for trade in sorted(trades, key=lambda t: t[0]):
        if not trade[5]:
            start = (MIDNIGHT + trade[0]) // (seconds * SECOND) * seconds * SECOND
            bars.setdefault((f"m:{trade[1]}", start), []).append(trade)
    return [
        {
            "ts": start, "id": id, "open": float(bar[0][2]), "high": float(max(t[2] for t in bar)),
            "low": float(min(t[2] for t in bar)), "close": float(bar[-1][2]), "volume": math.fsum(t[3] for t in bar),
            "turnover": math.fsum(t[2] * t[3] for t in bar), "trades": float(len(bar)),
            "taker_buy_volume": math.fsum(t[3] for t in bar if t[4]),
        }
        for (id, start), bar in sorted(bars.items())
    ]  # fmt: skip


def plain(candles: pa.Table) -> list[dict]:
    return candles.drop_columns(["timeframe", "repaired", "origin"]).to_pylist()


@settings(max_examples=150, deadline=None)
@given(st.lists(TRADE, max_size=40), st.sampled_from(list(TIMEFRAMES_S)))
def test_candles_of_trades(trades: list[tuple], timeframe: str) -> None:
    found = from_trades(table(trades), timeframe)
    assert found.schema == schema(f"candles_{timeframe}")
    assert plain(found) == model(trades, TIMEFRAMES_S[timeframe])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(TRADE, max_size=40),
    st.sampled_from([("1s", "1m"), ("1m", "5m"), ("1m", "1h"), ("15m", "4h"), ("4h", "1d"), ("1s", "1d")]),
)
def test_longer_candles_of_short_ones_are_those_of_the_trades(trades: list[tuple], pair: tuple[str, str]) -> None:
    short, long = pair
    found = longer(from_trades(table(trades), short), long)
    assert plain(found) == model(trades, TIMEFRAMES_S[long])


def test_a_gap_stays_a_gap_and_days_begin_at_midnight_utc() -> None:
    found = from_trades(
        table(
            [
                (-1, "A", 1, 1, True, False),
                (0, "A", 2, 1, True, False),
                (9 * 3600 * SECOND, "A", 3, 1, True, False),
            ]
        ),
        "1h",
    )
    assert [(ts - MIDNIGHT) // (3600 * SECOND) for ts in found["ts"].to_pylist()] == [-1, 0, 9]
    days = longer(found, "1d")
    assert [(ts - MIDNIGHT) // (86400 * SECOND) for ts in days["ts"].to_pylist()] == [-1, 0]
    assert days["close"].to_pylist() == [1.0, 3.0]


def test_what_cannot_be_made_is_refused() -> None:
    candles = from_trades(table([(0, "A", 1, 1, True, False)]), "15m")
    with pytest.raises(ConfigError, match="5m candles cannot be made of 15m"):
        longer(candles, "5m")
    with pytest.raises(ConfigError, match="'7m' is no timeframe of the history; allowed: 1s, 1m"):
        longer(candles, "7m")
