"""Holes in trades: asked for once, put where they belong, counted once whatever comes twice or late."""

from __future__ import annotations

import json

import pytest

from crosstape.engine import mending
from crosstape.model.frame import Kind
from crosstape.model.quality import Quality
from crosstape.state.state import State
from crosstape.state.table import undescribed
from crosstape.venues.binance import BINANCE
from crosstape.wire.effect import Fetch
from support.bench import LINEAR, SECOND, Bench, started


def trades_asked(bench: Bench) -> list[str]:
    fetched = [e for e in bench.effects if isinstance(e, Fetch) and e.source.endswith("/trades")]
    return sorted(dict(e.request.params)["symbol"] for e in fetched)


def cut_and_back(bench: Bench, seconds: float) -> None:
    bench.put(LINEAR, Kind.CLOSE, b"lost", status=1006)
    bench.tick(seconds)
    bench.put(LINEAR, Kind.OPEN, conn=2)


def interrupted(seconds: float) -> tuple[Bench, int]:
    """A trade "a" of 10, a second, and a connection that was away so long; when the trade was."""
    bench = started("BTCUSDT")
    bench.trades("BTCUSDT", ("a", 10.0, 1.0))
    before = bench.ts
    bench.tick(1.0)
    cut_and_back(bench, seconds)
    return bench, before


def test_what_a_cut_missed_is_asked_for_and_put_where_it_belongs() -> None:
    bench, before = interrupted(5.0)
    bench.trades("BTCUSDT", ("d", 12.0, 1.0), conn=2)
    after = bench.ts
    bench.effects.clear()
    bench.tick(3.0)
    (fetch,) = [e for e in bench.effects if isinstance(e, Fetch)]
    assert (fetch.source, dict(fetch.request.params)["symbol"]) == ("bybit-linear/trades", "BTCUSDT")
    rows = [("d", 12.0, 1.0, after), ("c", 14.0, -2.0, before + 4 * SECOND), ("b", 8.0, 3.0, before + 3 * SECOND),
            ("a", 10.0, 1.0, before), ("z", 1.0, 9.0, before - SECOND)]  # fmt: skip
    for _ in range(2):
        bench.answer_trades("BTCUSDT", rows)
    bench.tick(1.0)
    assert bench.column("turnover_1m") == 10.0 + 24.0 + 28.0 + 12.0
    assert bench.column("cvd_5m") == 10.0 + 24.0 - 28.0 + 12.0
    assert (bench.column("high_1m"), bench.column("low_1m"), bench.column("last")) == (14.0, 8.0, 12.0)
    assert Quality.REPAIRED | Quality.GAP in bench.quality()
    (told,) = [e for e in bench.events if e.what == "Repaired"]
    assert (told.symbol, told.first, told.last) == ("BTCUSDT", 2, 1)
    assert bench.machine.state.sources[LINEAR].repaired == 2
    bench.effects.clear()
    for _ in range(70):
        bench.tick(1.0)
    klines = [e for e in bench.effects if isinstance(e, Fetch) and e.source == "bybit-linear/klines"]
    assert len(klines) == 1


def test_two_cuts_close_together_count_nothing_twice() -> None:
    bench, before = interrupted(1.0)
    between = []
    for n in range(60):
        bench.trades("BTCUSDT", (f"m{n}", 10.0, 1.0), conn=2)
        between.append((f"m{n}", 10.0, 1.0, bench.ts))
        bench.tick(0.03)
    bench.put(LINEAR, Kind.CLOSE, b"lost", conn=2, status=1006)
    bench.tick(1.0)
    bench.put(LINEAR, Kind.OPEN, conn=3)
    bench.trades("BTCUSDT", ("z", 10.0, 1.0), conn=3)
    last = bench.ts
    bench.tick(3.0)
    missed = [("x", 10.0, 1.0, before + SECOND), ("y", 10.0, 1.0, last - SECOND // 2)]
    rows = sorted([("a", 10.0, 1.0, before), *between, ("z", 10.0, 1.0, last), *missed], key=lambda r: -r[3])
    assert sum(isinstance(e, Fetch) and e.source.endswith("/trades") for e in bench.effects) == 1
    bench.answer_trades("BTCUSDT", rows)
    bench.tick(1.0)
    assert bench.column("turnover_1m") == pytest.approx(10.0 * 64)


def test_what_rest_said_first_is_not_counted_again_when_it_is_streamed() -> None:
    bench, _ = interrupted(1.0)
    bench.tick(16.0)
    assert [e.source for e in bench.effects if isinstance(e, Fetch)][-1:] == ["bybit-linear/trades"]
    bench.answer_trades("BTCUSDT", [("b", 10.0, 1.0, bench.ts - SECOND)])
    for n in range(40):
        bench.trades("BTCUSDT", (f"c{n}", 10.0, 1.0), conn=2)
        bench.tick(0.1)
    bench.trades("BTCUSDT", ("b", 10.0, 1.0), conn=2, late_s=5.0)
    bench.tick(1.0)
    assert bench.column("turnover_1m") == pytest.approx(420.0)


def test_the_first_trade_behind_a_quiet_hole_is_not_counted_again_by_the_second_answer() -> None:
    bench, before = interrupted(1.0)
    bench.tick(16.0)
    bench.answer_trades("BTCUSDT", [("a", 10.0, 1.0, before)])
    bench.trades("BTCUSDT", ("c", 10.0, 1.0), conn=2)
    first = bench.ts
    for n in range(40):
        bench.tick(0.1)
        bench.trades("BTCUSDT", (f"d{n}", 10.0, 1.0), conn=2)
    bench.tick(3.0)
    assert sum(isinstance(e, Fetch) and e.source.endswith("/trades") for e in bench.effects) == 2
    bench.answer_trades("BTCUSDT", [("c", 10.0, 1.0, first), ("b", 10.0, 1.0, first - SECOND)])
    bench.tick(1.0)
    assert bench.column("turnover_1m") == pytest.approx(10.0 * 43)


def test_two_cuts_without_a_trade_between_them_count_nothing_twice() -> None:
    bench, _ = interrupted(5.0)
    bench.tick(16.0)
    missed = ("b", 10.0, 1.0, bench.ts - 18 * SECOND)
    bench.answer_trades("BTCUSDT", [missed])
    bench.put(LINEAR, Kind.CLOSE, b"lost", conn=2, status=1006)
    bench.tick(1.0)
    bench.put(LINEAR, Kind.OPEN, conn=3)
    bench.tick(16.0)
    assert trades_asked(bench) == ["BTCUSDT"] * 2
    bench.answer_trades("BTCUSDT", [missed])
    bench.tick(1.0)
    assert bench.column("turnover_5m") == pytest.approx(20.0)


def test_what_rest_said_first_is_known_when_the_stream_brings_it_long_after() -> None:
    bench, _ = interrupted(1.0)
    bench.tick(16.0)
    bench.answer_trades("BTCUSDT", [("b", 10.0, 1.0, bench.ts - SECOND)])
    for _ in range(100):
        bench.tick(30.0)
    assert not bench.machine.state.holes
    bench.trades("BTCUSDT", ("b", 10.0, 1.0), conn=2, late_s=3001.0)
    bench.tick(1.0)
    assert bench.machine.state.sources[LINEAR].duplicates == 1


def test_an_answer_may_wait_for_a_crowded_budget() -> None:
    """Binance lets 60 rows a minute be made up for: the last of 500 is answered after eight of them."""
    bench, before = interrupted(5.0)
    bench.trades("BTCUSDT", ("d", 10.0, 1.0), conn=2)
    for _ in range(60):
        bench.tick(10.0)
    assert trades_asked(bench) == ["BTCUSDT"], "what waits is not asked for again"
    bench.answer_trades("BTCUSDT", [("b", 10.0, 1.0, before + SECOND), ("a", 10.0, 1.0, before)])
    bench.tick(1.0)
    assert bench.machine.state.sources[LINEAR].repaired == 1


def test_a_request_that_failed_is_made_again() -> None:
    bench, before = interrupted(5.0)
    bench.trades("BTCUSDT", ("d", 10.0, 1.0), conn=2)
    bench.tick(3.0)
    (request,) = [e.request for e in bench.effects if isinstance(e, Fetch) and e.source.endswith("/trades")]
    bench.put("bybit-linear/trades", Kind.FAILED, b"HTTP 503", request.key(), 0, 503)
    for _ in range(13):
        bench.tick(10.0)
    assert trades_asked(bench) == ["BTCUSDT"] * 2
    bench.answer_trades("BTCUSDT", [("b", 10.0, 1.0, before + SECOND), ("a", 10.0, 1.0, before)])
    bench.tick(1.0)
    assert bench.machine.state.sources[LINEAR].repaired == 1
    for _ in range(13):
        bench.tick(10.0)
    assert trades_asked(bench) == ["BTCUSDT"] * 2


def test_a_hole_in_which_nobody_traded_is_closed_by_an_empty_answer() -> None:
    bench, _ = interrupted(5.0)
    bench.trades("BTCUSDT", ("d", 10.0, 1.0), conn=2)
    bench.tick(3.0)
    (request,) = [e.request for e in bench.effects if isinstance(e, Fetch) and e.source.endswith("/trades")]
    body = {"retCode": 0, "time": bench.ts // 10**6, "result": {"category": "linear", "list": []}}
    bench.put("bybit-linear/trades", Kind.ANSWER, json.dumps(body).encode(), request.key(), 0, 200)
    for _ in range(100):
        bench.tick(10.0)
    assert not bench.machine.state.holes
    assert trades_asked(bench) == ["BTCUSDT"]


def test_an_answer_that_does_not_reach_back_says_so() -> None:
    bench, before = interrupted(5.0)
    bench.tick(3.0)
    bench.answer_trades("BTCUSDT", [("c", 14.0, -2.0, before + 4 * SECOND)])
    bench.tick(1.0)
    (told,) = [e for e in bench.events if e.what == "Repaired"]
    assert (told.first, told.last) == (1, 0)


def test_a_long_hole_is_asked_for_in_parts_of_less_than_an_hour() -> None:
    """Binance refuses a span of an hour ("-1127"); the newest part comes first, and no more than six are asked."""
    state, ts = State(), 1_795_000_000 * SECOND
    row = state.list(undescribed("binance-usdm", "BTCUSDT"))
    state.table.tiers[row] = "A"
    state.seen[row].last = ts - 150 * 60 * SECOND
    streams, venues = {stream.name: stream for stream in BINANCE.streams}, {"binance": BINANCE}
    mending.doubt(state, [row], ts, ts)
    mending.go_on(state, streams, venues, ts + 60 * SECOND)
    spans = [dict(e.request.params) for e in state.effects if isinstance(e, Fetch)]
    spans = [(int(s["startTime"]), int(s["endTime"])) for s in spans]
    assert len(spans) == 3
    assert all(last - first < 3_600_000 for first, last in spans)
    assert [last for _, last in spans[1:]] == [first for first, _ in spans[:-1]], "no part is left out"
    assert spans[-1][0] == state.seen[row].last // 10**6
    for fetch in [e for e in state.effects if isinstance(e, Fetch)]:
        assert not state.holes[row].answered
        mending.answered(state, "binance-usdm", fetch.request.key(), [], ts + 61 * SECOND)
    assert state.holes[row].answered


def test_a_part_that_failed_is_asked_for_again_though_the_others_were_answered() -> None:
    state, ts = State(), 1_795_000_000 * SECOND
    row = state.list(undescribed("binance-usdm", "BTCUSDT"))
    state.table.tiers[row] = "A"
    state.seen[row].last = ts - 150 * 60 * SECOND
    streams, venues = {stream.name: stream for stream in BINANCE.streams}, {"binance": BINANCE}
    mending.doubt(state, [row], ts, ts)
    mending.go_on(state, streams, venues, ts + 60 * SECOND)
    newest, *older = [e.request.key() for e in state.effects if isinstance(e, Fetch)]
    mending.failed(state, "binance-usdm", newest, ts + 61 * SECOND)
    for request in older:
        mending.answered(state, "binance-usdm", request, [], ts + 62 * SECOND)
    state.effects.clear()
    for second in range(63, 200, 10):
        mending.go_on(state, streams, venues, ts + second * SECOND)
    again = [e.request.key() for e in state.effects if isinstance(e, Fetch) and e.source.endswith("/trades")]
    assert newest.partition("&")[0] in {key.partition("&")[0] for key in again}
    assert not state.holes[row].answered
