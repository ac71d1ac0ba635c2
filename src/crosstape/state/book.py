"""One instrument's order book: a dict a side, pruned and sorted only when it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from crosstape.model.event import NAN, BookDelta, BookSnapshot, Levels
from crosstape.wire.venue import BookRule

MANY = 8


class Applied(Enum):
    """What became of a delta."""

    YES = 1
    OLD = 2
    WAITING = 3
    GAP = 4


class Book:
    """Native prices and sizes; nothing may be computed from it unless `synced`."""

    __slots__ = ("_ask", "_bid", "_fresh", "asked_ts", "asks", "bids", "depth", "last", "synced")

    def __init__(self) -> None:
        self._bid = self._ask = NAN
        self._fresh: list[BookDelta] = []
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self.last = 0
        self.depth = 0
        self.synced = False
        self.asked_ts = 0

    def replace(self, event: BookSnapshot) -> None:
        """A snapshot replaces everything."""
        self.bids = dict(event.bids)
        self.asks = dict(event.asks)
        self._bid = self._ask = NAN
        self.last = event.last
        self.depth = event.depth or self.depth
        self.synced = True
        self.asked_ts = 0

    def update(self, event: BookDelta, rule: BookRule) -> Applied:
        """Apply a delta if it follows; a gap unsyncs the book and changes nothing else."""
        if not self.synced:
            return Applied.WAITING
        if event.last <= self.last and rule is not BookRule.NONE:
            return Applied.OLD
        follows = event.first == self.last + 1 if rule is BookRule.STEP else event.prev == self.last
        if not follows and rule is not BookRule.NONE:
            self.lose()
            return Applied.GAP
        self.last = event.last
        self.bids.update(event.bids)
        self.asks.update(event.asks)
        if len(self._fresh) < MANY:
            self._fresh.append(event)
        return Applied.YES

    def lose(self) -> None:
        """Forget the levels: they are not the venue's any more."""
        self.synced = False
        self.bids = {}
        self.asks = {}

    def top(self) -> tuple[float, float, float, float]:
        """bid, bid size, ask, ask size; NaN and 0 where a side is empty. May drop removed levels.

        A side is scanned only when its best level is gone or too much has changed since the last look.
        """
        bid, ask, fresh = self._bid, self._ask, self._fresh
        if len(fresh) < MANY:
            for event in fresh:
                if event.bids:
                    bid = max(bid, max(event.bids)[0])
                if event.asks:
                    ask = min(ask, min(event.asks)[0])
        else:
            bid = ask = NAN
        self._fresh = []
        bid_size, ask_size = self.bids.get(bid, 0.0), self.asks.get(ask, 0.0)
        if not bid_size > 0.0:
            bid, bid_size = _scan(self.bids, max)
        if not ask_size > 0.0:
            ask, ask_size = _scan(self.asks, min)
        self._bid, self._ask = bid, ask
        return bid, bid_size, ask, ask_size

    def prune(self) -> None:
        """Drop removed levels."""
        if 0.0 in self.bids.values():
            self.bids = {p: s for p, s in self.bids.items() if s}
        if 0.0 in self.asks.values():
            self.asks = {p: s for p, s in self.asks.items() if s}

    def levels(self, n: int) -> tuple[Levels, Levels]:
        """The best n levels a side, best first."""
        self.prune()
        bids, asks = sorted(self.bids, reverse=True)[:n], sorted(self.asks)[:n]
        return [(p, self.bids[p]) for p in bids], [(p, self.asks[p]) for p in asks]


def _scan(side: dict[float, float], best: Callable[[Iterable[float]], float]) -> tuple[float, float]:
    """The best level of a side, or NaN and 0; removed levels are dropped when one stands in the way."""
    if not side:
        return NAN, 0.0
    price = best(side)
    if side[price] > 0.0:
        return price, side[price]
    for gone in [p for p, s in side.items() if not s > 0.0]:
        del side[gone]
    if not side:
        return NAN, 0.0
    price = best(side)
    return price, side[price]
