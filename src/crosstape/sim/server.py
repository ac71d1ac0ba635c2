"""A simulated Bybit on loopback: aiohttp serves the pure renderings, one task steps the world."""

import asyncio
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import WSMsgType, web
from msgspec import Struct

from crosstape.sim.answer import Answer
from crosstape.sim.assets import make_assets
from crosstape.sim.bybit import CATEGORIES
from crosstape.sim.bybit_listing import contracts
from crosstape.sim.bybit_ops import reply
from crosstape.sim.bybit_rest import answer
from crosstape.sim.bybit_stream import Key, Stream
from crosstape.sim.connection import Connection
from crosstape.sim.fault import Close, Fault, RestFault
from crosstape.sim.world import World

STEP_NS: Final = 10_000_000
MOST_STEPS: Final = 10
REST_LIMIT, REST_WINDOW_NS = 600, 5_000_000_000
OPEN_LIMIT, OPEN_WINDOW_NS = 500, 300_000_000_000
REFUSED: Final = Answer(403, b'{"retCode":10006,"retMsg":"access too frequent","result":{},"retExtInfo":{}}')


class SimSettings(Struct, frozen=True, kw_only=True):
    """`rate`: messages a real second over all subscribed topics, reached by scaling the activity of their rows.

    No row gets busier than 60 quote updates a second, so a few topics send less. With `steady` activity does not
    follow subscriptions: `rate` is then what orderbook.50, trades and tickers of every instrument would send.
    `time_scale` makes simulated time run faster than real time. `idle_s` is the silence of a client after which
    the venue cuts it (Bybit documents ten minutes). `start_ns` 0 means now. Times are simulated.
    """

    seed: int = 7
    assets: int = 200
    rate: float = 5_000.0
    steady: bool = False
    time_scale: float = 1.0
    port: int = 0
    start_ns: int = 0
    idle_s: float = 600.0
    ban_s: float = 600.0


class Window:
    """How often something happened within a sliding window of simulated time."""

    def __init__(self, limit: int, window_ns: int) -> None:
        self.limit, self.window_ns = limit, window_ns
        self.times: deque[int] = deque()

    def over(self, now_ns: int) -> bool:
        """Counts one more; whether that is too many."""
        while self.times and self.times[0] <= now_ns - self.window_ns:
            self.times.popleft()
        self.times.append(now_ns)
        return len(self.times) > self.limit


def make_world(settings: SimSettings) -> World:
    """The world these settings describe, before its first step."""
    start_ns = settings.start_ns or time.time_ns()
    assets = make_assets(settings.seed, settings.assets)
    rate = settings.rate / settings.time_scale
    return World(settings.seed, assets, contracts(assets, start_ns), start_ns, rate)


class Server:
    """Bybit's endpoints over one world. `faults` and `rest_faults` may be changed while it runs."""

    def __init__(self, settings: SimSettings, faults: Iterable[Fault], rest_faults: Iterable[RestFault]) -> None:
        self.settings = settings
        self.faults, self.rest_faults = tuple(faults), tuple(rest_faults)
        self.begin_ns = time.monotonic_ns()
        self.world = make_world(settings)
        self.stream = Stream(self.world)
        self.listeners: dict[Key, dict[int, Connection]] = {}
        self.connections: dict[int, Connection] = {}
        self.opened = self.sent = 0
        self.requests = Window(REST_LIMIT, REST_WINDOW_NS)
        self.opens = Window(OPEN_LIMIT, OPEN_WINDOW_NS)
        self.banned_ns = 0
        self.paced = False
        self.rest_url = self.ws_url = ""

    async def pump(self) -> None:
        """Steps the world as time goes and sends what comes of it."""
        quantum = int(STEP_NS * self.settings.time_scale)
        while True:
            elapsed = (time.monotonic_ns() - self.begin_ns) * self.settings.time_scale
            behind = int(self.world.start_ns + elapsed - self.world.now_ns) // quantum
            if behind > MOST_STEPS:
                self._advance(quantum * (behind - MOST_STEPS))
            for _ in range(min(behind, MOST_STEPS)):
                self._advance(quantum)
            self._cut_idle()
            self._pace()
            await asyncio.sleep(STEP_NS / 1e9 if behind <= 1 else 0)

    def _advance(self, dt_ns: int) -> None:
        for key, message in self.stream.publish(self.world.step(dt_ns)):
            for connection in self.listeners[key].values():
                connection.send(message)
                self.sent += 1

    def _pace(self) -> None:
        if not self.paced and not self.settings.steady:
            rate = self.settings.rate / self.settings.time_scale
            self.world.flow.pace(self.world.rows.weights(), rate, self.stream.load())
        self.paced = True

    def _cut_idle(self) -> None:
        oldest = self.world.now_ns - int(self.settings.idle_s * 1e9)
        for connection in self.connections.values():
            if connection.heard_ns < oldest:
                connection.heard_ns = self.world.now_ns
                connection.cut(Close(1006))

    async def rest(self, request: web.Request) -> web.Response:
        """Any GET: faults first, then the limit, then the world."""
        now, query = self.world.now_ns, dict(request.query)
        found = next((a for fault in self.rest_faults if (a := fault(request.path, query))), None)
        if found is None and (self.requests.over(now) or now < self.banned_ns):
            if now >= self.banned_ns:
                self.banned_ns = now + int(self.settings.ban_s * 1e9)
            found = REFUSED
        found = found or answer(self.stream, request.path, query)
        kind = "application/json" if found.body.startswith(b"{") else "text/plain"
        return web.Response(status=found.status, body=found.body, content_type=kind, headers=dict(found.headers))

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """One client of a category, until it leaves."""
        category = request.match_info["category"]
        if category not in CATEGORIES or self.opens.over(self.world.now_ns):
            return web.Response(status=404 if category not in CATEGORIES else 403)
        websocket = web.WebSocketResponse(compress=False, timeout=1.0)
        await websocket.prepare(request)
        self.opened += 1
        number, now = self.opened, self.world.now_ns
        connection = Connection(number, category, request, websocket, now, lambda: self.faults)
        self.connections[number] = connection
        writer = asyncio.create_task(connection.write())
        try:
            async for message in websocket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    said = message.data
                    self.hear(connection, said.encode() if isinstance(said, str) else said)
        finally:
            self._forget(connection)
            writer.cancel()
        return websocket

    def hear(self, connection: Connection, text: bytes) -> None:
        """One message of a client: its answer, and first snapshots of what it subscribed to."""
        connection.heard_ns = self.world.now_ns
        replied = reply(self.stream, connection.category, connection.id, connection.held, text)
        connection.send(replied.payload)
        self.paced &= not replied.topics
        for topic in replied.topics:
            if replied.change == "unsubscribe":
                self._leave(connection, topic)
                continue
            key = (connection.category, topic)
            connection.held[topic] = None
            self.listeners.setdefault(key, {})[connection.number] = connection
            if (first := self.stream.open(key)) is not None:
                connection.send(first)

    def _leave(self, connection: Connection, topic: str) -> None:
        key = (connection.category, topic)
        del connection.held[topic], self.listeners[key][connection.number]
        if not self.listeners[key]:
            del self.listeners[key]
            self.stream.close(key)

    def _forget(self, connection: Connection) -> None:
        self.paced = False
        for topic in list(connection.held):
            self._leave(connection, topic)
        del self.connections[connection.number]


@asynccontextmanager
async def serve(
    settings: SimSettings, faults: Iterable[Fault] = (), rest_faults: Iterable[RestFault] = ()
) -> AsyncIterator[Server]:
    """A running server on 127.0.0.1, stopped on the way out."""
    server = Server(settings, faults, rest_faults)
    app = web.Application()
    app.router.add_get("/v5/public/{category}", server.socket)
    app.router.add_get("/{path:.*}", server.rest)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", settings.port))
    await web.SockSite(runner, listening).start()
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    server.rest_url, server.ws_url = f"http://{address}", f"ws://{address}"
    pump = asyncio.create_task(server.pump())
    try:
        yield server
    finally:
        pump.cancel()
        for connection in list(server.connections.values()):
            connection.cut(Close(1001, "bye"))
        await runner.cleanup()
        await asyncio.wait([pump])
        if not pump.cancelled() and (failed := pump.exception()) is not None:
            raise failed
