"""One instrument's order book: a dict a side, pruned and sorted only when it is read."""

from __future__ import annotations

from enum import Enum

from crosstape.model.event import BookDelta, BookSnapshot, Levels
from crosstape.wire.venue import BookRule


class Applied(Enum):
    """What became of a delta."""

    YES = 1
    OLD = 2
    WAITING = 3
    GAP = 4


class Book:
    """Native prices and sizes; nothing may be computed from it unless `synced`."""

    __slots__ = ("asked_ts", "asks", "bids", "depth", "last", "synced")

    def __init__(self) -> None:
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
        return Applied.YES

    def lose(self) -> None:
        """Forget the levels: they are not the venue's any more."""
        self.synced = False
        self.bids = {}
        self.asks = {}

    def top(self) -> tuple[float, float, float, float]:
        """bid, bid size, ask, ask size; NaN and 0 where a side is empty. Drops removed levels it meets."""
        nan = float("nan")
        bid, bid_size = nan, 0.0
        bids, asks = self.bids, self.asks
        while bids:
            bid = max(bids)
            bid_size = bids[bid]
            if bid_size > 0.0:
                break
            del bids[bid]
        ask, ask_size = nan, 0.0
        while asks:
            ask = min(asks)
            ask_size = asks[ask]
            if ask_size > 0.0:
                break
            del asks[ask]
        return (bid if bids else nan, bid_size, ask if asks else nan, ask_size)

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
