"""How long things took: bounded samples, percentiles on demand."""

from __future__ import annotations

from collections import deque

import msgspec


class Percentiles(msgspec.Struct, frozen=True):
    """Of the last samples, ms; NaN when there is none."""

    p50: float
    p99: float
    worst: float


class Samples:
    """The newest `size` durations, in seconds."""

    def __init__(self, size: int = 2_000) -> None:
        self._samples: deque[float] = deque(maxlen=size)

    def add(self, seconds: float) -> None:
        """Take one."""
        self._samples.append(seconds)

    def read(self) -> Percentiles:
        """p50, p99 and the worst, ms."""
        ordered = sorted(self._samples)
        if not ordered:
            return Percentiles(float("nan"), float("nan"), float("nan"))
        last = len(ordered) - 1
        return Percentiles(ordered[last // 2] * 1e3, ordered[int(last * 0.99)] * 1e3, ordered[-1] * 1e3)


class Timing:
    """What the loop measures of itself.

    applied   frame received -> folded, sampled once a batch · tick: the whole of one · slice: what held the loop
    """

    def __init__(self) -> None:
        self.applied = Samples()
        self.viewed = Samples()
        self.tick = Samples()
        self.slice = Samples(10_000)
        self.frames = 0
        self.views = 0
