"""A deadline that acts when it passes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

NEVER = float("inf")


class Watch:
    """Calls `late` when what began takes too long. One thread for all: it sleeps on while each ends in time."""

    def __init__(self, late: Callable[[], None]) -> None:
        self._late = late
        self._until = self._wakes = NEVER
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True, name="watch")
        self._thread.start()

    def begin(self, seconds: float) -> None:
        """Something begins that may take so long."""
        with self._changed:
            self._until = time.monotonic() + seconds
            if self._until < self._wakes:
                self._changed.notify()

    def end(self) -> None:
        """It is done."""
        with self._changed:
            self._until = NEVER

    def close(self) -> None:
        """The thread is gone when this returns."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                left = self._until - time.monotonic()
                if left <= 0:
                    self._until = NEVER
                    self._late()
                    continue
                self._wakes = self._until
                self._changed.wait(None if left == NEVER else left)
                self._wakes = NEVER
