"""What the hub keeps: bounded, ours before theirs, longer candles out of minutes; publishing stays cheap."""

from __future__ import annotations

import time
import tracemalloc

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.api import Hub
from crosstape.api.candles import BUDGET, KEPT, RECORD, Candles
from crosstape.api.codec import DELTA, GONE, SNAPSHOT, Head, decode, encode, schema_of
from crosstape.api.message import Message
from crosstape.api.series import SERIES, Series
from crosstape.api.trades import TRADES, RecentTrades
from crosstape.engine.view import Rows, View
from crosstape.metrics import COLUMNS
from crosstape.model.event import Candle, Side, Trade
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.state.bars import TIMEFRAMES

MINUTE = 60_000_000_000
START = 1_795_000_000_000_000_000 // (86_400 * 10**9) * 86_400 * 10**9


def bar(minute: int, close: float = 1.0, seconds: int = 60, repaired: bool = False, trades: float = 2.0) -> Candle:
    known = float("nan") if repaired else trades
    start = START + minute * MINUTE
    return Candle("X", start, seconds, close, close + 1, close - 1, close, 1.0, close, known, known / 2, repaired)


def test_trades_are_bounded_a_row_and_in_all() -> None:
    kept = RecentTrades(a_row=5, bound=12)
    pairs = [(i % 4, Trade("X", i, 1.0, 1.0, Side.BUY, str(i))) for i in range(40)]
    kept.extend(pairs[:21])
    assert len(kept) == 12
    assert [t.id for t in kept.of(0, 99)] == ["12", "16", "20"]
    kept.extend([(9, Trade("X", i, 1.0, 1.0, Side.BUY, str(i))) for i in range(100, 140)])
    assert [t.id for t in kept.of(9, 99)] == ["135", "136", "137", "138", "139"]
    assert [t.id for t in kept.of(9, 2)] == ["138", "139"]
    assert kept.of(0, 99) == []


def test_ours_wins_over_theirs_whatever_comes_first() -> None:
    for order in ((0, 1), (1, 0)):
        candles, both = Candles(), (bar(5, 10.0), bar(5, 20.0, repaired=True))
        for i in order:
            candles.add(0, both[i])
            candles.of(0, "1m", 10)
        (record,) = candles.of(0, "1m", 10)
        assert record["close"] == 10.0
        assert not record["repaired"]


def test_theirs_wins_over_ours_without_trades() -> None:
    candles = Candles()
    candles.add(0, bar(5, 10.0, trades=0.0))
    candles.add(0, bar(5, 20.0, repaired=True))
    assert candles.of(0, "1m", 10)["close"].tolist() == [20.0]


def test_late_and_overlapping_back_fill_is_sorted_in() -> None:
    candles = Candles()
    for minute in (100, 101, 103):
        candles.add(0, bar(minute, float(minute)))
    for minute in range(90, 104):
        candles.add(0, bar(minute, -float(minute), repaired=True))
    found = candles.of(0, "1m", 1000)
    assert found["minute"].tolist() == [START // MINUTE + m for m in range(90, 104)]
    assert found["repaired"].tolist() == [1] * 10 + [0, 0, 1, 0]


@pytest.mark.parametrize("timeframe", list(TIMEFRAMES))
def test_longer_candles_are_the_minutes_merged(timeframe: str) -> None:
    candles, seconds = Candles(), TIMEFRAMES[timeframe]
    closes = {minute: 100 + (minute * 7919 % 31) for minute in range(240)}
    for minute, close in closes.items():
        candles.add(0, bar(minute, close, repaired=True))
    span = seconds // 60
    found = candles.of(0, timeframe, 10_000)
    assert found.size == (240 // span if seconds <= 3600 or span in (120, 240) else 0)
    for record in found:
        first = int(record["minute"]) - START // MINUTE
        inside = [closes[m] for m in range(first, first + span)]
        assert first % span == 0
        assert (record["open"], record["close"]) == (inside[0], inside[-1])
        assert (record["high"], record["low"]) == (max(inside) + 1, min(inside) - 1)
        assert record["volume"] == span
        assert record["repaired"]


def test_open_and_torn_longer_candles_are_not_shown() -> None:
    candles = Candles()
    for minute in range(7, 24):
        candles.add(0, bar(minute))
    first = START // MINUTE
    assert candles.of(0, "5m", 10)["minute"].tolist() == [first + 10, first + 15]
    candles.add(0, bar(24))
    assert candles.of(0, "5m", 10)["minute"].tolist() == [first + 10, first + 15, first + 20]


def test_candles_stay_inside_their_budget() -> None:
    candles = Candles(budget=2_000)
    for row in range(50):
        for minute in range(300):
            candles.add(row, bar(minute))
        candles.file_some(1)
    for row in range(50):
        candles.add(row, bar(301))
        assert candles.of(row, "1m", 999).size >= 8
    assert candles.bytes < 3 * 2_000 * 56
    alone = Candles()
    for minute in range(500):
        alone.add(0, bar(minute))
    assert alone.of(0, "1m", 999).size == KEPT[60]


def test_series_sample_once_a_minute(views: tuple[View, ...]) -> None:
    series, view = Series(samples=4), views[-1]
    for i in range(60):
        series.sample(msgspec.structs.replace(view, ts=START + i * MINUTE // 10))
    ts, values = series.of(3, 240)
    assert ts.tolist() == [START + i * MINUTE for i in range(2, 6)]
    for name in SERIES:
        assert np.array_equal(values[name], np.full(4, view.columns[name][3], np.float32), equal_nan=True)
    assert series.of(10_000, 5)[0].size == 0


def large_view(rows: int, view: View, events: int) -> View:
    """As many rows as the largest universe, all traded."""
    instruments = tuple(
        Instrument("bybit-linear", f"C{i}USDT", InstrumentKind.PERP, f"C{i}", "USDT", "USDT") for i in range(rows)
    )
    index = {i.id: row for row, i in enumerate(instruments)}
    chance = np.random.default_rng(7)
    columns = {column.name: chance.random(rows) for column in COLUMNS}
    trades = tuple((i % rows, Trade("X", view.ts, 1.0 + i, 2.0, Side.BUY, f"id-{i:032d}")) for i in range(events))
    return msgspec.structs.replace(
        view, rows=Rows(1, instruments, index, ("A",) * rows, np.ones(rows, bool)), columns=columns, events=trades,
        quality=np.zeros(rows, np.uint32), usd=np.ones(rows), boards={},
    )  # fmt: skip


def test_publishing_five_thousand_rows_is_cheap(views: tuple[View, ...]) -> None:
    hub, view = Hub(), large_view(5_000, views[-1], 2_000)
    hub.publish(view)
    took = []
    for number in range(30):
        later = msgspec.structs.replace(view, number=number + 100)
        started = time.perf_counter()
        hub.publish(later)
        took.append(time.perf_counter() - started)
    assert float(np.median(took)) < 0.002


def test_memory_at_a_tenth_of_five_thousand_rows(views: tuple[View, ...]) -> None:
    rows, view = 500, large_view(500, views[-1], 0)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        hub = Hub()
        hub.candles, hub.trades = Candles(budget=BUDGET // 10), RecentTrades(bound=TRADES // 10)
        hub.publish(view)
        for last in (200, 210):
            for row in range(rows):
                for minute in range(last - 200, last):
                    hub.candles.add(row, bar(minute))
                for seconds in (900, 3600, 86400):
                    hub.candles.add(row, bar(last * seconds // 60, seconds=seconds))
                hub.candles.of(row, "1m", 1)
        hub.trades.extend((i % rows, Trade("X", 10**18 + i, 1.5 + i, 2.5 + i, Side.BUY, f"{i:036d}"))
                          for i in range(10_000))  # fmt: skip
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert hub.candles.bytes <= BUDGET // 10 * RECORD.itemsize
    assert used < 12_000_000


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), numbers, numbers), max_size=9), st.booleans())
def test_binary_frames_come_back(rows: list[tuple[int, float, float]], snapshot: bool) -> None:
    schema = schema_of((("change", "fraction"), ("last", "price")))
    assert [c.name for c in schema.columns] == ["last", "change"]
    positions = np.array([r[0] for r in rows], np.uint32)
    prices, changes = (np.array([r[i] for r in rows], float) for i in (1, 2))
    with np.errstate(over="ignore"):
        changes = changes.astype(np.float32)
    ranks = np.full(len(rows), GONE, np.uint32)
    head = Head("markets", 65_535, 4_294_967_295, 1_795_000_000_000.5)
    kind = SNAPSHOT if snapshot else DELTA
    frame = encode(kind, head, schema, positions, ranks, positions, [prices, changes])
    assert len(frame) % 8 == 0
    table = decode(frame, schema)
    assert (table.kind, table.topic_id, table.seq, table.ts_ms) == (kind, 65_535, 4_294_967_295, head.ts_ms)
    assert table.rows.tolist() == positions.tolist()
    assert np.array_equal(table.columns["last"], prices, equal_nan=True)
    assert np.array_equal(table.columns["change"], changes, equal_nan=True)
    for cut in (0, 10, 23, len(frame) - 8):
        if rows or cut < 24:
            with pytest.raises(ValueError, match="shorter"):
                decode(frame[:cut], schema)
    with pytest.raises(ValueError, match="not what"):
        decode(frame, schema_of((("last", "price"),)))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_framing_is_a_websocket_frame(size: int) -> None:
    from websockets.frames import Frame
    from websockets.streams import StreamReader

    for text in (True, False):
        message = Message(b"x" * size, text)
        reader = StreamReader()
        reader.feed_data(message.frame)
        parsing = Frame.parse(reader.read_exact, mask=False)
        with pytest.raises(StopIteration) as done:
            next(parsing)
        frame = done.value.value
        assert (frame.data, frame.fin, int(frame.opcode)) == (message.payload, True, 1 if text else 2)
