"""A cross-check: what may differ between a book and the venue's picture of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.event import BookDelta, BookSnapshot, Levels
from crosstape.state.book import Book
from crosstape.state.check import LEVELS, Check
from crosstape.wire.venue import BookRule

BIDS: Levels = [(100.0 - n, 1.0 + n) for n in range(20)]
ASKS: Levels = [(101.0 + n, 2.0 + n) for n in range(20)]
change = st.tuples(st.booleans(), st.integers(0, 14), st.sampled_from([0.0, 3.5, 7.0, 11.0]))


def begun() -> tuple[Book, Check]:
    book, check = Book(), Check(0)
    book.replace(BookSnapshot("X", 0, BIDS, ASKS, 1, 20))
    check.see(book)
    return book, check


def moved(book: Book, check: Check, number: int, bid: bool, place: int, size: float) -> None:
    level = [((BIDS if bid else ASKS)[place][0], size)]
    delta = BookDelta("X", 0, level if bid else [], [] if bid else level, number, number)
    book.update(delta, BookRule.STEP)
    check.see(book)


def answer(book: Book, last: int) -> BookSnapshot:
    return BookSnapshot("X", 0, *book.levels(15), last, 15)


@given(st.lists(change, min_size=1, max_size=30), st.data())
def test_the_venues_own_picture_of_any_moment_is_never_wrong(
    changes: list[tuple[bool, int, float]], data: st.DataObject
) -> None:
    book, check = begun()
    pictures = [answer(book, 1)]
    for n, (bid, place, size) in enumerate(changes, 2):
        moved(book, check, n, bid, place, size)
        pictures.append(answer(book, n))
    chosen = data.draw(st.sampled_from(pictures))
    check.answer = chosen
    assert check.wrong() == 0
    check.answer = BookSnapshot("X", 0, chosen.bids, chosen.asks, 0, 15)
    assert check.wrong() == 0


@given(st.integers(0, LEVELS - 1), st.booleans())
def test_with_its_id_one_level_that_differs_is_found(place: int, bid: bool) -> None:
    _, check = begun()
    other = Book()
    other.replace(BookSnapshot("X", 0, BIDS, ASKS, 1, 20))
    level = [((BIDS if bid else ASKS)[place][0], 0.25)]
    other.update(BookDelta("X", 0, level if bid else [], [] if bid else level, 2, 2), BookRule.STEP)
    check.answer = answer(other, 1)
    assert check.wrong() == 1
    check.answer = answer(other, 0)
    assert check.wrong() == 0, "without an id a single level may be on its way"


def test_with_the_time_of_its_last_change_one_level_that_differs_is_found() -> None:
    book, check = Book(), Check(0)
    book.replace(BookSnapshot("X", 5_000_000, BIDS, ASKS, 1, 20))
    check.see(book)
    other = [(ASKS[0][0], 0.25), *ASKS[1:]]
    check.answer = BookSnapshot("X", 5_000_000, BIDS, other, 0, 20)
    assert (check.wrong(), check.certain) == (1, False)
    check.answer = BookSnapshot("X", 6_000_000, BIDS, other, 0, 20)
    assert check.wrong() == 0, "of another instant it may be on its way"


def test_a_level_the_venue_does_not_have_is_found() -> None:
    _, check = begun()
    check.answer = BookSnapshot("X", 0, BIDS[:3] + BIDS[4:], ASKS, 1, 20)
    assert check.wrong() == 2, "the ghost, and the eleventh level that we count as ours no more"


def test_another_book_is_found_without_an_id() -> None:
    _, check = begun()
    check.answer = BookSnapshot("X", 0, [(p, s * 2) for p, s in BIDS], [(p, s * 2) for p, s in ASKS], 0, 20)
    assert check.wrong() == 2 * LEVELS


def test_what_cannot_be_said() -> None:
    book, check = begun()
    assert check.wrong() is None
    check.answer = answer(book, 5)
    assert check.wrong() is None, "a picture of a time we have none of"
    exact = Check(0, exact=True)
    exact.see(book)
    exact.answer = answer(book, 0)
    assert exact.wrong() is None
