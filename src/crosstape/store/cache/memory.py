"""The cache in this process: bounded by bytes, the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence


class Memory:
    """A `Backend`. `now` in seconds, monotonic."""

    def __init__(self, most_bytes: int, now: Callable[[], float]) -> None:
        self._most, self._now = most_bytes, now
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    async def get(self, key: str) -> bytes | None:
        """What was put, if its time is not over."""
        found = self._kept.get(key)
        if found is None:
            return None
        if found[0] <= self._now():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return found[1]

    async def put(self, key: str, value: bytes, ttl_s: float) -> Sequence[str]:
        """Keep it; one that is larger than everything is not kept, and is named among those that went."""
        self._drop(key)
        if len(value) > self._most:
            return (key,)
        self._kept[key] = (self._now() + ttl_s, value)
        self._bytes += len(value)
        gone = []
        while self._bytes > self._most:
            gone.append(next(iter(self._kept)))
            self._drop(gone[-1])
        return gone

    async def close(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes = 0

    def _drop(self, key: str) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= len(found[1])
