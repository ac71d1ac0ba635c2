"""One instrument's order book: a dict a side, sorted only when it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from crosstape.model.event import NAN, BookDelta, BookSnapshot, Levels
from crosstape.state.shadow import Shadow
from crosstape.wire.venue import BookRule

# Rules whose snapshots come from elsewhere: deltas are held until one is there. Full = the oldest is dropped, and
# a snapshot must then be newer than it.
HELD_RULES = (BookRule.SPAN, BookRule.JOIN)
MOST_HELD = 1000


class Applied(Enum):
    """What became of a delta."""

    YES = 1
    OLD = 2
    WAITING = 3
    GAP = 4
    SKIPPED = 5


class Book:
    """Native prices and sizes; nothing may be computed from it unless `synced`.

    held     deltas that wait for a snapshot, in order of arrival
    joined   a delta has followed the snapshot
    ts       the venue's time of its last change, ns, 0 = it does not say
    shadow   where ids step: how the book went on past its gap, until the next snapshot
    """

    __slots__ = (
        "_ask",
        "_bid",
        "asks",
        "bids",
        "depth",
        "held",
        "joined",
        "last",
        "rule",
        "shadow",
        "synced",
        "ts",
    )

    def __init__(self) -> None:
        self._bid = self._ask = NAN
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self.last = self.ts = 0
        self.depth = 0
        self.synced = False
        self.joined = False
        self.rule = BookRule.NONE
        self.held: list[BookDelta] = []
        self.shadow: Shadow | None = None

    def replace(self, event: BookSnapshot) -> Applied:
        """A snapshot replaces everything, and the deltas held for it are applied.

        OLD: the book is further already. WAITING: it is too old for the deltas held, a newer one is needed.
        """
        if self.synced and self.rule in HELD_RULES and event.last <= self.last:
            return Applied.OLD
        self._set(event)
        held, self.held = self.held, []
        for i, delta in enumerate(held):
            if self.update(delta, self.rule) is Applied.GAP:
                self.held = held[i:]
                return Applied.WAITING
        return Applied.YES

    def _set(self, event: BookSnapshot) -> None:
        self.bids = dict(event.bids)
        self.asks = dict(event.asks)
        self._bid = self._ask = NAN
        self.last, self.ts = event.last, event.ts_event
        self.depth = event.depth or self.depth
        self.synced = True
        self.joined = False
        self.shadow = None

    def update(self, event: BookDelta, rule: BookRule) -> Applied:
        """Apply a delta if it follows; a gap unsyncs the book and changes nothing else. SKIPPED: applied, though
        ids were left out."""
        if not self.synced:
            self._hold(event, rule)
            return Applied.WAITING
        if event.last <= self.last and rule is not BookRule.NONE:
            return Applied.OLD
        if rule is BookRule.STEP:
            follows = event.first == self.last + 1
        elif rule is BookRule.SPAN:
            follows = event.first <= self.last + 1
        elif rule is BookRule.RISE:
            return self._rise(event)
        else:
            reaches = rule is BookRule.JOIN and not self.joined and event.prev < self.last
            follows = event.prev == self.last or reaches
        if not follows and rule is not BookRule.NONE:
            if rule is BookRule.STEP:
                self.shadow = Shadow(self.bids, self.asks)
            self.lose()
            self._hold(event, rule)
            return Applied.GAP
        self.last, self.ts = event.last, event.ts_event
        self.joined = True
        self._take(event.bids, event.asks)
        return Applied.YES

    def _rise(self, event: BookDelta) -> Applied:
        skipped = event.first > self.last + 1
        self.last, self.ts = event.last, event.ts_event
        self.joined = True
        self._take(event.bids, event.asks)
        return Applied.SKIPPED if skipped else Applied.YES

    def _take(self, bids: Levels, asks: Levels) -> None:
        """As fast as `dict.update` with zeros to remove later, and the best levels stay known while they last."""
        side, best = self.bids, self._bid
        for price, size in bids:
            if size > 0.0:
                side[price] = size
                if price > best:
                    best = price
            else:
                side.pop(price, None)
                if price == best:
                    best = NAN
        self._bid = best
        side, best = self.asks, self._ask
        for price, size in asks:
            if size > 0.0:
                side[price] = size
                if price < best:
                    best = price
            else:
                side.pop(price, None)
                if price == best:
                    best = NAN
        self._ask = best

    def _hold(self, event: BookDelta, rule: BookRule) -> None:
        self.rule = rule
        if self.shadow is not None:
            self.shadow.take(event)
        if rule in HELD_RULES:
            self.held.append(event)
            if len(self.held) > MOST_HELD:
                del self.held[0]

    def restart(self) -> None:
        """The connection ended: what is held was of it, and what came meanwhile is not known."""
        self.lose()
        self.held = []
        self.shadow = None

    def lose(self) -> None:
        """Forget the levels: they are not the venue's any more."""
        self.synced = False
        self.bids = {}
        self.asks = {}
        self._bid = self._ask = NAN

    def top(self) -> tuple[float, float, float, float]:
        """bid, bid size, ask, ask size; NaN and 0 where a side is empty. Scans a side whose best level is gone."""
        if self._bid != self._bid:
            self._bid = _scan(self.bids, max)
        if self._ask != self._ask:
            self._ask = _scan(self.asks, min)
        bid, ask = self._bid, self._ask
        return bid, self.bids.get(bid, 0.0), ask, self.asks.get(ask, 0.0)

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


def _scan(side: dict[float, float], best: Callable[[Iterable[float]], float]) -> float:
    """The best price of a side, NaN when it is empty. A snapshot's empty levels are dropped when one is met."""
    price = best(side) if side else NAN
    if side and not side[price] > 0.0:
        for gone in [p for p, s in side.items() if not s > 0.0]:
            del side[gone]
        price = best(side) if side else NAN
    return price
