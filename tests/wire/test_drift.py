"""Changes of shape: what is told, what is not, and that no bytes upset it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from crosstape.wire.drift import LEARN, VANISHED, Canary, Change, kind_of


def learnt(*messages: object, times: int = LEARN) -> Canary:
    canary = Canary()
    for _ in range(times):
        for message in messages:
            assert canary.look(json.dumps(message).encode()) == []
    return canary


def told(canary: Canary, message: object, times: int = 1) -> list[tuple[str, str]]:
    changes: list[Change] = []
    for _ in range(times):
        changes += canary.look(json.dumps(message).encode())
    return [(change.path, change.what) for change in changes]


TRADE = {"topic": "publicTrade.BTCUSDT", "data": [{"p": "1", "v": "2", "T": 3}]}


def test_appeared_changed_and_vanished_are_told_once() -> None:
    canary = learnt(TRADE)
    more = {"topic": "publicTrade.ETHUSDT", "data": [{"p": 1.5, "v": "2", "T": 3, "x": {"y": 1}}]}
    assert sorted(told(canary, more, 5)) == [("data[].p", "changed"), ("data[].x", "appeared")]
    less = {"topic": "publicTrade.ETHUSDT", "data": [{"p": "1", "v": "2"}]}
    assert told(canary, less, VANISHED + 5) == [("data[].T", "vanished")]


def test_what_is_only_sometimes_there_is_no_news() -> None:
    canary = learnt({"e": "t", "a": 1}, {"e": "t", "a": None, "b": "x"})
    assert told(canary, {"e": "t", "a": 2}, VANISHED + 1) == []


def test_maps_by_name_are_no_records() -> None:
    prices = {f"COIN{n}": "1" for n in range(80)}
    canary = learnt({"channel": "allMids", "data": {"mids": prices}})
    assert told(canary, {"channel": "allMids", "data": {"mids": prices | {"NEW": "2"}}}) == []


def test_kinds_do_not_depend_on_the_instrument() -> None:
    kinds = [
        {"topic": "orderbook.50.BTCUSDT", "type": "delta"}, {"stream": "btcusdt@depth@100ms", "data": {"e": "d"}},
        {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": "update"}, {"channel": "l2Book", "data": {}},
        {"table": "trade", "action": "insert"}, {"b": 1, "a": 2},
    ]  # fmt: skip
    assert [kind_of(kind) for kind in kinds] == [
        "orderbook/delta", "depth", "update/books", "l2Book", "trade/insert", "a,b"]  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=90) | st.binary().map(lambda b: [b]))
def test_anything_may_come(messages: list[object]) -> None:
    canary = Canary()
    for message in messages:
        canary.look(message if isinstance(message, bytes) else json.dumps(message).encode())
