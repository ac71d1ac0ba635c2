"""A limit order book of integer ticks and lots, deep without being stored deep."""

from bisect import insort
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
KEEP_MIN, KEEP_FILL, KEEP_MAX = 60, 80, 140


class Side:
    """One side, as keys that grow towards the touch: the price of a bid, minus the price of an ask.

    Only the levels near the touch are stored. Beyond them each level's size is a fixed function of its price,
    which is also what a level gets when it comes near: any depth can be asked for, asking changes nothing.
    """

    __slots__ = ("keys", "occupancy", "salt", "scale", "sizes")

    def __init__(self, salt: int, occupancy: float, scale: float, best: int) -> None:
        self.salt, self.occupancy, self.scale = salt, occupancy, scale
        self.keys: list[int] = []
        self.sizes: dict[int, int] = {}
        self.reset(best)

    def reset(self, best: int) -> None:
        """Forgets everything and starts at `best`."""
        keys, sizes = self.profile(best - int(KEEP_FILL / self.occupancy), best)
        self.keys = [*keys, best]
        self.sizes = dict(zip(keys, sizes, strict=True))
        self.sizes[best] = max(int(self.scale), 1)
        self.settle()

    def profile(self, low: int, high: int) -> tuple[list[int], list[int]]:
        """The undisturbed levels with low <= key < high, worst first."""
        keys = np.arange(low, high, dtype=np.int64)
        mixed = (keys.astype(np.uint64) ^ np.uint64(self.salt)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(31)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(29)
        there = (mixed & np.uint64(0xFFFF)).astype(np.float64) < self.occupancy * 65_536
        keys, mixed = keys[there], mixed[there]
        uniform = ((mixed >> np.uint64(16)) & np.uint64(0xFFFFFFFF)).astype(np.float64) / 4_294_967_296.0
        lots = self.scale * (0.25 - 1.2 * np.log1p(-uniform)) * np.where(keys % 100 == 0, 3.0, 1.0)
        return keys.tolist(), np.maximum(lots, 1.0).astype(np.int64).tolist()

    def top(self, depth: int) -> dict[int, int]:
        """The best `depth` levels, key to lots, worst first."""
        near = self.keys[-depth:]
        if len(near) == depth:
            return {key: self.sizes[key] for key in near}
        span = int((depth - len(near)) / self.occupancy * 1.3) + 64
        keys, lots = self.profile(near[0] - span, near[0])
        deep = dict(zip(keys[len(near) - depth :], lots[len(near) - depth :], strict=True))
        deep.update((key, self.sizes[key]) for key in near)
        return deep

    def take(self, lots: int, fills: int) -> list[tuple[int, int]]:
        """Fills up to `lots` from the touch on, at most `fills` levels; one level always stays."""
        done: list[tuple[int, int]] = []
        while lots > 0 and len(done) < fills and len(self.keys) > 1:
            best = self.keys[-1]
            there = self.sizes[best]
            if there > lots:
                self.sizes[best] = there - lots
                done.append((best, lots))
                break
            self.keys.pop()
            del self.sizes[best]
            done.append((best, there))
            lots -= there
        return done

    def move(self, best: int) -> None:
        """Makes `best` the touch: better levels go, missing ones between appear."""
        keys, sizes = self.keys, self.sizes
        while keys and keys[-1] > best:
            del sizes[keys.pop()]
        if not keys or best - keys[-1] > KEEP_MAX / self.occupancy:
            self.reset(best)
            return
        if keys[-1] < best:
            between, lots = self.profile(keys[-1] + 1, best)
            keys += between
            sizes.update(zip(between, lots, strict=True))
            keys.append(best)
            sizes[best] = max(int(self.scale * 0.6), 1)

    def nudge(self, depth: int, what: float, size: float) -> None:
        """One quote update `depth` levels from the touch: resize, remove or add a level."""
        depth = min(depth, len(self.keys) - 1)
        key = self.keys[-1 - depth]
        if what < 0.15 and depth > 0:
            del self.keys[-1 - depth]
            del self.sizes[key]
        elif what < 0.3 and key - 1 not in self.sizes:
            insort(self.keys, key - 1)
            self.sizes[key - 1] = max(int(self.scale * size), 1)
        else:
            self.sizes[key] = max(int(self.scale * size), 1)

    def settle(self) -> None:
        """Keeps the number of stored levels in bounds."""
        keys = self.keys
        if len(keys) < KEEP_MIN:
            span = int((KEEP_FILL - len(keys)) / self.occupancy) + 8
            while len(keys) < KEEP_MIN:
                more, lots = self.profile(keys[0] - span, keys[0])
                keys[:0] = more
                self.sizes.update(zip(more, lots, strict=True))
        elif len(keys) > KEEP_MAX:
            cut = len(keys) - KEEP_FILL
            for key in keys[:cut]:
                del self.sizes[key]
            del keys[:cut]


class Ladder:
    """Both sides of a book; never crossed, never empty."""

    __slots__ = ("asks", "bids")

    def __init__(self, salt: int, occupancy: float, scale: float, bid: int, ask: int) -> None:
        self.bids = Side(salt, occupancy, scale, bid)
        self.asks = Side(salt ^ 0x5DEECE66D, occupancy, scale, -ask)

    @property
    def bid(self) -> int:
        """Best bid in ticks."""
        return self.bids.keys[-1]

    @property
    def ask(self) -> int:
        """Best ask in ticks."""
        return -self.asks.keys[-1]

    def take(self, buy: bool, lots: int, fills: int = 8) -> list[tuple[int, int]]:
        """A taker order: (price, lots) of each level it filled, best first."""
        if buy:
            return [(-key, done) for key, done in self.asks.take(lots, fills)]
        return self.bids.take(lots, fills)

    def requote(self, bid: int, ask: int) -> None:
        """Moves the touch to bid and ask (bid < ask)."""
        self.bids.move(bid)
        self.asks.move(-ask)

    def nudge(self, depths: Sequence[float], what: Sequence[float], sizes: Sequence[float]) -> None:
        """One quote update a draw; the sign of a depth chooses the side."""
        for depth, choice, size in zip(depths, what, sizes, strict=True):
            side = self.bids if depth < 0 else self.asks
            side.nudge(int(abs(depth)), choice, size)

    def settle(self) -> None:
        """Keeps what is stored in bounds."""
        self.bids.settle()
        self.asks.settle()
