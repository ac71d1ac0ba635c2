"""How often each row of a stream speaks, and which rows have been silent for longer than they ever are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
# A silence is judged against the longest one of the last hours, once there were enough of them.
MULTIPLE = 4.0
ENOUGH = 20.0
LEAST_S, MOST_S = 5.0, 6 * 3600.0
# The longest silence counts half after an hour without one like it.
FADE = 0.5 ** (1.0 / 3600.0)
ARRAYS = (("heard", -np.inf), ("longest", 0.0), ("gaps", 0.0), ("silent", 0.0))


class Pulse:
    """One kind of message, all (capacity); looked at once a second.

    heard    when each row spoke last, seconds since the epoch, as of the last look
    longest  its longest silence, seconds, fading
    gaps     how many silences were seen
    silent   1 while it is silent for longer than is usual for it
    """

    def __init__(self, capacity: int) -> None:
        self.heard: F64 = np.full(capacity, -np.inf)
        self.longest: F64 = np.zeros(capacity)
        self.gaps: F64 = np.zeros(capacity)
        self.silent: F64 = np.zeros(capacity)

    def look(self, spoke: F64, opened: F64, now: float) -> None:
        """Take note of who spoke since the last look, and of who is silent.

        `spoke`: seconds since the epoch each row spoke last; `opened`: since when it could, inf = it cannot now.
        What passed while it could not speak is no silence of its own.
        """
        up = np.isfinite(opened)
        news = up & (spoke > self.heard) & (spoke >= opened)
        with np.errstate(invalid="ignore"):
            gap = np.where(news & (self.heard >= opened), spoke - self.heard, 0.0)
        self.longest = np.maximum(self.longest * FADE, gap)
        self.gaps += gap > 0.0
        self.heard = np.where(news, spoke, self.heard)
        silence = now - np.maximum(self.heard, opened)
        patience = np.clip(MULTIPLE * self.longest, LEAST_S, MOST_S)
        silent = up & (self.gaps >= ENOUGH) & (silence > patience)
        self.silent = silent.astype(np.float64)

    def grow(self, capacity: int) -> None:
        """Room for more rows."""
        for name, empty in ARRAYS:
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.full(capacity - old.size, empty)]))

    def clear(self, row: int) -> None:
        """Forget a row."""
        for name, empty in ARRAYS:
            getattr(self, name)[row] = empty
