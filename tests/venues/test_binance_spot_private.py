"""Binance's private side of spot: what the simulator says is read back as it was meant; nonsense is a WireError."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.credential import Credential
from crosstape.model.errors import WireError
from crosstape.model.event import OwnBalance, OwnFill, OwnOrder, OwnPicture, OwnRefused, Side
from crosstape.sim.account import KEY, SECRET
from crosstape.sim.binance.spot import CATEGORY, ROUTES, USER, refusal
from crosstape.sim.binance.voice import BinanceVoice
from crosstape.sim.dialect import Ask
from crosstape.sim.server import SimSettings, make_world
from crosstape.venues.binance.spot import (
    PRIVATE_SPOT,
    ack,
    decode,
    fills,
    hello,
    more,
    pairs,
    pictures,
    read,
    subscribe,
)
from crosstape.wire.effect import Reconnect
from crosstape.wire.request import Request, parse_key
from crosstape.wire.venue import Remembered

MS = 1_000_000
START = 1_790_000_000_000 * MS
ORDER = {"s": "BNBUSDT", "S": "SELL", "o": "MARKET", "q": "3", "p": "0.00000000", "x": "TRADE", "X": "PARTIALLY_FILLED",
         "i": 5, "l": "1", "L": "9", "z": "2", "Z": "19", "T": 3, "O": 1, "t": 6, "n": "0.1", "N": "BNB"}  # fmt: skip


@pytest.fixture(scope="module")
def spoken() -> tuple[BinanceVoice, list[bytes]]:
    """A simulated minute of an account, as its socket tells it."""
    world = make_world(SimSettings(venues=("binance",), seed=3, assets=12, rate=600.0, start_ns=START))
    voice = BinanceVoice(world)
    voice.open((CATEGORY, USER))
    told = [text for _ in range(600) for key, text in voice.publish(world.step(100 * MS)) if key[0] == CATEGORY]
    return voice, told


def wrapped(event: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"subscriptionId": 0, "event": event})


def listed(voice: BinanceVoice) -> tuple[str, ...]:
    return tuple(c.symbol for c in voice.world.rows.contracts if c.market == "spot")


def test_the_socket_tells_every_fill_order_and_balance(spoken: tuple[BinanceVoice, list[bytes]]) -> None:
    voice, told = spoken
    account, events = voice.spot.account, [event for text in told for event in decode(text)]
    mine = {event.id: event for event in events if type(event) is OwnFill}
    assert len(mine) == len(account.fills) > 20
    for theirs in account.fills:
        fill, contract = mine[str(voice.spot.id(theirs.number))], account.contract(theirs.order.row)
        fee, asset = voice.spot.commission(theirs)
        assert (fill.symbol, fill.market, fill.fee_asset) == (contract.symbol, "binance-spot", asset)
        assert fill.side == (Side.BUY if theirs.order.buy else Side.SELL)
        assert Decimal(fill.price) == Decimal(contract.price_text(theirs.price))
        assert (Decimal(fill.size), Decimal(fill.fee)) == (Decimal(contract.size_text(theirs.lots)), fee)
        assert fill.liquidity == ("maker" if theirs.maker else "taker")
    held = {event.symbol: event for event in events if type(event) is OwnBalance}
    assert {asset: Decimal(one.total) for asset, one in held.items()} == voice.spot.held
    for asset, free, _ in voice.spot.balances(voice.spot.held):
        assert held[asset].free == free
    orders = {event.id: event.status for event in events if type(event) is OwnOrder}
    assert list(orders.values()).count("open") == len(account.open)


def test_rest_tells_the_same(spoken: tuple[BinanceVoice, list[bytes]]) -> None:
    voice, told = spoken
    known = Remembered(START, listed=listed(voice))
    pushed = [event for text in told for event in decode(text)]
    waiting, events, names = list(pictures(START, START + 60_000 * MS)), list[Any](), list[str]()
    while waiting:
        request = waiting.pop(0)
        names.append(request.name)
        answer = ROUTES[request.path](voice.spot, Ask("GET", request.path, dict(request.params)))
        assert answer.status == 200
        events += read(parse_key(request.key()), answer.body)
        waiting = [*more(request, answer.body), *fills(request, answer.body, known), *waiting]
    assert (names[:2], names[-1], set(names[2:-1])) == (["orders", "assets"], "balances", {"trades"})
    for kind in (OwnFill, OwnOrder):
        told_over = {event for event in events if type(event) is kind}
        newest = {(event.symbol, event.id): event for event in pushed if type(event) is kind}
        assert told_over == {one for one in newest.values() if type(one) is OwnFill or one.status == "open"}
    totals = {event.symbol: Decimal(event.total) for event in events if type(event) is OwnBalance}
    assert totals == voice.spot.held
    marks = [(e.what, e.begins, e.ends, e.whole) for e in events if type(e) is OwnPicture]
    assert marks == [
        (what, begins, not begins, whole and not begins)
        for what, whole in (("orders", False), ("balances", False), ("balances", True)) for begins in (True, False)
    ]  # fmt: skip


def test_trades_are_asked_of_every_pair_that_can_have_been_traded() -> None:
    known = Remembered(
        7 * MS, frozenset({"SOL"}), frozenset({"LINKTRY", "DELISTED"}),
        ("BTCUSDT", "ETHUSDT", "SOLUSDT", "SOLBTC", "USDTTRY", "ETHBTC", "SOLETH", "BTCUSDC", "LINKTRY"),
    )  # fmt: skip
    held = msgspec.json.encode({"updateTime": 1, "balances": [{"asset": "BTC", "free": "1", "locked": "0"}]})
    *_, assets, _ = pictures(7 * MS, 8 * MS)
    asked = fills(assets, held, known)
    assert [dict(r.params)["symbol"] for r in asked] == ["BTCUSDC", "BTCUSDT", "LINKTRY", "SOLBTC", "SOLUSDT"]
    assert {(r.path, dict(r.params)["startTime"], r.weight) for r in asked} == {("/api/v3/myTrades", "7", 20.0)}
    assert pairs(frozenset({"SOL", "ETH"}), known)[-2:] == ["SOLETH", "SOLUSDT"]
    assert fills(pictures(0, 1)[0], b"[]", known) == ()
    assert pairs(frozenset({"SOL"}), msgspec.structs.replace(known, listed=())) == ["DELISTED", "LINKTRY"]


def test_pages_of_trades_are_followed() -> None:
    trades = Request("trades", "/api/v3/myTrades", (("symbol", "BTCUSDT"), ("startTime", "1"), ("limit", "1000")))
    one = {"symbol": "BTCUSDT", "orderId": 1, "isBuyer": True, "price": "1", "qty": "1", "time": 1}
    (after,) = more(trades, msgspec.json.encode([one | {"id": n} for n in range(1000)]))
    assert dict(after.params) == {"symbol": "BTCUSDT", "fromId": "1000", "limit": "1000"}
    assert more(trades, msgspec.json.encode([one | {"id": 1}])) == ()


def test_an_order_s_average_and_a_fee_in_a_third_asset() -> None:
    order, fill = decode(wrapped({"e": "executionReport", "E": 3} | ORDER))
    assert type(order) is OwnOrder
    assert type(fill) is OwnFill
    assert (order.average, order.price, order.filled, order.status) == ("9.50000000", "", "2", "open")
    assert (fill.fee_asset, fill.fee, fill.size, fill.order_id, fill.id) == ("BNB", "0.1", "1", "5", "6")
    (gone,) = decode(wrapped({"e": "executionReport"} | ORDER | {"x": "EXPIRED", "X": "EXPIRED_IN_MATCH"}))
    assert type(gone) is OwnOrder
    assert gone.status == "cancelled"
    for other in ("balanceUpdate", "listStatus", "externalLockUpdate"):
        assert decode(wrapped({"e": other, "E": 1, "a": "BTC", "d": "1.0"})) == []


@pytest.mark.parametrize("event", ["eventStreamTerminated", "serverShutdown"])
def test_an_end_of_the_events_is_a_new_connection(event: str) -> None:
    (effect,) = decode(wrapped({"e": event, "E": 1}))
    assert type(effect) is Reconnect


def test_the_signed_subscription_is_taken_and_shows_nothing() -> None:
    said = hello(Credential("mine", "binance", KEY, SECRET), START)
    message = msgspec.json.decode(said.payload)
    assert message["method"] == "userDataStream.subscribe.signature"
    assert refusal(message["params"], START // MS) is None
    assert said.secret == message["params"]["signature"]
    assert (KEY in repr(said), said.secret in repr(said)) == (False, False)


def test_only_a_refused_subscription_refuses_the_key() -> None:
    def answer(id: str, code: int) -> bytes:
        return msgspec.json.encode({"id": id, "status": 400, "error": {"code": code, "msg": "m"}})

    assert decode(answer("account", -2015)) == [OwnRefused("", 0, "-2015: m")]
    assert decode(answer("account", -1021)) == [Reconnect("", 0, "-1021: m")]
    assert decode(answer("1", -2015)) == []


def test_a_subscription_is_confirmed_by_its_name() -> None:
    assert msgspec.json.decode(subscribe(PRIVATE_SPOT.topics, "3")) == {
        "id": "3",
        "method": "session.subscriptions",
    }
    confirmed = ack(b'{"id":"3","status":200,"result":[{"subscriptionId":0}]}')
    assert confirmed is not None
    assert (confirmed.ok, confirmed.request_id) == (True, "3")
    for other in (
        b'{"id":"3","status":200,"result":[]}',
        b'{"id":"account","status":200,"result":{"subscriptionId":0}}',
    ):
        assert ack(other) is None, "not yet, or another answer"


@given(
    st.binary(max_size=60)
    | st.sampled_from([
        b"[{}]", b'{"event":{"e":"executionReport","s":1}}', b'{"event":{"e":"outboundAccountPosition","B":[{}]}}',
        b'{"balances":[{"asset":"A","free":"x","locked":"1"}]}', wrapped({"e": "executionReport"} | ORDER | {"z": "x"}),
    ])
)  # fmt: skip
def test_bytes_are_an_event_or_a_wire_error(body: bytes) -> None:
    ack(body)
    for request in (*pictures(START, START + 1), Request("trades", "/t", (("symbol", "B"),))):
        for call in (
            lambda: decode(body), lambda r=request: read(r, body), lambda r=request: more(r, body),
            lambda r=request: fills(r, body, Remembered(0)),
        ):  # fmt: skip
            with contextlib.suppress(WireError):
                assert call() is not None
