"""A book held against the venue's own answer over REST."""

from __future__ import annotations

from dataclasses import dataclass, field

from crosstape.model.event import BookSnapshot, Levels
from crosstape.state.book import Book

LEVELS = 10
MOST_PICTURES = 400


@dataclass(slots=True)
class Check:
    """What a row's book looked like since its snapshot was asked for.

    answer   what came, and when: it waits a second for pictures that reach us later than it did
    ids, times   update ids and the venue's times of the last change, one a picture
    bids, asks   the best levels of each picture, native prices and sizes
    doubted  the one before it found another book; only two in a row are believed where no id can be compared
    exact    pictures come too seldom to say anything unless one has the answer's own id
    """

    asked_ts: int
    exact: bool = False
    doubted: bool = False
    answer: BookSnapshot | None = None
    answered_ts: int = 0
    ids: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    bids: list[Levels] = field(default_factory=list)
    asks: list[Levels] = field(default_factory=list)

    def see(self, book: Book) -> None:
        """One more picture; of a busy book the first ones are kept, for the answer is older than the last."""
        if book.synced and len(self.ids) < MOST_PICTURES:
            bids, asks = book.levels(LEVELS)
            self.ids.append(book.last)
            self.times.append(book.ts)
            self.bids.append(bids)
            self.asks.append(asks)

    @property
    def certain(self) -> bool:
        """The answer's own id is among the pictures."""
        return self.answer is not None and self.answer.last > 0 and self.answer.last in self.ids

    def wrong(self) -> int | None:
        """How many of the best levels differ from every picture that could be the answer's; None = cannot be said.

        With the answer's id or time of change among the pictures not one may differ. Otherwise it lies between two
        of them, whose sides may both have moved on: only a majority that differs is a different book.
        """
        answer = self.answer
        if answer is None:
            return None
        theirs = _best(answer.bids, -1.0), _best(answer.asks, 1.0)
        at = self._at(answer)
        if at >= 0:
            return _differ(theirs[0], [self.bids[at]], -1.0) + _differ(theirs[1], [self.asks[at]], 1.0)
        outside = answer.last and self.ids and not self.ids[0] <= answer.last <= self.ids[-1]
        if self.exact or not self.ids or outside:
            return None
        found = _differ(theirs[0], self.bids, -1.0) + _differ(theirs[1], self.asks, 1.0)
        return found if found > LEVELS else 0

    def _at(self, answer: BookSnapshot) -> int:
        """The newest picture that must be the answer, -1 = none. Two changes may share a millisecond, so what is
        found by time is not `certain`."""
        mine, theirs = (self.ids, answer.last) if answer.last else (self.times, answer.ts_event)
        return len(mine) - 1 - mine[::-1].index(theirs) if theirs and theirs in mine else -1


def _best(levels: Levels, sign: float) -> Levels:
    return sorted((level for level in levels if level[1] > 0.0), key=lambda level: sign * level[0])[:LEVELS]


def _differ(theirs: Levels, pictures: list[Levels], sign: float) -> int:
    """Levels of theirs that no picture has, and levels within theirs that every picture has and they do not."""
    ours = {level for picture in pictures for level in picture}
    missing = sum(level not in ours for level in theirs)
    always = set.intersection(*({price for price, _ in picture} for picture in pictures))
    known = {price for price, _ in theirs}
    reach = sign * theirs[-1][0] if theirs else float("-inf")
    return missing + sum(sign * price <= reach and price not in known for price in always)
