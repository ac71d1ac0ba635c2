"""Whatever comes, Binance's decoders return events or raise WireError; its declaration asks for what it should."""

from __future__ import annotations

import itertools
import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.engine.checkpoint import load, save
from crosstape.engine.machine import Machine
from crosstape.engine.rounds import due
from crosstape.engine.settings import Configure, EngineSettings, SetUniverse, Universe, encode_command
from crosstape.model.errors import WireError
from crosstape.model.event import Event
from crosstape.model.frame import CLOCK, CONFIG, Frame, Kind
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.model.quality import Quality
from crosstape.state.state import State
from crosstape.venues.binance import BINANCE, COINM, SPOT, USDM
from crosstape.venues.binance.builtin import builtin
from crosstape.venues.binance.rest import (
    backfill,
    decode_book,
    decode_days,
    decode_instruments,
    decode_interest,
    decode_intervals,
    decode_klines,
    refusal,
)
from crosstape.venues.binance.stream import ack, decode, subscribe
from crosstape.wire.effect import Effect, Fetch, Subscribe, Unsubscribe
from crosstape.wire.multiplier import split_multiplier
from crosstape.wire.request import Request, parse_key

REQUEST = Request("any", "/", (("symbol", "X"),))
T0 = 1_795_000_000_000_000_000
SECOND = 1_000_000_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
STREAM = st.sampled_from(
    ["x@aggTrade", "x@trade", "x@depth@100ms", "x@bookTicker", "x@markPrice@1s", "!markPrice@arr@1s", "!ticker@arr",
     "!miniTicker@arr", "!forceOrder@arr", "x@kline_1m", "", "@", "!"]
)  # fmt: skip
REST = (
    *(partial(decode_instruments, market) for market in (USDM, SPOT, COINM)),
    decode_book, decode_days, decode_interest, decode_intervals, decode_klines,
)  # fmt: skip


def only_wire_errors(read: Any, *arguments: Any) -> None:
    try:
        events = read(*arguments)
    except WireError:
        return
    assert all(isinstance(event, Event | Fetch) for event in events)


@given(st.binary(max_size=200))
def test_any_bytes(payload: bytes) -> None:
    only_wire_errors(decode, 2, payload)
    only_wire_errors(decode, 2, b'{"stream":"' + payload)
    for read in REST:
        only_wire_errors(read, REQUEST, payload)
    ack(payload)
    refusal(200, "", payload)
    refusal(400, "", payload)


@given(STREAM, JSON)
def test_any_json_under_a_known_stream(stream: str, data: object) -> None:
    only_wire_errors(decode, 2, json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode())


GOOD = {
    "x@aggTrade": {"a": 1, "p": "1", "q": "2", "T": 3, "m": True, "s": "X"},
    "x@depth": {"U": 1, "u": 2, "pu": 0, "b": [["1", "2"]], "a": [], "s": "X", "T": 1},
    "x@bookTicker": {"u": 1, "s": "X", "b": "1", "B": "2", "a": "3", "A": "4"},
    "!markPrice@arr": {"s": "X", "E": 1, "p": "1", "i": "2", "r": "0.1", "T": 5, "st": 1},
    "!ticker@arr": {"s": "X", "E": 1, "c": "1", "h": "1", "l": "1", "v": "1", "q": "1", "o": "1"},
    "!forceOrder@arr": {"o": {"s": "X", "S": "BUY", "p": "1", "ap": "1", "z": "1", "T": 1}},
}


@given(st.sampled_from(sorted(GOOD)), st.data(), JSON)
def test_one_odd_field(stream: str, data: st.DataObject, value: object) -> None:
    row = dict(GOOD[stream])
    row[data.draw(st.sampled_from(sorted(row)))] = value
    only_wire_errors(decode, 2, json.dumps({"stream": stream, "data": row}, separators=(",", ":")).encode())


@given(st.dictionaries(st.sampled_from(["symbols", "serverTime", "bids", "asks", "lastUpdateId", "symbol",
                                        "openInterest", "time"]), JSON), JSON)  # fmt: skip
def test_any_answer(answer: dict[str, object], row: object) -> None:
    for read in REST:
        only_wire_errors(read, REQUEST, json.dumps(answer).encode())
        only_wire_errors(read, REQUEST, json.dumps([row, answer]).encode())


def test_acks() -> None:
    assert json.loads(subscribe(["a@b"], "7")) == {"method": "SUBSCRIBE", "params": ["a@b"], "id": 7}
    good = ack(b'{"result":null,"id":7}')
    assert good is not None
    assert (good.ok, good.request_id) == (True, "7")
    bad = ack(b'{"code":2,"msg":"Invalid request","id":7}')
    assert bad is not None
    assert (bad.ok, bad.reason) == (False, "2 Invalid request")
    assert ack(b'{"error":{"code":2,"msg":"x"},"id":8}') is not None
    assert ack(b'{"stream":"x@aggTrade","data":{"id":1}}') is None


def test_multipliers() -> None:
    assert split_multiplier("1MBABYDOGE") == ("BABYDOGE", 1e6)
    assert split_multiplier("1000SATS") == ("SATS", 1e3)
    assert split_multiplier("1000000MOG") == ("MOG", 1e6)
    assert split_multiplier("1INCH") == ("1INCH", 1.0)
    row = {"symbol": "1000SATSUSDT", "status": "TRADING", "baseAsset": "1000SATS", "quoteAsset": "USDT"}
    listed = decode_instruments(SPOT, REQUEST, json.dumps({"symbols": [row]}).encode())[0]
    assert (listed.instrument.base, listed.instrument.multiplier) == ("SATS", 1000.0)  # type: ignore[union-attr]


@pytest.mark.parametrize(("status", "ban_s", "retry"), [(418, 120, True), (429, 10, True), (403, 300, False),
                                                        (451, 600, False), (503, 0, True)])  # fmt: skip
def test_refusals(status: int, ban_s: float, retry: bool) -> None:
    found = refusal(status, "", b"")
    assert found is not None
    assert (found.ban_s, found.retry) == (ban_s, retry)


def test_refusals_with_a_code() -> None:
    assert refusal(200, "", b"{}") is None
    limited = refusal(400, "", b'{"code":-1003,"msg":"Too many requests"}')
    assert limited is not None
    assert (limited.ban_s, limited.retry) == (60.0, True)
    closed = refusal(400, "", b'{"code":-1121,"msg":"Invalid symbol."}')
    assert closed is not None
    assert (closed.ban_s, closed.retry) == (0.0, False)


def test_backfill_covers_the_hours_without_overlap() -> None:
    btc = Instrument(USDM, "BTCUSDT", InstrumentKind.PERP, "BTC", "USDT", "USDT")
    asked = backfill(btc, T0 - T0 % (60 * SECOND) - 12 * 3600 * SECOND, T0 - T0 % (60 * SECOND))
    spans = [(int(dict(r.params)["startTime"]), int(dict(r.params)["endTime"])) for r in asked]
    assert sum(end + 1 - start for start, end in spans) == 12 * 3600 * 1000
    assert all(later[0] == sooner[1] + 1 for sooner, later in itertools.pairwise(spans))
    assert all(parse_key(r.key()).params == r.params for r in asked)


def test_builtin_names_are_unique() -> None:
    ids = [i.id for i in builtin()]
    assert len(set(ids)) == len(ids)
    assert not any(i.described for i in builtin())


class Bench:
    """A machine that is fed by hand."""

    def __init__(self) -> None:
        self.machine, self.seq, self.ts = Machine((BINANCE,)), 0, T0
        self.effects: list[Effect] = []
        universe = Universe(top=0, deep=2, min_24h_volume=0.0)
        self.put(
            CONFIG, Kind.COMMAND, encode_command(Configure(EngineSettings(universe=universe, backfill_hours=0)))
        )

    def put(self, source: str, kind: Kind, body: object = b"", request: str = "", conn: int = 1) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        _, effects = self.machine.step(Frame(self.seq, self.ts, source, conn, kind, request, 200, "", payload))
        self.effects += effects
        self.seq += 1

    def tick(self, seconds: float = 0.1) -> list[Effect]:
        self.effects = []
        self.ts += int(seconds * SECOND)
        self.put(CLOCK, Kind.TICK, conn=0)
        return self.effects

    def listed(self, *coins: str) -> None:
        rows = [{"symbol": f"{c}USDT", "baseAsset": c, "quoteAsset": "USDT", "contractType": "PERPETUAL",
                 "status": "TRADING"} for c in coins]  # fmt: skip
        self.put(f"{USDM}/instruments", Kind.ANSWER, {"symbols": rows}, "instruments /fapi/v1/exchangeInfo", 0)
        days = [{"symbol": f"{c}USDT", "lastPrice": "1", "highPrice": "1", "lowPrice": "1", "volume": "1",
                 "quoteVolume": str(1000 - n), "openPrice": "1"} for n, c in enumerate(coins)]  # fmt: skip
        self.put(f"{USDM}/tickers", Kind.ANSWER, days, "tickers /fapi/v1/ticker/24hr", 0)

    def delta(self, first: int, last: int, prev: int, coin: str = "BTC") -> None:
        data = {"s": f"{coin}USDT", "U": first, "u": last, "pu": prev, "b": [["1", str(last)]], "a": [["2", "1"]],
                "T": self.ts // 10**6}  # fmt: skip
        self.put(f"{USDM}/0", Kind.DATA, {"stream": f"{coin.lower()}usdt@depth@100ms", "data": data})

    def book(self, last: int, coin: str = "BTC") -> None:
        body = {"lastUpdateId": last, "bids": [["1", "5"]], "asks": [["2", "5"]]}
        self.put(f"{USDM}/books", Kind.ANSWER, body, f"books /fapi/v1/depth?symbol={coin}USDT&limit=500", 0)

    def fetched(self, source: str) -> list[str]:
        found = [
            dict(e.request.params)["symbol"] for e in self.effects if isinstance(e, Fetch) and e.source == source
        ]
        self.effects = [e for e in self.effects if not isinstance(e, Fetch)]
        return found


def test_topics_go_to_their_routes_and_bulk_streams_once() -> None:
    bench = Bench()
    bench.listed("BTC", "ETH", "SOL")
    asked = {e.source: e.topics for e in bench.tick() if isinstance(e, Subscribe)}
    assert set(asked) == {"binance-usdm/0", "binance-usdm.market/0"}
    assert set(asked["binance-usdm/0"]) == {
        "btcusdt@bookTicker", "ethusdt@bookTicker", "solusdt@bookTicker", "btcusdt@depth@100ms",
        "ethusdt@depth@100ms",
    }  # fmt: skip
    assert set(asked["binance-usdm.market/0"]) == {
        "!markPrice@arr@1s", "!ticker@arr", "!forceOrder@arr", "btcusdt@aggTrade", "ethusdt@aggTrade",
        "solusdt@aggTrade",
    }  # fmt: skip


def test_a_delta_without_a_book_asks_for_one_snapshot() -> None:
    bench = Bench()
    bench.listed("BTC", "ETH")
    bench.tick()
    bench.put(f"{USDM}/0", Kind.OPEN)
    bench.delta(10, 12, 9)
    bench.delta(13, 15, 12)
    assert bench.fetched(f"{USDM}/books") == ["BTCUSDT"]
    bench.book(5)
    assert bench.fetched(f"{USDM}/books") == ["BTCUSDT"], "too old: asked again at once"
    bench.book(11)
    book = bench.machine.state.books[0]
    assert book is not None
    assert (book.synced, book.last, book.bids) == (True, 15, {1.0: 15.0})
    bench.delta(20, 22, 19)
    assert not book.synced
    assert bench.fetched(f"{USDM}/books") == ["BTCUSDT"]
    bench.book(22)
    assert (book.synced, book.last) == (True, 22)


def test_an_answer_that_never_comes_is_asked_for_again() -> None:
    bench = Bench()
    bench.listed("BTC")
    bench.tick()
    bench.put(f"{USDM}/0", Kind.OPEN)
    bench.delta(10, 12, 9)
    assert bench.fetched(f"{USDM}/books") == ["BTCUSDT"]
    bench.tick(20)
    assert bench.fetched(f"{USDM}/books") == []
    bench.tick(11)
    assert bench.fetched(f"{USDM}/books") == ["BTCUSDT"]


def test_a_reconnect_starts_over_and_an_answer_for_a_dead_stream_is_ignored() -> None:
    bench = Bench()
    bench.listed("BTC")
    bench.tick()
    bench.put(f"{USDM}/0", Kind.OPEN)
    bench.delta(10, 12, 9)
    bench.book(12)
    bench.put(f"{USDM}/0", Kind.CLOSE)
    book = bench.machine.state.books[0]
    assert book is not None
    bench.book(14)
    assert not book.synced
    bench.put(f"{USDM}/0", Kind.OPEN, conn=2)
    bench.effects = []
    bench.delta(20, 22, 19)
    assert bench.fetched(f"{USDM}/books") == ["BTCUSDT"]
    bench.book(21)
    assert (book.synced, book.last) == (True, 22)


def test_a_closed_trade_route_leaves_the_book_alone_but_the_row_is_not_live() -> None:
    bench = Bench()
    bench.listed("BTC")
    bench.tick()
    for source in (f"{USDM}/0", f"{USDM}.market/0"):
        bench.put(source, Kind.OPEN)
    bench.delta(10, 12, 9)
    bench.book(12)
    assert bench.machine.state.opened[0] == bench.ts * 1e-9
    bench.put(f"{USDM}.market/0", Kind.CLOSE)
    book = bench.machine.state.books[0]
    assert book is not None
    assert book.synced
    assert bench.machine.state.opened[0] == float("inf")


def test_open_interest_is_asked_evenly_and_only_of_tier_a() -> None:
    bench = Bench()
    bench.listed("BTC", "ETH", "SOL")
    bench.tick()
    asked: list[str] = []
    most = 0
    for _ in range(600):
        bench.tick()
        now = bench.fetched(f"{USDM}/interest")
        most = max(most, len(now))
        asked += now
    assert sorted(asked) == ["BTCUSDT", "BTCUSDT", "ETHUSDT", "ETHUSDT"]
    assert most == 1


def test_forced_orders_make_a_row_lossy() -> None:
    bench = Bench()
    bench.listed("BTC", "ETH")
    bench.tick()
    order = {"s": "BTCUSDT", "S": "SELL", "p": "1", "ap": "1", "z": "2", "T": 5}
    bench.put(
        f"{USDM}.market/0", Kind.DATA, {"stream": "!forceOrder@arr", "data": {"e": "forceOrder", "o": order}}
    )
    view = bench.machine.step(Frame(bench.seq, bench.ts + SECOND, CLOCK, 0, Kind.TICK, "", 0, "", b""))[0]
    assert view is not None
    assert [bool(flags & Quality.LOSSY) for flags in view.quality.tolist()] == [True, False]


def test_a_repeated_catalogue_does_not_undo_an_interval() -> None:
    bench = Bench()
    bench.listed("BTC")
    interval = [{"symbol": "BTCUSDT", "fundingIntervalHours": 4}]
    bench.put(f"{USDM}/intervals", Kind.ANSWER, interval, "intervals /fapi/v1/fundingInfo", 0)
    bench.listed("BTC")
    bench.tick()
    view = bench.machine.step(Frame(bench.seq, bench.ts + SECOND, CLOCK, 0, Kind.TICK, "", 0, "", b""))[0]
    assert view is not None
    assert view.columns["funding_hours"][0] == 4.0 if "funding_hours" in view.columns else True


def test_a_row_that_leaves_tier_a_leaves_its_book() -> None:
    bench = Bench()
    bench.listed("BTC", "ETH", "SOL")
    bench.tick()
    bench.put(f"{USDM}/0", Kind.OPEN)
    bench.delta(10, 12, 9, "ETH")
    bench.book(12, "ETH")
    state = bench.machine.state
    assert state.books[1] is not None
    universe = Universe(top=0, deep=0, symbols=("BTCUSDT",), min_24h_volume=0.0)
    bench.put(CONFIG, Kind.COMMAND, encode_command(SetUniverse(USDM, universe)), conn=0)
    gone = [e.topics for e in bench.tick() if isinstance(e, Unsubscribe)]
    assert gone == [("ethusdt@depth@100ms",)]
    assert state.books[1] is None
    # What was under way comes to nothing.
    bench.delta(13, 14, 12, "ETH")
    bench.book(14, "ETH")
    assert state.books[1] is None
    assert bench.fetched(f"{USDM}/books") == []
    assert not state.resyncing[1]


def test_a_checkpoint_keeps_what_is_held() -> None:
    bench = Bench()
    bench.listed("BTC")
    bench.tick()
    bench.put(f"{USDM}/0", Kind.OPEN)
    bench.delta(10, 12, 9)
    bench.tick()
    sections = dict(save(bench.machine))
    bench.machine = Machine((BINANCE,))
    load(bench.machine, sections)
    bench.delta(13, 15, 12)
    assert bench.fetched(f"{USDM}/books") == [], "it was asked for before"
    bench.book(11)
    book = bench.machine.state.books[0]
    assert book is not None
    assert (book.synced, book.last) == (True, 15)


def test_a_large_universe_gets_longer_rounds() -> None:
    state = State()
    poll = next(p for p in BINANCE.polls if p.source == f"{USDM}/interest")
    for n in range(400):
        row = state.list(Instrument(USDM, f"C{n}USDT", InstrumentKind.PERP, f"C{n}", "USDT", "USDT"))
        state.table.tiers[row] = "A"
    asked = [len(due(state, [poll], T0 + n * SECOND, T0 + (n + 1) * SECOND)) for n in range(100)]
    assert max(asked) <= poll.per_s + 1
    assert sum(asked) == 800
