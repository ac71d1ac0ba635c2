"""Binance's private side: what the simulator says is read back as it was meant; nonsense is a WireError."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.errors import WireError
from crosstape.model.event import OwnBalance, OwnFill, OwnOrder, OwnPicture, OwnPosition, Side
from crosstape.sim.binance.private import ROUTES
from crosstape.sim.binance.voice import BinanceVoice
from crosstape.sim.dialect import Ask
from crosstape.sim.server import SimSettings, make_world
from crosstape.venues.binance.private import EVENTS, PRIVATE, decode, listen_key, more, pictures, read
from crosstape.wire.effect import Reconnect
from crosstape.wire.request import Request, parse_key

MS = 1_000_000
START = 1_790_000_000_000 * MS
WEEK_MS = 7 * 86_400_000


@pytest.fixture(scope="module")
def spoken() -> tuple[BinanceVoice, list[bytes]]:
    """A simulated minute of an account, as its socket tells it."""
    world = make_world(SimSettings(venues=("binance",), seed=3, assets=12, rate=600.0, start_ns=START))
    voice = BinanceVoice(world)
    voice.own.key, voice.own.until_ns = "k", 1 << 62
    for topic in voice.seat("/private/ws", {"listenKey": "k", "events": "/".join(EVENTS)}).topics:  # type: ignore[union-attr]
        voice.open(("private", topic))
    told = [text for _ in range(600) for key, text in voice.publish(world.step(100 * MS)) if key[0] == "private"]
    return voice, told


def answered(voice: BinanceVoice, request: Request) -> bytes:
    return msgspec.json.encode(ROUTES[request.path](voice.own, Ask("GET", request.path, dict(request.params))))


def test_the_socket_tells_every_fill_order_position_and_balance(spoken: tuple[BinanceVoice, list[bytes]]) -> None:
    voice, told = spoken
    account, events = voice.own.account, [event for text in told for event in decode(text)]
    fills = {event.id: event for event in events if type(event) is OwnFill}
    assert len(fills) == len(account.fills) > 20
    for theirs in account.fills:
        mine, contract = fills[str(voice.own.id(theirs.number))], account.contract(theirs.order.row)
        assert (mine.symbol, mine.market, mine.fee_asset) == (contract.symbol, "binance-usdm", "USDT")
        assert mine.side == (Side.BUY if theirs.order.buy else Side.SELL)
        assert Decimal(mine.price) == Decimal(contract.price_text(theirs.price))
        assert (Decimal(mine.size), Decimal(mine.fee)) == (Decimal(contract.size_text(theirs.lots)), theirs.fee)
        assert mine.liquidity == ("maker" if theirs.maker else "taker")
    newest = {event.symbol: event for event in events if type(event) is OwnPosition}
    for row, held in account.positions.items():
        mine_held = newest[account.contract(row).symbol]
        assert Decimal(mine_held.size) * mine_held.side == Decimal(account.contract(row).size_text(held.lots))
    assert [e.total for e in events if type(e) is OwnBalance][-1] == f"{account.wallet:f}"
    orders = {event.id: event.status for event in events if type(event) is OwnOrder}
    assert list(orders.values()).count("open") == len(account.open)


def test_rest_tells_the_same(spoken: tuple[BinanceVoice, list[bytes]]) -> None:
    voice, told = spoken
    pushed = {event for text in told for event in decode(text) if type(event) is OwnFill}
    waiting, events = list(pictures(START, START + 60_000 * MS)), list[Any]()
    names = [request.name for request in waiting]
    while waiting:
        request = waiting.pop(0)
        body = answered(voice, request)
        events += read(parse_key(request.key()), body)
        waiting += more(request, body)
    assert names == ["positions", "orders", "income", "balances"]
    assert {event for event in events if type(event) is OwnFill} == pushed
    marks = [(e.what, e.begins, e.ends, e.whole) for e in events if type(e) is OwnPicture]
    assert marks == [
        (what, begins, not begins, what == "balances" and not begins)
        for what in ("positions", "orders", "balances") for begins in (True, False)
    ]  # fmt: skip


def test_pages_of_trades_and_income_are_followed() -> None:
    income = pictures(START, START + 1)[2]
    row = {"symbol": "BTCUSDT", "incomeType": "COMMISSION", "income": "-1", "time": 1, "tranId": 1}
    (trades,) = more(income, msgspec.json.encode([row]))
    assert (trades.path, dict(trades.params)["symbol"]) == ("/fapi/v1/userTrades", "BTCUSDT")
    *_, following = more(income, msgspec.json.encode([row] * 1000))
    assert dict(following.params)["page"] == "2"
    one = {"symbol": "BTCUSDT", "orderId": 1, "side": "BUY", "price": "1", "qty": "1", "time": 1}
    (after,) = more(trades, msgspec.json.encode([one | {"id": n} for n in range(1000)]))
    assert (dict(after.params)["fromId"], "startTime" in dict(after.params)) == ("1000", False)
    assert more(trades, msgspec.json.encode([one | {"id": 1}])) == ()
    spans = [dict(r.params) for r in pictures(START, START + 20 * 86_400_000 * MS) if r.name == "income"]
    assert len(spans) == 3
    assert all(int(a["endTime"]) - int(a["startTime"]) == WEEK_MS - 1 for a in spans)


def test_funding_is_a_payment() -> None:
    row = {
        "symbol": "BTCUSDT",
        "incomeType": "FUNDING_FEE",
        "income": "-0.5",
        "time": 7,
        "tranId": 9,
        "asset": "USDT",
    }
    income = pictures(START, START + 1)[2]
    (paid,), (received,) = (read(income, msgspec.json.encode([row | {"income": i}])) for i in ("-0.5", "0.25"))
    assert type(paid) is OwnFill
    assert type(received) is OwnFill
    assert (paid.kind, paid.fee, paid.fee_asset, paid.id) == ("funding", "0.5", "USDT", "funding-9")
    assert received.fee == "-0.25"
    assert more(income, msgspec.json.encode([row])) == (), "no trade is behind it"


def test_hedged_legs_forced_orders_and_the_end_of_a_listen_key() -> None:
    order = {"s": "BTCUSDT", "c": "autoclose-1", "S": "SELL", "o": "LIMIT", "q": "2", "p": "9", "x": "TRADE", "X": "FILLED",
             "i": 5, "l": "2", "L": "9", "T": 3, "t": 6, "n": "0.1", "N": "BNB"}  # fmt: skip
    done, fill = decode(msgspec.json.encode({"e": "ORDER_TRADE_UPDATE", "o": order}))
    assert type(fill) is OwnFill
    assert type(done) is OwnOrder
    assert (fill.kind, fill.fee_asset, fill.id, done.status) == ("liquidation", "BNB", "6", "filled")
    held = {"s": "BTCUSDT", "pa": "-0.5", "ep": "9", "up": "1", "ps": "SHORT"}
    inner = {"e": "ACCOUNT_UPDATE", "T": 4, "a": {"B": [], "P": [held]}}
    for text in (inner, {"stream": "x", "data": inner}):
        (position,) = decode(msgspec.json.encode(text))
        assert type(position) is OwnPosition
        assert (position.side, position.size, position.leg) == (Side.SELL, "0.5", "short")
    assert decode(b'{"e":"listenKeyExpired","E":1,"listenKey":"k"}') == [
        Reconnect("", 0, "its listen key expired")
    ]
    assert decode(b'{"e":"ACCOUNT_CONFIG_UPDATE","E":1}') == []


def test_the_address_has_key_and_events_and_the_key_is_read() -> None:
    listen = PRIVATE.listen
    assert listen is not None
    assert listen.url("wss://x/private/ws", "K").startswith(
        "wss://x/private/ws?listenKey=K&events=ORDER_TRADE_UPDATE/"
    )
    assert listen_key(b'{"listenKey":"K"}') == "K"
    assert listen_key(b"{}") == ""
    with pytest.raises(WireError, match="no listen key"):
        listen_key(b"[]")


@given(
    st.binary(max_size=60)
    | st.sampled_from([b"[{}]", b'{"e":"ORDER_TRADE_UPDATE","o":{"s":1}}', b'[{"asset":1}]'])
)
def test_bytes_are_an_event_or_a_wire_error(body: bytes) -> None:
    for request in (*pictures(START, START + 1), Request("trades", "/t", (("symbol", "B"),))):
        for call in (lambda: decode(body), lambda r=request: read(r, body), lambda r=request: more(r, body)):
            with contextlib.suppress(WireError):
                assert call() is not None
