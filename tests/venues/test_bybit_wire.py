"""Whatever comes, the decoder returns events or raises WireError; what the simulator encodes is decoded again."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.engine.machine import Machine
from crosstape.model.errors import WireError
from crosstape.model.event import BookDelta, BookSnapshot, Event, Quote, Trade
from crosstape.model.frame import Kind
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.venues import VENUES
from crosstape.venues.bybit import BYBIT
from crosstape.venues.bybit.rest import (
    decode_instruments,
    decode_klines,
    decode_tickers,
    instruments_page,
    refusal,
)
from crosstape.venues.bybit.stream import ack, decode, subscribe, topics
from crosstape.wire.effect import Fetch
from crosstape.wire.multiplier import split_multiplier
from crosstape.wire.request import Request, parse_key
from support.world import CATEGORIES, tape_of

REQUEST = Request("any", "/")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
TOPIC = st.sampled_from(["publicTrade.X", "orderbook.50.X", "orderbook.1.X", "tickers.X", "allLiquidation.X", "?"])


def only_wire_errors(read: Any, *arguments: Any) -> None:
    try:
        events = read(*arguments)
    except WireError:
        return
    assert all(isinstance(event, Event | Fetch) for event in events)


@given(st.binary(max_size=200))
def test_any_bytes(payload: bytes) -> None:
    only_wire_errors(decode, payload)
    only_wire_errors(decode_tickers, REQUEST, payload)
    only_wire_errors(decode_klines, REQUEST, payload)
    for category in CATEGORIES:
        only_wire_errors(decode_instruments, category, REQUEST, payload)
    ack(payload)
    refusal(200, "", payload)


@given(TOPIC, st.sampled_from(["snapshot", "delta", "x"]), JSON, JSON)
def test_any_json_under_a_known_topic(topic: str, kind: str, data: object, ts: object) -> None:
    message = {"topic": topic, "type": kind, "ts": ts, "data": data}
    only_wire_errors(decode, json.dumps(message).encode())
    only_wire_errors(decode, json.dumps(message, separators=(",", ":")).encode())


FIELDS = st.sampled_from(["p", "v", "T", "S", "i", "s"])


@given(FIELDS, JSON)
def test_a_trade_with_one_odd_field(field: str, value: object) -> None:
    trade = {"T": 1, "s": "X", "S": "Buy", "v": "1", "p": "2", "i": "3", "BT": False} | {field: value}
    only_wire_errors(decode, json.dumps({"topic": "publicTrade.X", "ts": 1, "data": [trade]}).encode())


@given(st.dictionaries(st.sampled_from(["retCode", "result", "time", "retMsg"]), JSON))
def test_any_answer(answer: dict[str, object]) -> None:
    body = json.dumps(answer).encode()
    only_wire_errors(decode_tickers, REQUEST, body)
    only_wire_errors(decode_klines, REQUEST, body)
    only_wire_errors(decode_instruments, "linear", REQUEST, body)


@given(st.integers(0, 10**4), st.data())
def test_a_real_message_cut_or_flipped(at: int, data: st.DataObject) -> None:
    message = bytearray(
        b'{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1,"data":{"s":"BTCUSDT","b":[["1.5","2"]],"a":[],"u":7}}'
    )
    at %= len(message)
    only_wire_errors(decode, bytes(message[:at]))
    message[at] = data.draw(st.integers(0, 255))
    only_wire_errors(decode, bytes(message))


def test_topic_need_not_come_first() -> None:
    row = b'{"T":4,"s":"X","S":"Sell","v":"1","p":"2","i":"a"}'
    reordered = b'{"ts":5,"type":"snapshot","topic":"publicTrade.X","data":[' + row + b"]}"
    (trade,) = decode(reordered)
    assert isinstance(trade, Trade)
    assert trade.price == 2.0


def test_what_the_simulator_encodes_is_decoded_without_an_error() -> None:
    machine = Machine(VENUES)
    frames = tape_of(3.0, instruments=6)
    seen: set[type] = set()
    for frame in frames:
        if frame.kind is Kind.DATA:
            seen.update(type(event) for event in decode(frame.payload))
        machine.step(frame)
    assert {Trade, Quote, BookSnapshot, BookDelta} <= seen
    assert all(source.errors == 0 and source.gaps == 0 for source in machine.state.sources.values())


def test_restart_of_their_service_is_a_snapshot() -> None:
    message = (
        b'{"topic":"orderbook.50.X","type":"delta","ts":1,"data":{"s":"X","b":[["1","2"]],"a":[["3","4"]],"u":1}}'
    )
    assert decode(message) == (BookSnapshot("X", 1_000_000, [(1.0, 2.0)], [(3.0, 4.0)], 1, 50),)


@pytest.mark.parametrize(
    ("coin", "base", "multiplier"),
    [
        ("1000PEPE", "PEPE", 1000), ("SHIB1000", "SHIB", 1000), ("10000SATS", "SATS", 10000),
        ("1000000MOG", "MOG", 1000000), ("1INCH", "1INCH", 1), ("0G", "0G", 1), ("2Z", "2Z", 1), ("BTC", "BTC", 1),
        ("1000X", "X", 1000),
    ],
)  # fmt: skip
def test_multiplier_in_the_base_coin(coin: str, base: str, multiplier: float) -> None:
    assert split_multiplier(coin) == (base, multiplier)


@pytest.mark.parametrize(
    ("status", "body", "ban", "retry"),
    [
        (403, b"", 600.0, False), (429, b"", 10.0, True), (503, b"", 0.0, True), (404, b"", 0.0, False),
        (200, b"<html>", 0.0, True), (200, b'{"retCode":10006,"retMsg":"x"}', 5.0, True),
        (200, b'{"retCode":10001,"retMsg":"bad"}', 0.0, False), (200, b'{"retCode":10016}', 0.0, True),
    ],
)  # fmt: skip
def test_refusals(status: int, body: bytes, ban: float, retry: bool) -> None:
    found = refusal(status, "", body)
    assert found is not None
    assert (found.ban_s, found.retry) == (ban, retry)


def test_a_good_answer_is_no_refusal() -> None:
    assert refusal(200, "", b'{"retCode":0,"result":{}}') is None


def test_pages_are_followed_with_the_plain_cursor() -> None:
    body = b'{"retCode":0,"time":1,"result":{"list":[],"nextPageCursor":"first%3DA%26last%3DB"}}'
    (fetch,) = decode_instruments("linear", instruments_page("linear"), body)
    assert isinstance(fetch, Fetch)
    assert dict(fetch.request.params)["cursor"] == "first=A&last=B"
    assert parse_key(fetch.request.key()).params == fetch.request.params


def test_subscriptions_by_tier() -> None:
    perp = Instrument("bybit-linear", "BTCUSDT", InstrumentKind.PERP, "BTC", "USDT", "USDT")
    assert "orderbook.200.BTCUSDT" in topics("linear", perp, "A")
    assert "orderbook.200.BTCUSDT" not in topics("linear", perp, "B")
    assert topics("linear", perp, "C") == ()
    assert not any(t.startswith("allLiquidation") for t in topics("spot", perp, "A"))
    assert msgspec.json.decode(subscribe(["a", "b"], "7")) == {
        "op": "subscribe",
        "req_id": "7",
        "args": ["a", "b"],
    }


def test_acks() -> None:
    good = ack(b'{"success":true,"ret_msg":"","conn_id":"c","req_id":"7","op":"subscribe"}')
    assert good is not None
    assert (good.ok, good.request_id) == (True, "7")
    assert ack(b'{"success":true,"ret_msg":"pong","conn_id":"c","req_id":"","op":"ping"}') is None
    assert ack(b'{"topic":"publicTrade.X","data":[]}') is None


def test_capabilities_name_what_is_decoded() -> None:
    assert {c.what for c in BYBIT.capabilities} >= {"trades", "book", "funding", "open interest", "liquidations"}
    assert len(BYBIT.builtin()) > 50
