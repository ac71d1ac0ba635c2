"""Hyperliquid's books: 20 levels every few seconds, the best five twice a second, both on one channel."""

from __future__ import annotations

import msgspec

from crosstape.model.event import BookSnapshot, Levels
from crosstape.venues.hyperliquid.names import MS

DEPTH = 20
FAST = 5
# Three of their rounds of 20 levels: what lies behind the best five is not known any more.
KEPT_MS = 15_000


class Deep(msgspec.Struct):
    """One coin's book: the time of its newest message, and the newest one of all levels."""

    time: int = 0
    full_time: int = 0
    bids: Levels = []
    asks: Levels = []


class Level(msgspec.Struct, gc=False):
    """A price and what is there; their count of orders is not taken."""

    px: float
    sz: float


class _Book(msgspec.Struct, gc=False):
    coin: str
    time: int
    levels: tuple[list[Level], list[Level]]


class _BookMessage(msgspec.Struct, gc=False):
    data: _Book


_books = msgspec.json.Decoder(_BookMessage, strict=False)


def read_books(books: dict[str, Deep], payload: bytes) -> list[BookSnapshot]:
    """A message -> the whole book as far as it is known; nothing when a newer one was there already.

    Nothing on the wire says which of the two a message is: more than five levels on a side is the slow one.
    """
    book = _books.decode(payload).data
    bids, asks = ([(level.px, level.sz) for level in side] for side in book.levels)
    known = books.get(book.coin)
    if known is None:
        known = books[book.coin] = Deep()
    full = max(len(bids), len(asks)) > FAST
    if full and book.time > known.full_time:
        known.full_time, known.bids, known.asks = book.time, bids, asks
    if book.time < known.time:
        return []
    known.time = book.time
    depth = DEPTH
    if not full and book.time - known.full_time > KEPT_MS:
        depth = FAST
    elif not full:
        bids, asks = _over(bids, known.bids, 1.0), _over(asks, known.asks, -1.0)
    return [BookSnapshot(book.coin, book.time * MS, bids, asks, book.time, depth)]


def _over(best: Levels, deep: Levels, sign: float) -> Levels:
    """The best five with what lies behind them; fewer than five are the whole side."""
    if len(best) < FAST:
        return best
    worst = best[-1][0] * sign
    return best + [level for level in deep if level[0] * sign < worst]
