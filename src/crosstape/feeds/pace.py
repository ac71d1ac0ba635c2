"""Spacing of the messages one connection sends."""

from __future__ import annotations

from crosstape.model.ports import Clock

SECOND = 1_000_000_000


class Pace:
    """Turns at least 1/rate apart, whoever asks; 0 = no limit."""

    def __init__(self, clock: Clock, per_s: float) -> None:
        self._clock = clock
        self._gap = int(SECOND / per_s) if per_s > 0 else 0
        self._free = 0

    async def turn(self) -> None:
        """Returns when it is the caller's turn."""
        now = self._clock.now()
        mine = max(now, self._free)
        self._free = mine + self._gap
        if mine > now:
            await self._clock.sleep((mine - now) / SECOND)
