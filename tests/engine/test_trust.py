"""Silence, holes, repeats, clocks, hours and shapes: what the fold makes of a stream that misbehaves."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstape.engine.liveness import Liveness
from crosstape.model.event import Continuity, Drift, Tally, Trade
from crosstape.model.frame import Kind
from crosstape.model.quality import Quality
from crosstape.state.fields import STREAMED, TOUCHED, TRADED
from crosstape.state.source import Source
from crosstape.state.state import State
from crosstape.state.table import undescribed
from crosstape.venues.binance import BINANCE
from crosstape.wire.effect import Fetch, Reconnect, Subscribe, Unsubscribe
from support.bench import LINEAR, SECOND, Bench, started

BOTH = ("BTCUSDT", "ETHUSDT")


def busy(bench: Bench, seconds: int, symbols: tuple[str, ...] = BOTH, start: int = 0) -> None:
    """Every symbol trades and quotes twice a second."""
    for n in range(start, start + seconds * 2):
        for symbol in symbols:
            bench.trades(symbol, (f"{symbol}{n}", 10.5, 1.0))
            bench.book(symbol, "delta", 11 + n, [["10", str(1 + n % 7)]], [])
        bench.tick(0.5)


def said(bench: Bench, what: str) -> list[str]:
    return [event.symbol for event in bench.events if event.what == what]


def test_one_instrument_falls_silent_and_only_it_is_taken_anew() -> None:
    bench = started(*BOTH, "XRPUSDT", "SOLUSDT")
    rest = ("ETHUSDT", "XRPUSDT", "SOLUSDT")
    busy(bench, 30, ("BTCUSDT", *rest))
    bench.effects.clear()
    busy(bench, 7, rest, start=60)
    assert said(bench, "Stale") == ["BTCUSDT"]
    assert Quality.STALE in bench.quality("BTCUSDT")
    assert Quality.STALE not in bench.quality("ETHUSDT")
    topics = [e.topics for e in bench.effects if isinstance(e, Unsubscribe)]
    assert topics == [e.topics for e in bench.effects if isinstance(e, Subscribe)]
    assert {topic.rpartition(".")[2] for each in topics for topic in each} == {"BTCUSDT"}
    assert not [e for e in bench.effects if isinstance(e, Reconnect)]
    busy(bench, 25, rest, start=74)
    assert [e.reason for e in bench.effects if isinstance(e, Reconnect)] == ["an instrument stays silent"]
    bench.trades("BTCUSDT", ("again", 10.5, 1.0))
    bench.book("BTCUSDT", "snapshot", 500, [["10", "1"]], [["11", "1"]])
    busy(bench, 1, rest, start=124)
    assert said(bench, "Resumed")[-1:] == ["BTCUSDT"]
    assert Quality.STALE not in bench.quality("BTCUSDT")


def test_a_silent_connection_is_replaced_though_pongs_go_on() -> None:
    bench = started(*BOTH)
    busy(bench, 30)
    bench.effects.clear()
    for _ in range(16):
        bench.put(LINEAR, Kind.DATA, b'{"success":true,"ret_msg":"pong","op":"ping"}')
        bench.tick(0.5)
    replaced = [e for e in bench.effects if isinstance(e, Reconnect)]
    assert [(e.source, e.conn) for e in replaced] == [(LINEAR, 1)]
    assert "" in said(bench, "Stale")
    assert Quality.STALE in bench.quality("ETHUSDT")


def trades_asked(bench: Bench) -> list[str]:
    fetched = [e for e in bench.effects if isinstance(e, Fetch) and e.source.endswith("/trades")]
    return sorted(dict(e.request.params)["symbol"] for e in fetched)


def test_what_a_silent_connection_kept_to_itself_is_asked_for() -> None:
    bench = started(*BOTH)
    busy(bench, 30)
    for _ in range(16):
        bench.put(LINEAR, Kind.DATA, b'{"success":true,"ret_msg":"pong","op":"ping"}')
        bench.tick(0.5)
    bench.effects.clear()
    # Its replacement comes up while it is still there.
    bench.put(LINEAR, Kind.OPEN, conn=2)
    for symbol in BOTH:
        bench.trades(symbol, (f"{symbol}new", 10.5, 1.0), conn=2)
    bench.tick(3.0)
    assert trades_asked(bench) == list(BOTH)


def test_what_a_frozen_instrument_kept_to_itself_is_asked_for() -> None:
    bench = started(*BOTH, "XRPUSDT", "SOLUSDT")
    rest = ("ETHUSDT", "XRPUSDT", "SOLUSDT")
    busy(bench, 30, ("BTCUSDT", *rest))
    busy(bench, 7, rest, start=60)
    bench.trades("BTCUSDT", ("thawed", 10.5, 1.0))
    busy(bench, 4, rest, start=74)
    assert trades_asked(bench) == ["BTCUSDT"]


def test_stale_and_resumed_are_said_once_for_all_that_a_row_sends() -> None:
    bench = started(*BOTH, "XRPUSDT", "SOLUSDT")
    rest = ("ETHUSDT", "XRPUSDT", "SOLUSDT")
    busy(bench, 30, ("BTCUSDT", *rest))
    busy(bench, 8, rest, start=60)
    bench.trades("BTCUSDT", ("t", 10.5, 1.0))
    busy(bench, 2, rest, start=76)
    assert said(bench, "Resumed") == [], "its book is silent still"
    assert Quality.STALE in bench.quality("BTCUSDT")
    bench.trades("BTCUSDT", ("u", 10.5, 1.0))
    bench.book("BTCUSDT", "snapshot", 900, [["10", "1"]], [["11", "1"]])
    busy(bench, 1, rest, start=80)
    assert said(bench, "Stale") == ["BTCUSDT"]
    assert said(bench, "Resumed")[-1:] == ["BTCUSDT"]


def test_every_silent_row_gets_its_turn_and_every_route_is_replaced() -> None:
    state, liveness, ts = State(), Liveness(), 1_795_000_000 * SECOND
    for n in range(100):
        row = state.list(undescribed("binance-usdm", f"C{n}USDT"))
        state.table.shards[row], state.table.tiers[row] = "binance-usdm/0", "A"
        state.opened[row], state.now[[TRADED, TOUCHED, STREAMED], row] = ts / 1e9 - 1000.0, ts / 1e9 - 500.0
    for pulse in (state.trading, state.touching):
        pulse.heard[:100], pulse.gaps[:100], pulse.longest[:100] = ts / 1e9 - 500.0, 100.0, 1.0
    for name in ("binance-usdm/0", "binance-usdm.market/0"):
        state.sources[name] = Source(
            name, "binance-usdm", streams=True, conn=1, opened_ts=ts - 10**12, spoke_ts=ts
        )
    state.now[[TRADED, TOUCHED], 45:100] = ts / 1e9
    streams = {stream.name: stream for stream in BINANCE.streams}
    asked = [len(liveness.judge(state, streams, ts + n * SECOND)) for n in range(4)]
    assert asked == [20, 20, 5, 0]
    state.now[[TRADED, TOUCHED], 45:100] = ts / 1e9 - 400.0
    state.effects.clear()
    liveness.judge(state, streams, ts + 60 * SECOND)
    assert {e.source for e in state.effects if isinstance(e, Reconnect)} == set(state.sources)


def test_a_subscription_that_brings_nothing_is_noticed() -> None:
    bench = Bench()
    bench.catalogue(*BOTH)
    bench.tick()
    bench.put(LINEAR, Kind.OPEN)
    bench.put(LINEAR, Kind.DATA, b'{"success":true,"ret_msg":"","op":"subscribe","req_id":"1"}')
    for _ in range(63):
        bench.tick(1.0)
    assert [e.reason for e in bench.effects if isinstance(e, Reconnect)] == ["subscribed, and nothing came"]


def test_an_instrument_that_is_never_served_is_asked_for_again() -> None:
    bench = started(*BOTH)
    bench.catalogue(*BOTH, "XRPUSDT")
    for _ in range(61):
        bench.tick(1.0)
        busy(bench, 0)
        for symbol in BOTH:
            bench.trades(symbol, (f"{symbol}{bench.seq}", 10.5, 1.0))
    bench.effects.clear()
    for n in range(200):
        for symbol in BOTH:
            bench.trades(symbol, (f"{symbol}x{n}", 10.5, 1.0))
            bench.book(symbol, "snapshot", 100 + n, [["10", "1"]], [["11", "1"]])
        bench.tick(1.0)
    again = [e.topics for e in bench.effects if isinstance(e, Subscribe)]
    assert len(again) == 2, "after a minute, and after two more"
    assert all(topic.endswith(".XRPUSDT") for topics in again for topic in topics)
    assert said(bench, "Stale") == ["XRPUSDT"]
    assert Quality.STALE in bench.quality("XRPUSDT")
    assert not [e for e in bench.effects if isinstance(e, Reconnect)]


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_a_quiet_market_raises_no_alarm(seed: int) -> None:
    """Exponential pauses of a minute on average, for two hours: nothing is silent for long enough to say so."""
    from crosstape.state.pulse import Pulse

    chance = np.random.default_rng(seed)
    spoke = np.cumsum(chance.exponential(60.0, size=(120, 20)), axis=0)
    pulse, opened, alarms = Pulse(20), np.zeros(20), 0
    heard, turn = np.full(20, -np.inf), np.zeros(20, int)
    for now in range(1, int(spoke[-1].min())):
        while (due := spoke[turn, np.arange(20)] <= now).any():
            heard[due] = spoke[turn[due], np.flatnonzero(due)]
            turn += due
        before = pulse.silent
        pulse.look(heard, opened, float(now))
        alarms += int((pulse.silent > before).sum())
    assert alarms <= 1


def test_a_trade_that_is_said_twice_counts_once() -> None:
    bench = started("BTCUSDT")
    for _ in range(2):
        bench.trades("BTCUSDT", ("a", 10.0, 1.0), ("b", 10.0, 2.0))
    bench.tick(1.0)
    assert bench.column("turnover_1m") == 30.0
    assert bench.machine.state.sources[LINEAR].duplicates == 2


def test_the_same_id_on_two_instruments_is_two_trades() -> None:
    bench = started(*BOTH)
    bench.put(LINEAR, Kind.OPEN, conn=2)
    for symbol in BOTH:
        bench.trades(symbol, ("7", 10.0, 1.0), conn=2)
        bench.trades(symbol, ("7", 10.0, 1.0), conn=1)
    bench.tick(1.0)
    assert [bench.column("turnover_1m", symbol) for symbol in BOTH] == [10.0, 10.0]


TRADES = st.lists(
    st.tuples(st.integers(1, 900), st.floats(1.0, 100.0), st.floats(0.1, 9.0)), min_size=1, max_size=25
)


@settings(max_examples=15)
@given(TRADES, st.sets(st.integers(0, 24)))
def test_late_trades_leave_the_windows_as_if_they_had_been_in_time(trades: list[tuple[int, float, float]], late: set[int]) -> None:  # fmt: skip
    from crosstape.state.fields import BOUGHT, INDEX_OF_SUM, SUMS_FROM_NOW
    from crosstape.state.rings import Rings

    def fold(amended: set[int]) -> Rings:
        rings, empty = Rings(1), np.zeros((len(SUMS_FROM_NOW), 1))
        for second in range(1, 1001):
            sums, high, low = empty.copy(), np.full(1, -np.inf), np.full(1, np.inf)
            for n, (at, price, size) in enumerate(trades):
                if at == second and n not in amended:
                    sums[INDEX_OF_SUM[BOUGHT]] += price * size
                    high, low = np.maximum(high, price), np.minimum(low, price)
            rings.close_second(sums, high, low, np.full(1, np.nan), np.full(1, np.nan))
            if (second + 1) % 60 == 0:
                rings.close_minute(np.full(1, np.nan), np.full(1, np.nan))
            if (second + 1) % 300 == 0:
                rings.close_five(np.full(1, np.nan), np.full(1, np.nan))
        for n in sorted(amended):
            at, price, size = trades[n]
            rings.amend(0, 1001 - at, 1001, {BOUGHT: price * size}, price)
        return rings

    amended = {n for n in late if n < len(trades)}
    in_time, made_up = fold(set()), fold(amended)
    for a, b in zip(in_time.all, made_up.all, strict=True):
        for name in ("top", "bottom", "part_high", "part_low"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
        for name in ("sums", "run", "part"):
            flow = [getattr(ring, name)[INDEX_OF_SUM[BOUGHT]] for ring in (a, b)]
            np.testing.assert_allclose(*flow, rtol=1e-5, atol=1e-3, err_msg=name)


@pytest.mark.parametrize(("late_s", "skewed"), [(0.05, False), (-2.0, True), (9.0, True)])
def test_a_clock_that_cannot_be_right_is_flagged(late_s: float, skewed: bool) -> None:
    bench = started("BTCUSDT")
    for n in range(20):
        bench.trades("BTCUSDT", (str(n), 10.0, 1.0), late_s=late_s)
        bench.tick(0.5)
    assert (Quality.SKEWED in bench.quality()) is skewed


def test_an_hour_is_told_when_it_is_over() -> None:
    bench = started("BTCUSDT")
    hour = 3600 * SECOND
    bench.ts += hour - bench.ts % hour + 10 * SECOND
    bench.tick(1.0)
    bench.all.clear()
    began = bench.ts - bench.ts % hour
    for n in range(10):
        bench.trades("BTCUSDT", (f"x{n}", 10.0, 1.0), late_s=0.02)
        bench.tick(1.0)
    bench.trades("BTCUSDT", ("x9", 10.0, 1.0))
    bench.put(LINEAR, Kind.DATA, b'{"topic":"publicTrade.BTCUSDT","data":[{"T":"no"')
    bench.book("BTCUSDT", "delta", 99, [], [])
    lost = bench.ts
    bench.put(LINEAR, Kind.CLOSE, b"lost", status=1006)
    for _ in range(8):
        bench.tick(1.0)
    bench.ts = began + hour
    bench.tick(1.0)
    (told,) = [e for e in bench.all if isinstance(e, Tally) and e.source == LINEAR]
    assert (told.ts_event, told.frames, told.gaps, told.duplicates, told.errors) == (began, 16, 1, 1, 1)
    assert told.lag_p50_ms == pytest.approx(20.0, rel=0.15)
    assert told.lag_p99_ms >= told.lag_p50_ms
    assert told.offset_ms == pytest.approx(-20.0, abs=20.0)
    assert told.lost_s == pytest.approx((began + hour - lost) / SECOND, abs=1.5)
    assert told.bytes > 0


def test_a_new_field_is_told_once_and_harms_nothing() -> None:
    bench = started("BTCUSDT")
    for n in range(14_000):
        bench.trades("BTCUSDT", (f"o{n}", 10.0, 1.0))
    bench.tick(1.0)
    assert not [e for e in bench.all if isinstance(e, Drift)]
    for n in range(500):
        data = [{"T": bench.ts // 10**6, "s": "BTCUSDT", "S": "Buy", "v": "1", "p": "10", "i": f"n{n}", "BT": False,
                 "RPI": True}]  # fmt: skip
        message = {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": bench.ts // 10**6, "data": data}
        bench.put(LINEAR, Kind.DATA, json.dumps(message, separators=(",", ":")).encode())
    bench.tick(1.0)
    (drift,) = [e for e in bench.all if isinstance(e, Drift)]
    assert (drift.source, drift.kind, drift.path, drift.what) == (
        LINEAR,
        "publicTrade/snapshot",
        "data[].RPI",
        "appeared",
    )
    assert sum(isinstance(e, Trade) for e in bench.all) == 14_500
    assert bench.machine.state.sources[LINEAR].drifts == 1
    assert bench.machine.state.sources[LINEAR].errors == 0


def test_the_newest_ticker_measures_how_right_our_price_is() -> None:
    bench = started("BTCUSDT")
    assert math.isnan(bench.column("price_accuracy"))
    bench.trades("BTCUSDT", ("a", 10.0, 1.0))
    bench.catalogue("BTCUSDT")
    bench.trades("BTCUSDT", ("b", 10.001, 1.0))
    bench.tick(1.0)
    assert bench.column("price_accuracy") == 1.0
    bench.catalogue("BTCUSDT")
    bench.tick(1.0)
    assert bench.column("price_accuracy") == pytest.approx(1 - 1e-4)


def test_continuity_words_are_the_documented_ones() -> None:
    allowed = (Continuity.__doc__ or "").partition("one of ")[2].partition(".")[0].split()
    assert {
        "Stale",
        "Resumed",
        "Repaired",
        "Gap",
        "Skipped",
        "Lenient",
        "Differs",
        "Snapshot",
        "Opened",
        "Closed",
    } == set(allowed)
