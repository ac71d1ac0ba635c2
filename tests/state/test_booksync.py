"""Books whose snapshots come from elsewhere: under any delivery equal to the venue's, or unsynced; never wrong."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.event import BookDelta, BookSnapshot
from crosstape.state.book import MOST_HELD, Applied, Book
from crosstape.wire.venue import BookRule

PRICES = [1.0, 1.5, 2.0, 2.5, 3.0]
# One change of the venue's book an id: (is it a bid, price, size).
CHANGE = st.tuples(st.booleans(), st.sampled_from(PRICES), st.sampled_from([0.0, 1.0, 2.0]))
SPANS = st.lists(st.integers(1, 4), min_size=1, max_size=20)
STEP = st.one_of(
    st.just(("next", 0)),
    st.just(("next", 0)),
    st.just(("drop", 0)),
    st.tuples(st.just("again"), st.integers(0, 5)),
    st.just(("swap", 0)),
    # An answer: the venue's book as of some ids ago, or a few ahead of what the stream has told.
    st.tuples(st.just("snapshot"), st.integers(0, 12)),
    st.just(("close", 0)),
)
RULES = st.sampled_from([BookRule.SPAN, BookRule.JOIN])
FIRST = 100


class Venue:
    """The truth: a book after every id, and the deltas that tell of it. JOIN leaves ids of others between them."""

    def __init__(self, rule: BookRule, spans: list[int], changes: list[tuple[bool, float, float]]) -> None:
        self.at: dict[int, tuple[dict[float, float], dict[float, float]]] = {FIRST: ({}, {})}
        self.deltas: list[BookDelta] = []
        change, last = itertools.cycle(changes), FIRST
        for span in spans:
            skipped = span % 2 if rule is BookRule.JOIN else 0
            first, prev = last + 1 + skipped, last
            bids: dict[float, float] = {}
            asks: dict[float, float] = {}
            for number in range(prev + 1, first + span):
                now = tuple(dict(side) for side in self.at[number - 1])
                if number >= first:
                    bid, price, size = next(change)
                    (bids if bid else asks)[price] = size
                    now[0 if bid else 1][price] = size
                self.at[number] = (now[0], now[1])
            last = first + span - 1
            said = prev if rule is BookRule.JOIN else -1
            self.deltas.append(BookDelta("X", 0, list(bids.items()), list(asks.items()), first, last, said))

    def snapshot(self, number: int) -> BookSnapshot:
        bids, asks = self.at[number]
        return BookSnapshot("X", 0, list(live(bids).items()), list(live(asks).items()), number)


def live(side: dict[float, float]) -> dict[float, float]:
    return {price: size for price, size in side.items() if size}


def same(book: Book, venue: Venue) -> None:
    bids, asks = venue.at[book.last]
    assert live(book.bids) == live(bids)
    assert live(book.asks) == live(asks)


@given(RULES, SPANS, st.lists(CHANGE, min_size=1, max_size=40), st.lists(STEP, max_size=60))
def test_equal_to_the_venue_or_unsynced(
    rule: BookRule, spans: list[int], changes: list[tuple[bool, float, float]], steps: list[tuple[str, int]]
) -> None:
    venue, book, told = Venue(rule, spans, changes), Book(), 0
    for step, how in steps:
        if step == "snapshot":
            newest = venue.deltas[told - 1].last if told else FIRST
            book.replace(venue.snapshot(min(max(newest + 3 - how, FIRST), venue.deltas[-1].last)))
        elif step == "close":
            book.restart()
        elif step == "again":
            for delta in venue.deltas[max(told - 1 - how, 0) : max(told - how, 0)]:
                book.update(delta, rule)
        elif told < len(venue.deltas):
            if step == "swap" and told + 1 < len(venue.deltas):
                book.update(venue.deltas[told + 1], rule)
            if step != "drop":
                book.update(venue.deltas[told], rule)
            told = min(told + (2 if step == "swap" else 1), len(venue.deltas))
        if book.synced:
            same(book, venue)


@given(RULES, SPANS, st.lists(CHANGE, min_size=1, max_size=40), st.data())
def test_one_snapshot_from_within_what_is_held_is_enough(
    rule: BookRule, spans: list[int], changes: list[tuple[bool, float, float]], data: st.DataObject
) -> None:
    venue, book = Venue(rule, spans, changes), Book()
    heard = data.draw(st.integers(1, len(venue.deltas)))
    for delta in venue.deltas[:heard]:
        assert book.update(delta, rule) is Applied.WAITING
    taken = data.draw(st.integers(FIRST, venue.deltas[heard - 1].last))
    assert book.replace(venue.snapshot(taken)) is Applied.YES
    for delta in venue.deltas[heard:]:
        assert book.update(delta, rule) is Applied.YES
    assert book.last == venue.deltas[-1].last
    same(book, venue)


@pytest.mark.parametrize("rule", [BookRule.SPAN, BookRule.JOIN])
def test_a_snapshot_older_than_what_is_held_needs_another(rule: BookRule) -> None:
    venue, book = Venue(rule, [2, 2, 2], [(True, 1.0, 1.0), (False, 2.0, 1.0)]), Book()
    book.update(venue.deltas[1], rule)
    assert book.replace(venue.snapshot(FIRST)) is Applied.WAITING
    assert not book.synced
    assert book.replace(venue.snapshot(venue.deltas[0].last)) is Applied.YES
    same(book, venue)
    # One that was asked for before must not take the book back.
    assert book.replace(venue.snapshot(FIRST)) is Applied.OLD
    assert book.last == venue.deltas[1].last


def test_what_is_held_is_bounded_and_the_oldest_go() -> None:
    book = Book()
    for number in range(MOST_HELD + 10):
        book.update(BookDelta("X", 0, [(1.0, float(number))], [], number, number), BookRule.SPAN)
    assert len(book.held) == MOST_HELD
    assert book.replace(BookSnapshot("X", 0, [], [], 5)) is Applied.WAITING
    assert book.replace(BookSnapshot("X", 0, [], [], 20)) is Applied.YES
    assert book.bids == {1.0: MOST_HELD + 9.0}


def test_a_reader_of_the_rules_as_the_venue_writes_them() -> None:
    """First U <= last <= u, then pu == last; on spot first U <= last + 1 <= u, then U == last + 1."""
    book = Book()
    for first, last, prev in ((90, 95, 80), (97, 104, 95), (108, 110, 104)):
        book.update(BookDelta("X", 0, [], [], first, last, prev), BookRule.JOIN)
    assert book.replace(BookSnapshot("X", 0, [], [], 100)) is Applied.YES
    assert book.last == 110
    assert book.update(BookDelta("X", 0, [], [], 111, 112, 109), BookRule.JOIN) is Applied.GAP
    spot = Book()
    for first, last in ((90, 95), (96, 104), (105, 110)):
        spot.update(BookDelta("X", 0, [], [], first, last), BookRule.SPAN)
    assert spot.replace(BookSnapshot("X", 0, [], [], 95)) is Applied.YES
    assert spot.last == 110
    assert spot.update(BookDelta("X", 0, [], [], 112, 113), BookRule.SPAN) is Applied.GAP
    assert [delta.first for delta in spot.held] == [112]
