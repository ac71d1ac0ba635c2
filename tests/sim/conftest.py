"""A small simulated Bybit and a socket client for it."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest

from crosstape.sim.server import SimSettings, serve
from crosstape.sim.venue import Server

SMALL = SimSettings(seed=3, assets=12, rate=1500.0)


class Client:
    """Talks to one server: GET, and sockets whose messages are decoded."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server, self.http = server, http

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        async with self.http.get(self.server.rest_url + path, params={k: str(v) for k, v in query.items()}) as r:
            return msgspec.json.decode(await r.read())

    async def result(self, path: str, **query: Any) -> dict[str, Any]:
        body = await self.get(path, **query)
        assert body["retCode"] == 0, body
        return body["result"]

    @asynccontextmanager
    async def socket(self, category: str = "linear", *topics: str) -> AsyncIterator["Socket"]:
        async with self.http.ws_connect(f"{self.server.ws_url}/v5/public/{category}") as raw:
            socket = Socket(raw)
            if topics:
                assert (await socket.ask("subscribe", *topics))["success"]
            yield socket


class Socket:
    """One connection."""

    def __init__(self, raw: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = raw

    async def ask(self, op: str, *args: str, **more: Any) -> dict[str, Any]:
        await self.raw.send_json({"op": op, "args": list(args), **more})
        while "op" not in (message := await self.next()):
            pass
        return message

    async def next(self, topic: str = "") -> dict[str, Any]:
        while True:
            message = msgspec.json.decode(await asyncio.wait_for(self.raw.receive_str(), 10))
            if message.get("topic", "").startswith(topic):
                return message

    async def some(self, count: int, topic: str = "") -> list[dict[str, Any]]:
        return [await self.next(topic) for _ in range(count)]


@pytest.fixture(autouse=True)
def third_party_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """What another's client leaves open is swept up in its own test, where warnings are ignored by name."""
    yield
    if request.node.get_closest_marker("filterwarnings"):
        gc.collect()


@pytest.fixture
def running() -> Callable[..., Any]:
    """`async with running(faults=…) as client`."""

    @asynccontextmanager
    async def run(settings: SimSettings = SMALL, **faults: Any) -> AsyncIterator[Client]:
        async with serve(settings, **faults) as simulation, aiohttp.ClientSession() as http:
            (server,) = simulation.venues.values()
            yield Client(server, http)

    return run
