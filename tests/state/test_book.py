"""The book against a slow, obvious one, under any order of deltas with gaps, repeats and late snapshots."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.event import BookDelta, BookSnapshot
from crosstape.state.book import Applied, Book
from crosstape.wire.venue import BookRule

PRICES = st.sampled_from([1.0, 1.5, 2.0, 2.5, 3.0])
LEVELS = st.lists(st.tuples(PRICES, st.sampled_from([0.0, 1.0, 2.0])), max_size=4)
STEP = st.sampled_from(["next", "next", "next", "old", "skip", "snapshot"])


class Plain:
    """One dict a side, zeros removed at once."""

    def __init__(self) -> None:
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}

    def set(self, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> None:
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, size in levels:
                side[price] = size
                if size == 0:
                    del side[price]


@given(st.lists(st.tuples(STEP, LEVELS, LEVELS), max_size=30))
def test_equal_to_the_model_or_unsynced(steps: list[tuple[str, list, list]]) -> None:  # type: ignore[type-arg]
    book, plain, update, known = Book(), Plain(), 10, False
    for step, bids, asks in steps:
        if step == "snapshot":
            update += 5
            plain = Plain()
            plain.set(bids, asks)
            book.replace(BookSnapshot("X", 0, [b for b in bids if b[1]], [a for a in asks if a[1]], update, 50))
            plain.bids = {b[0]: b[1] for b in bids if b[1]}
            plain.asks = {a[0]: a[1] for a in asks if a[1]}
            known = True
            continue
        number = {"next": update + 1, "old": update, "skip": update + 3}[step]
        applied = book.update(BookDelta("X", 0, bids, asks, number, number), BookRule.STEP)
        if not known:
            assert applied is Applied.WAITING
        elif step == "next":
            assert applied is Applied.YES
            plain.set(bids, asks)
            update = number
        elif step == "old":
            assert applied is Applied.OLD
        else:
            assert applied is Applied.GAP
            known, update = False, number
        assert book.synced == known
        if known:
            same(book, plain)


def same(book: Book, plain: Plain) -> None:
    bid, bid_size, ask, ask_size = book.top()
    if plain.bids:
        assert (bid, bid_size) == (max(plain.bids), plain.bids[max(plain.bids)])
    else:
        assert math.isnan(bid)
    if plain.asks:
        assert (ask, ask_size) == (min(plain.asks), plain.asks[min(plain.asks)])
    else:
        assert math.isnan(ask)
    assert book.levels(10) == (sorted(plain.bids.items(), reverse=True), sorted(plain.asks.items()))


def test_a_chain_follows_the_id_it_names() -> None:
    book = Book()
    book.replace(BookSnapshot("X", 0, [(1.0, 1.0)], [(2.0, 1.0)], 100))
    assert book.update(BookDelta("X", 0, [(1.0, 2.0)], [], 105, 107, 100), BookRule.CHAIN) is Applied.YES
    assert book.update(BookDelta("X", 0, [], [], 109, 110, 108), BookRule.CHAIN) is Applied.GAP
    assert not book.synced
    assert book.levels(5) == ([], [])
