"""How fast each caller may ask: a bucket of tokens a key or address."""

from __future__ import annotations

import time
from collections.abc import Callable

REMEMBERED = 4_096


class Pace:
    """`rate_per_s` on average, `burst` at once. Bounded: the caller seen longest ago is forgotten, and begins with
    a full bucket."""

    def __init__(self, rate_per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate_per_s, burst, clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, who: str) -> float:
        """0 = go on; otherwise the seconds until there is room, and nothing was taken."""
        now = self._clock()
        left = self._now(who, now)
        if left < 1.0:
            return (1.0 - left) / self._rate
        self._left.pop(who, None)
        self._left[who] = (left - 1.0, now)
        if len(self._left) > REMEMBERED:
            del self._left[next(iter(self._left))]
        return 0.0

    def wait_s(self, who: str) -> float:
        """As `take`, but takes nothing."""
        return max(0.0, (1.0 - self._now(who, self._clock())) / self._rate)

    def _now(self, who: str, now: float) -> float:
        left, at = self._left.get(who, (self._burst, now))
        return min(self._burst, left + (now - at) * self._rate)
