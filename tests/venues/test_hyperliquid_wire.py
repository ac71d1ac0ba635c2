"""Whatever comes, Hyperliquid's readers return events or raise WireError; memory, books, tiers, funding, refusals."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.engine.checkpoint import load, save
from crosstape.engine.machine import Machine
from crosstape.engine.settings import Configure, EngineSettings, Universe, encode_command
from crosstape.engine.universe import choose
from crosstape.model.errors import WireError
from crosstape.model.event import BookSnapshot, Event, Funding, Trade
from crosstape.model.frame import CLOCK, CONFIG, Frame, Kind
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.state.fields import DAY_TURNOVER
from crosstape.state.state import State
from crosstape.venues import VENUES
from crosstape.venues.hyperliquid import HYPERLIQUID
from crosstape.venues.hyperliquid.rest import (
    backfill,
    decode_candles,
    decode_contexts,
    decode_perps,
    decode_spot,
    decode_spot_contexts,
    refusal,
)
from crosstape.venues.hyperliquid.stream import ASK, MOST_IDS, Decoder, Memory
from crosstape.venues.hyperliquid.subscriptions import ack, subscribe, topics
from crosstape.wire.effect import Send
from crosstape.wire.request import Request, parse_key

MS = 1_000_000
T0 = 1_795_000_000_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
CHANNELS = (
    "trades", "bbo", "l2Book", "allDexsAssetCtxs", "activeAssetCtx", "activeSpotAssetCtx", "post",
    "subscriptionResponse", "error", "pong", "?",
)  # fmt: skip
CANDLES = Request("klines", "/info", body='{"type":"candleSnapshot","req":{"coin":"X","endTime":9}}')
BTC = Instrument("hyperliquid", "BTC", InstrumentKind.PERP, "BTC", "USDC", "USDC", funding_hours=1.0)


def only_wire_errors(read: Any, *arguments: Any) -> None:
    try:
        events = read(*arguments)
    except WireError:
        return
    assert all(isinstance(event, Event | Send) for event in events)


def rest_readers(body: bytes) -> None:
    for read in (decode_perps, decode_spot, decode_contexts, decode_spot_contexts, decode_candles):
        only_wire_errors(read, CANDLES, body)
        only_wire_errors(read, Request("any", "/info"), body)


@given(st.binary(max_size=200))
def test_any_bytes(payload: bytes) -> None:
    only_wire_errors(Decoder(), payload)
    rest_readers(payload)
    ack(payload)
    refusal(200, "", payload)


@given(st.sampled_from(CHANNELS), JSON)
def test_any_json_under_a_known_channel(channel: str, data: object) -> None:
    message = {"channel": channel, "data": data}
    for text in (json.dumps(message), json.dumps(message, separators=(",", ":"))):
        only_wire_errors(Decoder(), text.encode())
        ack(text.encode())


@given(st.sampled_from(["coin", "side", "px", "sz", "time", "tid", "users", "hash"]), JSON)
def test_a_trade_with_one_odd_field(field: str, value: object) -> None:
    row = {"coin": "X", "side": "B", "px": "1", "sz": "2", "time": 1, "tid": 2, "users": ["0xa", "0xb"]} | {
        field: value
    }
    only_wire_errors(Decoder(), message("trades", [row]))


@given(st.sampled_from(["funding", "openInterest", "impactPxs", "markPx", "midPx", "prevDayPx", "oraclePx"]), JSON)
def test_a_context_with_one_odd_field(field: str, value: object) -> None:
    context = {"funding": "0.1", "openInterest": "2", "markPx": "3", "oraclePx": "4"} | {field: value}
    only_wire_errors(Decoder(), message("activeAssetCtx", {"coin": "X", "ctx": context}))
    rest_readers(json.dumps([{"universe": [{"name": "X", "szDecimals": 2}]}, [context]]).encode())


@given(JSON)
def test_any_answer(answer: object) -> None:
    rest_readers(json.dumps(answer).encode())


@given(st.integers(0, 10**4), st.integers(0, 255))
def test_a_real_message_cut_or_flipped(at: int, byte: int) -> None:
    real = bytearray(book(1, [(2.0, 1.0)], [(3.0, 1.0)]))
    at %= len(real)
    only_wire_errors(Decoder(), bytes(real[:at]))
    real[at] = byte
    only_wire_errors(Decoder(), bytes(real))


def message(channel: str, data: object) -> bytes:
    return json.dumps({"channel": channel, "data": data}, separators=(",", ":")).encode()


def trades(coin: str, *times: int, tid: int = 0) -> bytes:
    rows = [
        {"coin": coin, "side": "B", "px": "10", "sz": "1", "hash": "0x", "time": t, "tid": tid + i}
        for i, t in enumerate(times)
    ]
    return message("trades", rows)


def book(time: int, bids: list[tuple[float, float]], asks: list[tuple[float, float]], coin: str = "BTC") -> bytes:
    sides = [[{"px": str(p), "sz": str(s), "n": 1} for p, s in side] for side in (bids, asks)]
    return message("l2Book", {"coin": coin, "time": time, "levels": sides})


def touch(time: int) -> bytes:
    return message("bbo", {"coin": "BTC", "time": time, "bbo": [{"px": "1", "sz": "1", "n": 1}, None]})


def test_the_past_is_no_flow() -> None:
    decoder = Decoder()
    decoder(touch(T0))
    assert decoder(trades("BTC", T0 - 7_200_000, T0 - 5)) == []
    fresh = decoder(trades("BTC", T0 - 3, T0 + 4, tid=10))
    assert [e.id for e in fresh if isinstance(e, Trade)] == ["10", "11"]
    assert decoder(trades("BTC", T0 - 3, T0 + 4, tid=10)) == []
    assert len(decoder(trades("ETH", T0 - 60_000, T0 + 9, tid=20))) == 1


def test_without_a_clock_the_newest_block_is_taken() -> None:
    decoder = Decoder()
    found = decoder(trades("BTC", T0 - 9_000, T0, T0))
    assert [e.id for e in found if isinstance(e, Trade)] == ["1", "2"]


def test_ids_are_kept_in_bounds_and_a_dropped_subscription_begins_anew() -> None:
    decoder = Decoder()
    for i in range(MOST_IDS // 100 + 5):
        decoder(trades("BTC", *[T0] * 100, tid=i * 100))
    assert len(decoder.memory.tids) == MOST_IDS
    decoder(book(T0, [(1.0, 1.0)], []))
    for kind in ("trades", "l2Book"):
        said = {"method": "unsubscribe", "subscription": {"type": kind, "coin": "BTC"}}
        assert decoder(message("subscriptionResponse", said)) == []
    assert not decoder.memory.begun
    assert not decoder.memory.books


DEEP_BIDS = [(100.0 - i, 1.0) for i in range(20)]
DEEP_ASKS = [(101.0 + i, 1.0) for i in range(20)]


def last_book(decoder: Decoder, payload: bytes) -> BookSnapshot:
    (found,) = decoder(payload)
    assert isinstance(found, BookSnapshot)
    return found


def test_the_best_five_lie_over_the_twenty() -> None:
    decoder = Decoder()
    assert len(last_book(decoder, book(T0, DEEP_BIDS, DEEP_ASKS)).bids) == 20
    best = [(102.5, 7.0), (102.0, 7.0), (101.5, 7.0), (101.0, 7.0), (98.5, 7.0)]
    asks = [(103.5, 7.0), (104.0, 7.0), (104.5, 7.0), (105.0, 7.0), (106.5, 7.0)]
    found = last_book(decoder, book(T0 + 500, best, asks))
    assert found.bids == best + DEEP_BIDS[2:]
    assert found.asks == asks + DEEP_ASKS[6:]
    assert found.depth == 20
    assert last_book(decoder, book(T0 + 1000, best[:4], asks)).bids == best[:4]
    late = last_book(decoder, book(T0 + 16_000, best, asks))
    assert (late.bids, late.depth) == (best, 5)


def test_an_older_book_is_left_out_but_its_depth_counts() -> None:
    decoder = Decoder()
    best = DEEP_BIDS[:5], DEEP_ASKS[:5]
    assert last_book(decoder, book(T0 + 500, *best)).bids == best[0]
    assert decoder(book(T0, DEEP_BIDS, DEEP_ASKS)) == []
    assert last_book(decoder, book(T0 + 600, *best)).bids == DEEP_BIDS
    assert decoder(book(T0 + 400, *best)) == []


def test_names_are_asked_for_again_when_a_list_grew() -> None:
    decoder = Decoder()
    one = message("allDexsAssetCtxs", {"ctxs": [["", [{"markPx": "1", "oraclePx": "1"}]]]})
    two = message("allDexsAssetCtxs", {"ctxs": [["", [{"markPx": "1", "oraclePx": "1"}, {"markPx": "2"}]]]})
    assert decoder(one) == [Send("hyperliquid/0", ASK)]
    metas = [{"universe": [{"name": "BTC", "szDecimals": 5}]}]
    answer = {"type": "info", "payload": {"type": "allPerpMetas", "data": metas}}
    decoder(message("post", {"id": 1, "response": answer}))
    assert not any(isinstance(e, Send) for _ in range(100) for e in decoder(one))
    assert sum(isinstance(e, Send) for _ in range(40) for e in decoder(two)) == 2
    assert not decoder(message("post", {"id": 1, "response": {"type": "error", "payload": "429"}}))


def test_memory_survives_a_checkpoint() -> None:
    machine = Machine(VENUES)
    machine.step(Frame(0, T0 * MS, "hyperliquid/0", 1, Kind.OPEN, "", 0, "", b""))
    for i, payload in enumerate((touch(T0), book(T0, DEEP_BIDS, DEEP_ASKS), trades("BTC", T0, tid=5))):
        machine.step(Frame(1 + i, T0 * MS, "hyperliquid/0", 1, Kind.DATA, "", 0, "", payload))
    machine.step(Frame(4, T0 * MS + 1, CLOCK, 0, Kind.TICK, "", 0, "", b""))
    again = Machine(VENUES)
    load(again, dict(save(machine)))
    decoders = [m.routes["hyperliquid/0"].decoders[1] for m in (machine, again)]
    memories = [d.memory for d in decoders if isinstance(d, Decoder)]
    assert memories[0] == memories[1]
    assert memories[1].books["BTC"].bids == DEEP_BIDS
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(memories[0]), type=Memory) == memories[0]


def test_addresses_survive_the_fold_of_a_multiplier() -> None:
    machine = Machine(VENUES)
    metas = json.dumps([{"universe": [{"name": "kPEPE", "szDecimals": 0}]}]).encode()
    asked = HYPERLIQUID.polls[0].first()[0].key()
    machine.step(Frame(0, T0 * MS, "hyperliquid/instruments", 0, Kind.ANSWER, asked, 200, "", metas))
    row = {"coin": "kPEPE", "side": "A", "px": "0.009", "sz": "100", "time": T0, "tid": 1, "users": ["0xa", "0xb"]}
    machine.step(Frame(1, T0 * MS, "hyperliquid/0", 1, Kind.DATA, "", 0, "", message("trades", [row])))
    (trade,) = [event for _, event in machine.state.events if isinstance(event, Trade)]
    assert trade.counterparties == ("0xa", "0xb")
    assert (trade.price, trade.size) == (pytest.approx(9e-6), 100_000.0)


def test_funding_of_any_interval_is_one_figure() -> None:
    """One economy, paid hourly here, four- and eight-hourly elsewhere: the unified columns agree."""
    machine = Machine(VENUES)
    machine.step(
        Frame(0, T0 * MS, CONFIG, 0, Kind.COMMAND, "", 0, "", encode_command(Configure(EngineSettings())))
    )
    metas = json.dumps([{"universe": [{"name": "BTC", "szDecimals": 5}]}]).encode()
    asked = HYPERLIQUID.polls[0].first()[0].key()
    machine.step(Frame(1, T0 * MS, "hyperliquid/instruments", 0, Kind.ANSWER, asked, 200, "", metas))
    context = {"coin": "BTC", "ctx": {"funding": "0.0000125", "markPx": "9", "oraclePx": "9"}}
    machine.step(Frame(2, T0 * MS, "hyperliquid/0", 1, Kind.DATA, "", 0, "", message("activeAssetCtx", context)))
    for i, (hours, rate) in enumerate(((4, "0.00005"), (8, "0.0001"))):
        body = {"topic": f"tickers.C{hours}", "type": "snapshot", "ts": T0, "data": {
            "symbol": f"C{hours}", "markPrice": "9", "fundingRate": rate, "fundingIntervalHour": str(hours),
            "nextFundingTime": str(T0 + 1)}}  # fmt: skip
        payload = json.dumps(body, separators=(",", ":")).encode()
        machine.step(Frame(3 + i, T0 * MS, "bybit-linear/0", 1, Kind.DATA, "", 0, "", payload))
    view, _ = machine.step(Frame(9, T0 * MS + 100 * MS, CLOCK, 0, Kind.TICK, "", 0, "", b""))
    view, _ = machine.step(Frame(10, T0 * MS + 1200 * MS, CLOCK, 0, Kind.TICK, "", 0, "", b""))
    assert view is not None
    rows = [view.rows.index[i] for i in ("hyperliquid:BTC", "bybit-linear:C4", "bybit-linear:C8")]
    for column, want in (("funding_8h", 0.0001), ("funding_apr", 0.0001 * 3 * 365)):
        values = view.columns[column][rows]
        assert values == pytest.approx([values[0]] * 3, rel=1e-6)
        assert values[0] == pytest.approx(want, rel=1e-6)


def test_the_next_funding_is_the_next_full_hour() -> None:
    decoder = Decoder()
    decoder(touch(T0))
    context = {"coin": "BTC", "ctx": {"funding": "0.0000125"}}
    found = [e for e in decoder(message("activeAssetCtx", context)) if isinstance(e, Funding)]
    assert [(e.interval_hours, e.next_ts) for e in found] == [(1.0, 1_795_003_200_000 * MS)]


def test_subscriptions_by_tier() -> None:
    assert topics(BTC, "A") == ("l2Book:BTC", "l2Book.fast:BTC", "bbo:BTC", "trades:BTC")
    assert topics(BTC, "B") == ("bbo:BTC", "trades:BTC")
    assert topics(BTC, "C") == ()
    assert msgspec.json.decode(subscribe(["l2Book.fast:xyz:TSLA"], "7")) == {
        "method": "subscribe",
        "subscription": {"type": "l2Book", "coin": "xyz:TSLA", "fast": True},
    }


def test_the_venue_never_asks_for_more_than_an_address_may_have() -> None:
    limits = [stream.limits for stream in HYPERLIQUID.streams]
    assert sum(limit.topics for limit in limits) <= 1000
    assert sum(-(-limit.topics // int(limit.topics_per_connection * 0.85 - 3)) for limit in limits) <= 10
    for stream in HYPERLIQUID.streams:
        state = State()
        for i in range(600):
            row = state.list(msgspec.structs.replace(BTC, market=stream.market, native=f"C{i}"))
            state.cells[row][DAY_TURNOVER] = 1e9 - i
        universe = Universe(top=0, deep=50, min_24h_volume=0, symbols=("C599",))
        for _ in range(2):
            for row, tier in choose(state, stream.market, universe, (stream,)).items():
                state.table.tiers[row] = tier
        taken = sum(len(stream.topics(BTC, tier)) for tier in state.table.tiers[:600]) + len(stream.bulk)
        assert stream.limits.topics - 4 <= taken <= stream.limits.topics
        assert state.table.tiers[599] == "A"
        tiers = state.table.tiers[:599]
        assert tiers == sorted(tiers), "by rank"
        assert not choose(state, stream.market, universe, (stream,)), "and they stay"


def test_answers_to_what_was_asked_twice_are_good() -> None:
    for text, ok in (
        ("Already subscribed: {}", True),
        ("Already unsubscribed: {}", True),
        ("Invalid subscription", False),
    ):
        found = ack(message("error", text))
        assert found is not None
        assert found.ok is ok
    assert ack(message("error", 'Error parsing JSON into valid websocket request: {"method":"post"}')) is None


@pytest.mark.parametrize(
    ("status", "body", "ban", "retry"),
    [
        (429, b"", 30.0, True), (500, b"", 0.0, True), (502, b"<html>", 0.0, True),
        (422, b"Failed to deserialize the JSON body into the target type", 0.0, False), (200, b"null", 0.0, False),
    ],
)  # fmt: skip
def test_refusals(status: int, body: bytes, ban: float, retry: bool) -> None:
    found = refusal(status, "", body)
    assert found is not None
    assert (found.ban_s, found.retry) == (ban, retry)
    assert refusal(200, "", b"[]") is None


def test_backfill_posts_what_it_means() -> None:
    requests = backfill(BTC, 0, 6000 * 60_000 * MS)
    assert [json.loads(r.body)["req"]["endTime"] for r in requests] == [5000 * 60_000 - 1, 6000 * 60_000 - 1]
    assert [r.weight for r in requests] == [103.0, 36.0]
    assert parse_key(requests[0].key()).body == requests[0].body


def test_the_declaration() -> None:
    kinds = {c.what: c.how for c in HYPERLIQUID.capabilities}
    assert kinds["liquidations"] == "none"
    assert {"trades", "book", "funding", "open interest"} <= set(kinds)
    assert all(not i.described for i in HYPERLIQUID.builtin())
    assert {s.market for s in HYPERLIQUID.streams} == {i.market for i in HYPERLIQUID.builtin()}
