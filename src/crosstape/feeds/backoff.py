"""How long to wait before trying again."""

from __future__ import annotations

import random


class Backoff:
    """Capped exponential with full jitter: the n-th wait is uniform in [0, min(cap, first * factor^n)]."""

    def __init__(
        self, chance: random.Random, first_s: float, cap_s: float, good_s: float = 0.0, factor: float = 2.0
    ) -> None:
        self._chance = chance
        self._first, self._cap, self._good, self._factor = first_s, cap_s, good_s, factor
        self._ceiling = first_s

    def next(self) -> float:
        """Seconds to wait now; the next wait may be longer."""
        ceiling = min(self._ceiling, self._cap)
        self._ceiling = min(self._ceiling * self._factor, self._cap)
        return self._chance.uniform(0.0, ceiling)

    def lived(self, seconds: float) -> None:
        """What was tried lasted so long; long enough starts afresh."""
        if seconds >= self._good:
            self._ceiling = self._first
