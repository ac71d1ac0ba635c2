"""A venue whose update ids skip without a loss: found out by equal books, said aloud, watched, and taken back."""

from __future__ import annotations

import json

import pytest

from crosstape.engine import checkpoint
from crosstape.engine.machine import Machine
from crosstape.model.frame import Kind
from crosstape.model.quality import Quality
from crosstape.state.apply_book import EQUAL
from crosstape.venues import VENUES
from crosstape.wire.effect import Fetch, Subscribe
from crosstape.wire.venue import BookRule
from support.bench import LINEAR, Bench, started

BID, ASK = [["10", "1"]], [["11", "1"]]


def skip(bench: Bench, symbol: str, missed: bool, update: int) -> int:
    """An id is left out; the picture asked for then has, if `missed`, what the left out one said."""
    bench.book(symbol, "delta", update + 2, [["9", str(update)]], [])
    bids = [["10", "7"] if missed else ["10", "1"], ["9", str(update)]]
    changed = bench.ts // 10**6
    bench.tick()
    bench.book(symbol, "snapshot", update + 2, bids, ASK, changed)
    bench.tick()
    bench.book(symbol, "delta", update + 3, [["10", "1"], ["9", "0"]], [])
    return update + 3


def said(bench: Bench, what: str) -> int:
    return sum(event.what == what for event in bench.events)


def lenient(bench: Bench) -> int:
    """Until it is; the next id."""
    update = 10
    for _ in range(EQUAL):
        assert bench.machine.state.sources[LINEAR].rule is BookRule.STEP
        update = skip(bench, "BTCUSDT", missed=False, update=update)
    assert bench.machine.state.sources[LINEAR].rule is BookRule.RISE
    return update


def test_equal_books_behind_every_gap_end_the_resyncs_and_it_is_said() -> None:
    bench = started("BTCUSDT", "ETHUSDT")
    update = lenient(bench)
    assert (said(bench, "Gap"), said(bench, "Lenient"), said(bench, "Skipped")) == (EQUAL, 1, 0)
    bench.tick()
    bench.effects.clear()
    bench.book("BTCUSDT", "delta", update + 5, [["10", "3"]], [])
    bench.tick()
    assert not [e for e in bench.effects if isinstance(e, Subscribe)], "no resync any more"
    assert said(bench, "Skipped") == 1
    assert bench.column("bid_size") == 3.0, "the book goes on"
    assert Quality.UNPROVEN in bench.quality()
    assert Quality.UNPROVEN not in bench.quality("ETHUSDT")
    (state,) = [s for s in bench.tick().sources if s.name == LINEAR]
    assert (state.gaps, state.skips) == (EQUAL, 1)


def test_one_book_that_had_missed_something_begins_the_count_anew() -> None:
    bench = started("BTCUSDT")
    update = 10
    for n in range(3 * EQUAL):
        update = skip(bench, "BTCUSDT", missed=n % EQUAL == EQUAL - 1, update=update)
    assert bench.machine.state.sources[LINEAR].rule is BookRule.STEP
    assert said(bench, "Gap") == 3 * EQUAL
    assert said(bench, "Lenient") == 0


def answer(bench: Bench, symbol: str, bids: list[list[str]], asks: list[list[str]]) -> None:
    """The venue's picture over REST."""
    result = {"s": symbol, "b": bids, "a": asks, "u": 1, "seq": 1, "ts": bench.ts // 10**6}
    body = {"retCode": 0, "time": bench.ts // 10**6, "result": result}
    request = next(e.request for e in reversed(bench.effects) if isinstance(e, Fetch) and "check" in e.source)
    bench.put("bybit-linear/check", Kind.ANSWER, json.dumps(body).encode(), request.key(), 0, 200)


def ladder(size: float) -> tuple[list[list[str]], list[list[str]]]:
    """Ten levels a side."""
    return [[str(10 - n / 10), str(size)] for n in range(10)], [[str(11 + n / 10), str(size)] for n in range(10)]


@pytest.mark.parametrize("wrong", [True, False])
def test_a_book_that_skips_is_held_against_rest_and_a_wrong_one_ends_the_leniency(wrong: bool) -> None:
    bench = started("BTCUSDT", "ETHUSDT")
    update = lenient(bench)
    bench.book("ETHUSDT", "delta", 20, *ladder(2.0))
    bench.book("BTCUSDT", "delta", update + 5, *ladder(2.0))
    bench.effects.clear()
    for _ in range(12):
        bench.tick(1.0)
        if any(isinstance(e, Fetch) and "check" in e.source for e in bench.effects):
            answer(bench, "BTCUSDT", *ladder(5.0 if wrong else 2.0))
            answer(bench, "ETHUSDT", *ladder(2.0))
    rule = bench.machine.state.sources[LINEAR].rule
    assert rule is (BookRule.STEP if wrong else BookRule.RISE)
    assert bench.machine.state.sources[LINEAR].differing == wrong
    resyncing = [Quality.RESYNCING in bench.quality(s) for s in ("BTCUSDT", "ETHUSDT")]
    assert resyncing == [wrong, wrong], "the other one that skipped is taken anew with it"
    assert Quality.UNPROVEN in bench.quality(), "until a fresh picture comes"
    bench.book("BTCUSDT", "snapshot", update + 9, BID, ASK)
    bench.tick()
    assert Quality.UNPROVEN not in bench.quality()


def test_a_new_connection_has_to_be_found_out_again() -> None:
    bench = started("BTCUSDT")
    lenient(bench)
    bench.put(LINEAR, Kind.CLOSE, b"lost", status=1006)
    bench.put(LINEAR, Kind.OPEN, conn=2)
    assert bench.machine.state.sources[LINEAR].rule is BookRule.STEP


def test_a_checkpoint_between_gap_and_picture_keeps_the_count() -> None:
    bench = started("BTCUSDT")
    bench.book("BTCUSDT", "delta", 12, [["9", "4"]], [])
    changed = bench.ts // 10**6
    bench.tick()
    other = Machine(VENUES)
    checkpoint.load(other, dict(checkpoint.save(bench.machine)))
    bench.machine = other
    bench.book("BTCUSDT", "snapshot", 12, [["10", "1"], ["9", "4"]], ASK, changed)
    assert other.state.sources[LINEAR].equal == 1
