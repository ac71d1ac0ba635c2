"""The small protocols through which rooms of the shell meet; `app` passes the parts in."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from crosstape.model.caching import CacheStats
from crosstape.model.frame import Frame, Kind


class Clock(Protocol):
    """Time, injected: real, or scaled against a simulator that scales with it."""

    def now(self) -> int:
        """ns since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` of this clock's time."""
        ...


class Intake(Protocol):
    """The bounded queue into the machine; its single consumer gives frames their place in the order."""

    def put(
        self,
        ts_recv: int,
        source: str,
        conn: int,
        kind: Kind,
        payload: bytes,
        request: str = "",
        status: int = 0,
        headers: str = "",
    ) -> bool:
        """Take one arrival. False: taken, but the queue is above its high-water mark; stop reading until
        `drained()`. Never drops."""
        ...

    async def drained(self) -> None:
        """Returns when the queue is below its low-water mark."""
        ...


class Recorder(Protocol):
    """Where frames are kept."""

    def append(self, frames: Sequence[Frame]) -> None:
        """Take frames, in order. Never raises for a failing disk: it ends recording and says so in `failed`."""
        ...

    @property
    def failed(self) -> str:
        """ "" while recording; otherwise why it ended."""
        ...


class Cache(Protocol):
    """Where slow or remote answers are kept for a while."""

    async def get(
        self, kind: str, parts: Sequence[str], source: Callable[[], Coroutine[Any, Any, bytes]]
    ) -> bytes:
        """The answer of these parts; `source` is asked where none is kept, and what it raises is raised here."""
        ...

    def stats(self) -> CacheStats:
        """As of now."""
        ...
