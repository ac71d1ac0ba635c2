"""A circuit breaker for one host."""

from __future__ import annotations

from enum import StrEnum

from crosstape.model.ports import Clock

SECOND = 1_000_000_000


class Circuit(StrEnum):
    """closed = requests flow; open = refused at once; half-open = one probe decides."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Opens after so many consecutive failures, half-opens after `open_s`, closes when the probe is
    answered."""

    def __init__(self, clock: Clock, failures: int, open_s: float) -> None:
        self._clock = clock
        self._limit = failures
        self._open_ns = int(open_s * SECOND)
        self._since = 0
        self._probing = False
        self._failures = 0
        self._state = Circuit.CLOSED
        self.opened = 0
        self.refused = 0

    @property
    def state(self) -> Circuit:
        """The state now: an open circuit half-opens by the passing of time."""
        if self._state is Circuit.OPEN and self._clock.now() - self._since >= self._open_ns:
            return Circuit.HALF_OPEN
        return self._state

    @property
    def since(self) -> int:
        """When it last opened or closed, ns; 0 = never opened."""
        return self._since

    def admits(self) -> bool:
        """Whether a request may go now. Whoever is admitted must report `good`, `bad` or `void`."""
        state = self.state
        if state is Circuit.CLOSED:
            return True
        if state is Circuit.HALF_OPEN and not self._probing:
            self._probing = True
            return True
        self.refused += 1
        return False

    def good(self) -> None:
        """An admitted request was answered (a polite refusal is an answer)."""
        self._failures = 0
        self._probing = False
        if self._state is not Circuit.CLOSED:
            self._state = Circuit.CLOSED
            self._since = self._clock.now()

    def bad(self) -> None:
        """An admitted request failed."""
        self._failures += 1
        probe, self._probing = self._probing, False
        if probe or (self._state is Circuit.CLOSED and self._failures >= self._limit):
            self._state = Circuit.OPEN
            self._since = self._clock.now()
            self.opened += 1

    def void(self) -> None:
        """An admitted request was given up by us; it says nothing about the host."""
        self._probing = False
