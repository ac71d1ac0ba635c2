"""The bounded queue into the machine: many feeds put, one consumer takes."""

from __future__ import annotations

import asyncio
from collections import deque

from crosstape.model.frame import Kind

# ts_recv, source, conn, kind, payload, request, status, headers: `Frame` without the seq the consumer gives.
Arrival = tuple[int, str, int, Kind, bytes, str, int, str]


class BoundedIntake:
    """Arrivals in the order they were put. Full = block: above a high-water mark `put` still takes but
    returns False, and whoever reads a socket stops until `drained()`; so the most it ever holds is the mark
    plus what the readers had already read."""

    def __init__(self, arrivals: int = 200_000, size: int = 256 << 20, low: float = 0.5) -> None:
        self._queue: deque[Arrival] = deque()
        self._append = self._queue.append
        self._high, self._high_bytes = arrivals, size
        self._low, self._low_bytes = int(arrivals * low), int(size * low)
        self._waiter: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._full = False
        self.bytes = 0
        self.taken = 0
        self.pauses = 0
        self.deepest = 0

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
        """Take one arrival; False: taken, but stop reading until `drained()`."""
        self._append((ts_recv, source, conn, kind, payload, request, status, headers))
        self.bytes += len(payload)
        if self._waiter is not None:
            self._wake()
        if self._full or len(self._queue) >= self._high or self.bytes >= self._high_bytes:
            return self._press()
        return True

    async def drained(self) -> None:
        """Returns when the queue is below its low-water mark."""
        await self._room.wait()

    async def wait(self) -> None:
        """Returns when there is something to take. For the single consumer."""
        if self._queue:
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def take(self, max_n: int) -> list[Arrival]:
        """The oldest arrivals, at most `max_n`."""
        queue = self._queue
        depth = len(queue)
        self.deepest = max(self.deepest, depth)
        if depth <= max_n:
            batch = list(queue)
            queue.clear()
            self.bytes = 0
        else:
            pop = queue.popleft
            batch = [pop() for _ in range(max_n)]
            self.bytes -= sum(len(arrival[4]) for arrival in batch)
        self.taken += len(batch)
        if self._full and len(queue) <= self._low and self.bytes <= self._low_bytes:
            self._full = False
            self._room.set()
        return batch

    @property
    def depth(self) -> int:
        """Arrivals waiting."""
        return len(self._queue)

    @property
    def full(self) -> bool:
        """Whether readers are asked to wait."""
        return self._full

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _press(self) -> bool:
        if not self._full:
            self._full = True
            self.pauses += 1
            self._room.clear()
        return False
