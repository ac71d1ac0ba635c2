"""One simulated venue on aiohttp: its clients, its limits, its faults."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from aiohttp import WSMsgType, web

from crosstape.sim.chaos.control import ROOT, control
from crosstape.sim.chaos.lab import Lab
from crosstape.sim.connection import Connection
from crosstape.sim.dialect import Ask, Dialect, Key, Quota, Seat
from crosstape.sim.facts import Happened
from crosstape.sim.fault import Close, Fault, RestFault
from crosstape.sim.world import World


class Window:
    """How often something happened within a sliding window of simulated time."""

    def __init__(self, quota: Quota) -> None:
        self.limit, self.window_ns = quota.count, int(quota.window_s * 1e9)
        self.times: deque[int] = deque()

    def over(self, now_ns: int) -> bool:
        """Counts one more; whether that is too many."""
        while self.times and self.times[0] <= now_ns - self.window_ns:
            self.times.popleft()
        self.times.append(now_ns)
        return len(self.times) > self.limit


class Server:
    """A venue's endpoints over the world. `faults`, `rest_faults` and the `lab` may be changed while it runs.

    `paced` is cleared whenever what is subscribed changes.
    """

    def __init__(
        self, dialect: Dialect, world: World, faults: Iterable[Fault], rest_faults: Iterable[RestFault],
        ban_s: float,
    ) -> None:  # fmt: skip
        self.dialect, self.world, self.ban_s = dialect, world, ban_s
        self.faults, self.rest_faults = tuple(faults), tuple(rest_faults)
        self.stream = dialect.voice(world)
        self.lab = Lab(self)
        self.stream.refuses = self.lab.unknown
        self.listeners: dict[Key, dict[int, Connection]] = {}
        self.connections: dict[int, Connection] = {}
        self.opened = self.sent = 0
        self.requests, self.opens = Window(dialect.requests), Window(dialect.opens)
        self.banned_ns = 0
        self.paced = False
        self.rest_url = self.ws_url = ""

    def publish(self, happened: Happened) -> None:
        """Sends what comes of one step."""
        for key, message in self.stream.publish(happened):
            for connection in self.listeners[key].values():
                connection.send(message, key[1])
                self.sent += 1
        self.lab.step()

    def cut_idle(self, idle_s: float) -> None:
        """Cuts clients that said nothing for so long, where the venue does that."""
        oldest = self.world.now_ns - int(idle_s * 1e9)
        for connection in self.connections.values():
            if self.dialect.cuts_silent and connection.heard_ns < oldest:
                connection.heard_ns = self.world.now_ns
                connection.cut(Close(1006))

    async def any(self, request: web.Request) -> web.StreamResponse:
        """Whatever comes in: the lab's control, a socket where one is asked for, REST otherwise."""
        if request.path.startswith(f"{ROOT}/"):
            return await control(self.lab, request)
        wants = request.headers.get("Upgrade", "").lower() == "websocket"
        return await (self.socket(request) if wants else self.rest(request))

    async def rest(self, request: web.Request) -> web.Response:
        """Any request: faults first, then the limit, then the world."""
        now, query = self.world.now_ns, dict(request.query)
        body, raw = await request.read(), request.rel_url.raw_query_string
        ask = Ask(request.method, request.path, query, body, request.headers, raw)
        found = next((a for fault in self.rest_faults if (a := fault(request.path, query))), None)
        found = found or self.lab.refused(ask)
        if found is None and (self.requests.over(now) or now < self.banned_ns):
            if now >= self.banned_ns:
                self.banned_ns = now + int(self.ban_s * 1e9)
            found = self.dialect.refused
        found = found or self.lab.answered(ask, self.stream.answer(ask))
        await asyncio.sleep(self.lab.delay_s(ask))
        kind = "application/json" if found.body[:1] in (b"{", b"[") else "text/plain"
        return web.Response(status=found.status, body=found.body, content_type=kind, headers=dict(found.headers))

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """One client, until it leaves."""
        seat = self.stream.seat(request.path, dict(request.query))
        if seat is None or self.opens.over(self.world.now_ns):
            return web.Response(status=404 if seat is None else 403)
        refused = self.lab.refused(Ask("CONNECT", request.path, dict(request.query)))
        if refused is not None:
            return web.Response(status=refused.status, body=refused.body, headers=dict(refused.headers))
        websocket = web.WebSocketResponse(compress=False, timeout=1.0, heartbeat=self.dialect.heartbeat_s or None)
        try:
            await websocket.prepare(request)
        except ConnectionError:
            return web.Response(status=499)  # the client left while it was let in
        connection = self._welcome(seat, request, websocket)
        writer = asyncio.create_task(connection.write())
        try:
            async for message in websocket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    said = message.data
                    self.hear(connection, said.encode() if isinstance(said, str) else said)
        finally:
            self._forget(connection)
            if connection.leaving:
                # It waits for the client's half of the closing handshake.
                await asyncio.wait({writer}, timeout=1.0)
            writer.cancel()
        return websocket

    def _through(self) -> Iterable[Fault]:
        return self.lab.faults(self.faults)

    def _welcome(self, seat: Seat, request: web.Request, websocket: web.WebSocketResponse) -> Connection:
        self.opened += 1
        number, now = self.opened, self.world.now_ns
        connection = Connection(number, seat.category, request, websocket, now, self._through)
        self.connections[number] = connection
        self._join(connection, [t for t in seat.topics if self.stream.known((seat.category, t))])
        return connection

    def hear(self, connection: Connection, text: bytes) -> None:
        """One message of a client: its answer, and first snapshots of what it subscribed to."""
        if connection.dead:
            return
        connection.heard_ns = self.world.now_ns
        replied = self.stream.reply(connection.category, connection.id, connection.held, text)
        for payload in replied.payloads:
            connection.send(payload)
        if replied.change == "unsubscribe":
            self._leave(connection, replied.topics)
        else:
            self._join(connection, self.lab.heard(replied.topics))

    def _join(self, connection: Connection, topics: Sequence[str]) -> None:
        self.paced &= not topics
        for topic in topics:
            key = (connection.category, topic)
            connection.held[topic] = None
            self.listeners.setdefault(key, {})[connection.number] = connection
            if (first := self.stream.open(key)) is not None:
                connection.send(first, topic, first=True)

    def _leave(self, connection: Connection, topics: Sequence[str]) -> None:
        self.paced &= not topics
        for topic in topics:
            key = (connection.category, topic)
            del connection.held[topic], self.listeners[key][connection.number]
            if not self.listeners[key]:
                del self.listeners[key]
                self.stream.close(key)

    def _forget(self, connection: Connection) -> None:
        self._leave(connection, list(connection.held))
        self.paced = False
        del self.connections[connection.number]
