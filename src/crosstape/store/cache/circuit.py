"""Passes by a server that fails, and finds out without anybody waiting when it is back."""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 0.25
LONGEST_S = 5.0


class Circuit:
    """One failure opens it: what is behind can be done without, so nobody else shall wait for it.

    When its pause is over one probe may go, which no request waits for; each doubles the pause.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._pause = FIRST_S
        self._until = 0.0
        self.open = False
        self.opened = 0

    @property
    def probe_is_due(self) -> bool:
        """Open, and the pause is over."""
        return self.open and self._now() >= self._until

    def good(self) -> None:
        """It answered."""
        self.open = False

    def bad(self) -> None:
        """It failed; those that were under way when it opened change nothing."""
        if not self.open:
            self.open, self._pause = True, FIRST_S
            self._until = self._now() + self._pause
            self.opened += 1

    def probing(self) -> None:
        """A probe goes; the next is due after twice the pause."""
        self._pause = min(self._pause * 2.0, LONGEST_S)
        self._until = self._now() + self._pause
