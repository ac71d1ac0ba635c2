"""One client socket of a simulated venue: a bounded queue, the faults on its way out, one writer."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from aiohttp import WSMsgType, web

from crosstape.sim.fault import Close, Delay, Drip, Fault, Out, through

MOST_QUEUED: Final = 50_000
DROP_S: Final = 0.05
DEAD_S: Final = 120.0


class Connection:
    """Sends in order; a client that falls too far behind is cut, as the venue does."""

    def __init__(
        self, number: int, category: str, request: web.Request, socket: web.WebSocketResponse, now_ns: int,
        faults: Callable[[], Iterable[Fault]],
    ) -> None:  # fmt: skip
        self.number, self.category, self.heard_ns, self.opened_ns = number, category, now_ns, now_ns
        self.id = f"sim-{number:08x}"
        self.held: dict[str, None] = {}
        self.request, self.socket, self.faults = request, socket, faults
        self.topic, self.first = "", False
        self.dead = self.leaving = False
        self.queue: deque[Out] = deque()
        self.more = asyncio.Event()

    def send(self, payload: bytes, topic: str = "", first: bool = False) -> None:
        """Queues what the faults leave of a message."""
        if self.dead:
            return
        self.topic, self.first = topic, first
        self.queue += through(self.faults(), self, payload)
        if len(self.queue) > MOST_QUEUED:
            self.queue.clear()
            self.queue.append(Close(1006))
        self.more.set()

    def cut(self, close: Close) -> None:
        """Ends the connection after what is queued; a dead one at once."""
        self.leaving = True
        if self.dead:
            self._abort()
        self.queue.append(close)
        self.more.set()

    def die(self) -> None:
        """Half-open from now on: nothing is said, heard or closed, until the client has long given up."""
        if self.dead or self.request.transport is None:
            return
        self.dead = True
        self.queue.clear()
        self.request.transport.pause_reading()
        asyncio.get_running_loop().call_later(DEAD_S, self._abort)

    async def write(self) -> None:
        """Writes the queue until the connection ends."""
        with suppress(ConnectionError):
            while True:
                await self.more.wait()
                self.more.clear()
                while self.queue:
                    match self.queue.popleft():
                        case bytes(payload):
                            await self.socket.send_frame(payload, WSMsgType.TEXT)
                        case Delay(seconds):
                            await asyncio.sleep(seconds)
                        case Drip(payload, bytes_per_s):
                            await self._drip(framed(payload), bytes_per_s)
                        case Close(code, reason):
                            return await self._close(code, reason)

    async def _drip(self, frame: bytes, bytes_per_s: int) -> None:
        """Past the library, which would send a frame whole."""
        portion = max(int(bytes_per_s * DROP_S), 1)
        for start in range(0, len(frame), portion):
            if self.dead or self.request.transport is None:
                return
            self.request.transport.write(frame[start : start + portion])
            await asyncio.sleep(portion / bytes_per_s)

    async def _close(self, code: int, reason: str) -> None:
        self.leaving = True
        if code != 1006:
            await self.socket.close(code=code, message=reason.encode())
        else:
            self._abort()

    def _abort(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


def framed(payload: bytes) -> bytes:
    """An unfragmented text frame of a server."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 1 << 16:
        return bytes((0x81, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x81, 127)) + size.to_bytes(8, "big") + payload
