"""One client socket of a simulated venue: a bounded queue, the faults on its way out, one writer."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from aiohttp import WSMsgType, web

from crosstape.sim.fault import Close, Delay, Fault, Out, through

MOST_QUEUED: Final = 50_000


class Connection:
    """Sends in order; a client that falls too far behind is cut, as the venue does."""

    def __init__(
        self, number: int, category: str, request: web.Request, socket: web.WebSocketResponse, now_ns: int,
        faults: Callable[[], Iterable[Fault]],
    ) -> None:  # fmt: skip
        self.number, self.category, self.heard_ns = number, category, now_ns
        self.id = f"sim-{number:08x}"
        self.held: dict[str, None] = {}
        self.request, self.socket, self.faults = request, socket, faults
        self.queue: deque[Out] = deque()
        self.more = asyncio.Event()

    def send(self, payload: bytes) -> None:
        """Queues what the faults leave of a message."""
        self.queue += through(self.faults(), self, payload)
        if len(self.queue) > MOST_QUEUED:
            self.queue.clear()
            self.queue.append(Close(1006))
        self.more.set()

    def cut(self, close: Close) -> None:
        """Ends the connection after what is queued."""
        self.queue.append(close)
        self.more.set()

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
                        case Close(code, reason):
                            return await self._close(code, reason)

    async def _close(self, code: int, reason: str) -> None:
        if code != 1006:
            await self.socket.close(code=code, message=reason.encode())
        elif self.request.transport is not None:
            self.request.transport.abort()
