"""Bybit's private side: what the simulator says is read back as it was meant; nonsense is a WireError."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.credential import Credential
from crosstape.model.errors import WireError
from crosstape.model.event import OwnBalance, OwnFill, OwnOrder, OwnPicture, OwnPosition, OwnRefused, Side
from crosstape.sim.account import KEY, SECRET
from crosstape.sim.bybit.private import refusal
from crosstape.sim.bybit.voice import BybitVoice
from crosstape.sim.server import SimSettings, make_world
from crosstape.venues.bybit.private import PRIVATE, decode, hello, more, pictures, read
from crosstape.wire.request import Request, parse_key

MS = 1_000_000
START = 1_790_000_000_000 * MS


@pytest.fixture(scope="module")
def spoken() -> tuple[BybitVoice, list[bytes]]:
    """A simulated minute of an account, as its socket tells it."""
    world = make_world(SimSettings(seed=3, assets=12, rate=600.0, start_ns=START))
    voice = BybitVoice(world)
    for topic in PRIVATE.topics:
        voice.open(("private", topic))
    told = [text for _ in range(600) for key, text in voice.publish(world.step(100 * MS)) if key[0] == "private"]
    return voice, told


def test_the_socket_tells_every_fill_order_position_and_balance(spoken: tuple[BybitVoice, list[bytes]]) -> None:
    voice, told = spoken
    account, events = voice.own.account, [event for text in told for event in decode(text)]
    fills = [event for event in events if type(event) is OwnFill]
    assert len(fills) == len(account.fills) > 20
    for mine, theirs in zip(fills, account.fills, strict=True):
        contract = account.contract(theirs.order.row)
        assert (mine.symbol, mine.market) == (contract.symbol, "bybit-linear")
        assert mine.side == (Side.BUY if theirs.order.buy else Side.SELL)
        assert Decimal(mine.price) == Decimal(contract.price_text(theirs.price))
        assert (Decimal(mine.size), Decimal(mine.fee)) == (Decimal(contract.size_text(theirs.lots)), theirs.fee)
        assert (mine.liquidity, mine.ts_event) == ("maker" if theirs.maker else "taker", theirs.ts_ns // MS * MS)
    newest: dict[str, OwnPosition] = {event.symbol: event for event in events if type(event) is OwnPosition}
    for row, held in account.positions.items():
        mine_held = newest[account.contract(row).symbol]
        assert Decimal(mine_held.size) * mine_held.side == Decimal(account.contract(row).size_text(held.lots))
    assert [e.total for e in events if type(e) is OwnBalance][-1] == f"{account.wallet:f}"
    orders = {event.id: event.status for event in events if type(event) is OwnOrder}
    assert sorted(orders.values()).count("open") == len(account.open)
    assert {"filled", "cancelled", "open"} >= set(orders.values()) > {"filled"}


def test_pages_follow_each_other_to_the_end_of_a_picture(spoken: tuple[BybitVoice, list[bytes]]) -> None:
    voice, _ = spoken
    wanted = [r for r in pictures(START, START + 60_000 * MS) if r.name == "fills" and "linear" in r.key()]
    (request,) = wanted
    few = msgspec.structs.replace(
        request, params=tuple((k, "7" if k == "limit" else v) for k, v in request.params)
    )
    ids, marks, waiting = list[str](), list[OwnPicture](), [few]
    while waiting:
        request = waiting.pop(0)
        body = _answered(voice, request)
        events = read(parse_key(request.key()), body)
        ids += [event.id for event in events if type(event) is OwnFill]
        marks += [event for event in events if type(event) is OwnPicture]
        waiting += more(request, body)
    assert len(ids) == len(set(ids)) == len(voice.own.account.fills)
    assert [(m.begins, m.ends, m.market) for m in marks] == [
        (True, False, "bybit-linear"),
        (False, True, "bybit-linear"),
    ]


def _answered(voice: BybitVoice, request: Request) -> bytes:
    from crosstape.sim.bybit.private import ROUTES
    from crosstape.sim.dialect import Ask

    result = ROUTES[request.path](voice.own, Ask("GET", request.path, dict(request.params)))
    return msgspec.json.encode({"retCode": 0, "retMsg": "OK", "result": result, "time": START // MS})


def test_usdt_and_usdc_are_one_picture_and_the_wallet_is_last() -> None:
    asked = pictures(START, START + 1)
    assert [r.name for r in asked][-1] == "wallet"
    body = b'{"retCode":0,"result":{"category":"linear","list":[],"nextPageCursor":""}}'
    (second,) = more(asked[0], body)
    assert ("settleCoin", "USDC") in second.params
    assert more(second, body) == ()
    first, last = read(asked[0], body), read(second, body)
    assert [(e.begins, e.ends) for e in (*first, *last) if type(e) is OwnPicture] == [(True, False), (False, True)]
    (whole,) = [
        e for e in read(asked[-1], b'{"retCode":0,"result":{"list":[]}}') if type(e) is OwnPicture and e.ends
    ]
    assert whole.whole


def test_a_long_absence_is_asked_for_in_weeks() -> None:
    asked = [dict(r.params) for r in pictures(START, START + 20 * 86_400_000 * MS) if r.name == "fills"]
    spans = sorted({(int(a["startTime"]), int(a["endTime"])) for a in asked})
    assert len(spans) == 3
    assert all(end - start == 7 * 86_400_000 for start, end in spans)
    assert all(a[1] == b[0] for a, b in pairwise(spans))


def test_the_hello_is_what_the_document_says() -> None:
    now = START // MS
    said = msgspec.json.decode(hello(Credential("mine", "bybit", KEY, SECRET), START).payload)
    assert refusal(said["args"], now) == ""
    assert refusal(said["args"], now + 61_000) != "", "it ends"
    for wrong in ([KEY, said["args"][1] + 1, said["args"][2]], ["other", *said["args"][1:]], [KEY]):
        assert refusal(wrong, now) != ""
    assert SECRET not in repr(hello(Credential("mine", "bybit", KEY, SECRET), START))


def test_a_refusal_is_an_event_in_either_shape() -> None:
    for text in (b'{"success":false,"ret_msg":"no","op":"auth","conn_id":"1"}',
                 b'{"success":false,"ret_msg":"no","request":{"op":"auth","args":["k","1","s"]}}'):  # fmt: skip
        assert decode(text) == [OwnRefused("", 0, "no")]
    assert decode(b'{"success":true,"ret_msg":"","op":"auth"}') == []
    assert decode(b'{"op":"pong","args":["1"]}') == []


TOPICS = st.sampled_from(["execution", "order", "position", "wallet", "other"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.binary(max_size=60))
def test_bytes_are_an_event_or_a_wire_error(body: bytes) -> None:
    for request in pictures(START, START + 1):
        for call in (lambda: decode(body), lambda r=request: read(r, body), lambda r=request: more(r, body)):
            with contextlib.suppress(WireError):
                assert call() is not None


@given(TOPICS, st.sampled_from(["execId", "orderId", "coin", "size", "side", "symbol"]), JSON)
def test_a_field_of_another_shape_is_a_wire_error_at_most(topic: str, field: str, value: object) -> None:
    row = {
        "symbol": "B",
        "execId": "1",
        "orderId": "1",
        "execPrice": "1",
        "execQty": "1",
        "execTime": "1",
        "side": "Buy",
        "orderStatus": "New",
        "qty": "1",
        "updatedTime": "1",
        "size": "1",
        "coin": [],
        field: value,
    }
    with contextlib.suppress(WireError):
        assert list(decode(msgspec.json.encode({"topic": topic, "creationTime": 1, "data": [row]}))) is not None
