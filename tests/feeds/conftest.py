"""A small venue that speaks a Bybit-like protocol on 127.0.0.1 and misbehaves when told to."""

from __future__ import annotations

import asyncio
import heapq
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from crosstape.feeds.clock import ScaledClock
from crosstape.feeds.intake import Arrival, BoundedIntake
from crosstape.feeds.settings import FeedSettings
from crosstape.feeds.supervisor import Feeds
from crosstape.model.frame import Kind
from crosstape.wire.request import Request
from crosstape.wire.venue import Ack, Budget, Ping, Poll, Refusal, Stream, StreamLimits, Venue

START = 1_795_000_000_000_000_000


class ManualClock:
    """Time that moves only when told to; sleepers wake in order."""

    def __init__(self) -> None:
        self.ns = START
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        go = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.ns + max(round(seconds * 1e9), 1), self._count, go))
        await go

    async def advance(self, seconds: float) -> None:
        end = self.ns + round(seconds * 1e9)
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, go = heapq.heappop(self._sleepers)
            self.ns = max(self.ns, at)
            if not go.done():
                go.set_result(None)
            await settle()
        self.ns = max(self.ns, end)
        await settle()


async def settle() -> None:
    """Let every ready task run."""
    for _ in range(10):
        await asyncio.sleep(0)


class Peer:
    """One accepted socket: what it was sent, and what it holds."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self.ws = ws
        self.request = request
        self.topics: list[str] = []
        self.batches: list[list[str]] = []
        self.pings = 0
        self.texts: list[str] = []

    def abort(self) -> None:
        assert self.request.transport is not None
        self.request.transport.abort()


class Server:
    """Faults are attributes: change them before or while it runs."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.live: list[Peer] = []
        self.bad: set[str] = set()
        self.mute = False
        self.deaf_acks = 0
        self.refuse_status = 0
        self.welcome: Callable[[Peer], Awaitable[None]] | None = None
        self.requests: list[tuple[str, str]] = []
        self.answer: Callable[[web.Request], web.StreamResponse | Awaitable[web.StreamResponse]] | None = None
        self.port = 0
        self.runner: web.AppRunner | None = None

    async def listen(self, tls: ssl.SSLContext | None = None) -> int:
        assert self.runner is not None
        await web.TCPSite(self.runner, "127.0.0.1", 0, ssl_context=tls).start()
        return self.runner.addresses[-1][1]

    async def socket(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_status:
            return web.Response(status=self.refuse_status)
        ws = web.WebSocketResponse(autoping=False, timeout=1.0)
        await ws.prepare(request)
        peer = Peer(ws, request)
        self.peers.append(peer)
        self.live.append(peer)
        try:
            if self.welcome is not None:
                await self.welcome(peer)
            async for message in ws:
                await self._hear(peer, message.type, message.data)
        finally:
            self.live.remove(peer)
        return ws

    async def _hear(self, peer: Peer, kind: WSMsgType, data: Any) -> None:
        if kind is WSMsgType.PING and not self.mute:
            await peer.ws.pong(data)
        if kind is not WSMsgType.TEXT:
            return
        peer.texts.append(data)
        message = json.loads(data)
        if message["op"] == "ping":
            peer.pings += 1
            reply = {"success": True, "ret_msg": "pong", "op": "ping"}
        else:
            reply = self._order(peer, message)
        if self.mute:
            return
        if message["op"] != "ping" and self.deaf_acks > 0:
            self.deaf_acks -= 1
            return
        await peer.ws.send_str(json.dumps(reply))

    def _order(self, peer: Peer, message: dict[str, Any]) -> dict[str, Any]:
        args = message.get("args", [])
        wrong = [t for t in args if t in self.bad]
        if message["op"] == "subscribe":
            peer.batches.append(args)
            wrong = wrong or [t for t in args if t in peer.topics]
            if not wrong:
                peer.topics += args
        elif message["op"] == "unsubscribe":
            peer.topics = [t for t in peer.topics if t not in args]
        reason = f"error:handler not found,topic:{wrong[0]}" if wrong else ""
        return {
            "success": not wrong,
            "ret_msg": reason,
            "req_id": message.get("req_id", ""),
            "op": message["op"],
        }

    async def rest(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path, request.rel_url.raw_query_string))
        if self.answer is None:
            return web.json_response({"retCode": 0})
        answer = self.answer(request)
        return await answer if isinstance(answer, Awaitable) else answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    it = Server()
    app = web.Application()
    app.router.add_get("/ws", it.socket)
    app.router.add_get("/v5/{tail:.*}", it.rest)
    runner = it.runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    it.port = await it.listen()
    yield it
    for peer in tuple(it.live):
        peer.abort()
    await runner.cleanup()


def subscribe(op: str) -> Callable[[Sequence[str], str], bytes]:
    return lambda topics, key: json.dumps({"op": op, "req_id": key, "args": list(topics)}).encode()


def ack(payload: bytes) -> Ack | None:
    if b'"op": "subscribe"' not in payload and b'"op": "unsubscribe"' not in payload:
        return None
    reply = json.loads(payload)
    return Ack(reply["success"], reply["req_id"], reply["ret_msg"])


def refusal(status: int, headers: str, body: bytes) -> Refusal | None:
    if status == 403:
        return Refusal("access too frequent", ban_s=600.0)
    if status == 429:
        return Refusal("slow down", retry=True)
    if status != 200:
        return Refusal(f"HTTP {status}", retry=status >= 500)
    return None if b'"retCode": 0' in body else Refusal("retCode")


def declared(
    port: int,
    id: str = "mock",
    limits: StreamLimits | None = None,
    ping: Ping | None = None,
    budget: Budget | None = None,
    every_s: float = 0.0,
    first: Callable[[], tuple[Request, ...]] | None = None,
    ack: Callable[[bytes], Ack | None] = ack,
) -> Venue:
    """A venue with one market, "<id>-linear", and one poll, "<id>-linear/instruments"."""
    market = f"{id}-linear"
    stream = Stream(
        market=market,
        url=f"ws://127.0.0.1:{port}/ws",
        subscribe=subscribe("subscribe"),
        unsubscribe=subscribe("unsubscribe"),
        open=lambda: lambda payload: [],
        ack=ack,
        topics=lambda instrument, tier: (),
        book_topics=lambda instrument, tier: (),
        ping=ping,
        limits=limits or StreamLimits(topics_per_request=10, requests_per_s=1000.0),
    )
    asked = first or (lambda: (Request("instruments", "/v5/instruments", (("category", "linear"),)),))
    poll = Poll(market, "instruments", asked, every_s, lambda request, body: [])
    return Venue(
        id=id,
        docs="",
        rest=f"http://127.0.0.1:{port}",
        budget=budget or Budget(1000.0, 1.0),
        streams=(stream,),
        polls=(poll,),
        capabilities=(),
        refusal=refusal,
        backfill=lambda instrument, since, until: (),
        builtin=lambda: (),
    )


class Silent:
    """A logger that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **facts: Any) -> None:
        self.events.append((event, facts))


class Rig:
    """Feeds over a scaled clock, everything they put, and waiting for it with a deadline."""

    def __init__(
        self, venues: Sequence[Venue], scale: float, settings: FeedSettings, intake: BoundedIntake
    ) -> None:
        self.clock = ScaledClock(scale, START)
        self.intake = intake
        self.log = Silent()
        self.feeds = Feeds(venues, intake, self.clock, settings, seed=7, log=self.log)
        self.seen: list[Arrival] = []
        self.reading = True
        self.task: asyncio.Task[None] | None = None

    def frames(self, kind: Kind, source: str = "") -> list[Arrival]:
        self.seen += self.intake.take(1_000_000) if self.reading else []
        return [a for a in self.seen if a[3] is kind and source in ("", a[1])]

    async def until(self, true: Callable[[], Any], seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.005)


@pytest.fixture
def rig() -> Callable[..., Any]:
    """`async with rig(venue, …) as r`: running feeds, cancelled and checked at the end."""

    @asynccontextmanager
    async def make(
        *venues: Venue, scale: float = 1.0, intake: BoundedIntake | None = None, **settings: Any
    ) -> AsyncIterator[Rig]:
        quick = {"backoff_first_s": 0.02, "backoff_cap_s": 0.1, "retry_first_s": 0.02} | settings
        it = Rig(venues, scale, FeedSettings(**quick), intake or BoundedIntake())
        before = asyncio.all_tasks()
        it.task = asyncio.create_task(it.feeds.run())
        await asyncio.sleep(0)
        yield it
        it.task.cancel()
        await asyncio.wait({it.task}, timeout=60.0)
        assert it.task.cancelled()
        it.frames(Kind.OPEN)
        left = {t for t in asyncio.all_tasks() - before if "feeds" in repr(t.get_coro())}
        assert not left

    return make


@pytest.fixture
def declare() -> Callable[..., Venue]:
    return declared


@pytest.fixture
def manual() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def manual_clock() -> type[ManualClock]:
    return ManualClock
