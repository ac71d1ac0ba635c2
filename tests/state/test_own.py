"""What is known of an own account: news and pictures in any order come to the same, and nothing is counted twice."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.event import OwnBalance, OwnFill, OwnOrder, OwnPicture, OwnPosition, Side
from crosstape.state.apply import apply
from crosstape.state.apply_own import ENDED, FILLS, KNOWN_FILLS
from crosstape.state.owned import Owned
from crosstape.state.source import Source
from crosstape.state.state import State

SECOND = 1_000_000_000
MARKET = "bybit-linear"


def account() -> tuple[State, Source, Owned]:
    state, source = State(), Source("bybit-account/mine", "bybit-account")
    state.own[source.name] = Owned()
    return state, source, state.own[source.name]


def order(id: str, ts: int, status: str = "open", filled: str = "0") -> OwnOrder:
    return OwnOrder("BTCUSDT", ts * SECOND, MARKET, id, Side.BUY, "1", "2", filled, status)


def fill(n: int) -> OwnFill:
    return OwnFill("BTCUSDT", n * SECOND, MARKET, str(n), "o", Side.BUY, "1", "1", "0")


def begins(ts: int, what: str = "orders", market: str = MARKET) -> OwnPicture:
    return OwnPicture("", ts * SECOND, what, market, begins=True)


def ends(what: str = "orders", market: str = MARKET) -> OwnPicture:
    return OwnPicture("", 0, what, market, ends=True)


def put(state: State, source: Source, *events: Any, ts: int = 1_000) -> None:
    apply(state, source, list(events), ts * SECOND)


@given(st.randoms(use_true_random=False))
def test_fills_in_any_order_and_however_often_are_each_told_once(chance: random.Random) -> None:
    state, source, owned = account()
    come = [fill(n) for n in range(30)] * 2
    chance.shuffle(come)
    put(state, source, *come)
    assert [f.id for f in owned.fills] == [str(n) for n in range(30)]
    assert sorted(int(e.id) for _, e in state.events if type(e) is OwnFill) == list(range(30))
    assert source.duplicates == 30


@given(st.permutations([order("a", 1), order("a", 2, filled="1"), order("a", 3, "filled", "2")]))
def test_an_order_that_ended_is_not_opened_by_older_news(news: list[OwnOrder]) -> None:
    state, source, owned = account()
    put(state, source, *news)
    assert owned.orders == {}
    assert [e.status for _, e in state.events if type(e) is OwnOrder][-1:] == ["filled"]


def test_what_a_picture_does_not_name_is_gone_unless_it_is_newer() -> None:
    state, source, owned = account()
    put(state, source, order("old", 10), order("kept", 10), order("new", 100))
    put(state, source, begins(100), order("kept", 10), ends())
    assert sorted(key.rpartition(":")[2] for key in owned.orders) == ["kept", "new"]
    put(state, source, begins(200), order("kept", 10))
    assert len(owned.orders) == 2, "a picture whose end is missing takes nothing away"
    put(state, source, begins(200), order("kept", 10), ends())
    assert len(owned.orders) == 1
    put(state, source, begins(300, market="bybit-spot"), ends(market="bybit-spot"))
    assert len(owned.orders) == 1, "another market's picture says nothing about it"


def test_a_picture_without_the_venues_time_spares_what_came_only_now() -> None:
    state, source, owned = account()
    put(state, source, order("old", 10), ts=1_000)
    put(state, source, order("new", 10), ts=1_007)
    put(state, source, begins(0), ends(), ts=1_008)
    assert [key.rpartition(":")[2] for key in owned.orders] == ["new"]


def test_positions_and_balances_of_nothing_are_none() -> None:
    state, source, owned = account()
    put(state, source, OwnPosition("BTCUSDT", 5, MARKET, Side.BUY, "1"), OwnBalance("USDT", 5, "1.50", "1"))
    put(state, source, OwnPosition("BTCUSDT", 4, MARKET, Side.BUY, "9"), OwnBalance("USDT", 4, "9", "9"))
    assert [p.size for p in owned.positions.values()] == ["1"]
    assert [b.total for b in owned.balances.values()] == ["1.50"]
    version = owned.version
    put(state, source, OwnBalance("USDT", 5, "1.50", "1"))
    assert owned.version == version, "the same again is no news"
    put(state, source, OwnPosition("BTCUSDT", 6, MARKET, Side.BUY, "0.000"), OwnBalance("USDT", 6, "0", "0"))
    assert (owned.positions, owned.balances) == ({}, {})


@pytest.mark.parametrize("whole", [True, False])
def test_only_the_last_picture_makes_the_account_whole(whole: bool) -> None:
    state, source, owned = account()
    put(state, source, OwnPicture("", 0, "balances", "", begins=True))
    put(state, source, OwnPicture("", 0, "balances", "", ends=True, whole=whole))
    assert (owned.whole_ts > 0) is whole


def test_what_is_kept_is_bounded() -> None:
    state, source, owned = account()
    put(state, source, *(fill(n) for n in range(KNOWN_FILLS + 10)))
    put(state, source, *(order(str(n), 1, "cancelled") for n in range(ENDED + 10)))
    assert (len(owned.fills), len(owned.known), len(owned.ended)) == (FILLS, KNOWN_FILLS, ENDED)
