"""Simulated venues on loopback: one world, one aiohttp site a venue, one task that steps the world."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import numpy as np
from aiohttp import web
from msgspec import Struct

from crosstape.sim.assets import make_assets
from crosstape.sim.catalogue import DIALECTS
from crosstape.sim.chaos.lab import put_on
from crosstape.sim.dialect import Dialect
from crosstape.sim.fault import Close, Fault, RestFault
from crosstape.sim.venue import Server
from crosstape.sim.world import World

MOST_STEPS: Final = 10


class SimSettings(Struct, frozen=True, kw_only=True):
    """`rate`: messages a real second over all subscribed topics, reached by scaling the activity of their rows.

    No row gets busier than 60 quote updates a second, so a few topics send less. With `steady` activity does not
    follow subscriptions: `rate` is then what orderbook.50, trades and tickers of every instrument would send.
    `time_scale` makes simulated time run faster than real time. `idle_s` is the silence of a client after which
    a venue cuts it (Bybit documents ten minutes). `start_ns` 0 means now. Times are simulated. `port` is the
    first venue's; the others take the ones behind it, or any where it is 0. `faults` are in the chaos lab's
    language, in force from the start at every venue they fit. `step_ms` is how often the world moves, real time:
    nothing is said in between, and a coarser world costs less.
    """

    venues: tuple[str, ...] = ("bybit",)
    seed: int = 7
    assets: int = 200
    rate: float = 5_000.0
    steady: bool = False
    time_scale: float = 1.0
    port: int = 0
    start_ns: int = 0
    idle_s: float = 600.0
    ban_s: float = 600.0
    step_ms: float = 10.0
    faults: tuple[str, ...] = ()


class Urls(Struct, frozen=True):
    """Where a venue is: both are roots, without the paths its documents add."""

    rest: str
    ws: str


def dialects(settings: SimSettings) -> tuple[Dialect, ...]:
    """The venues these settings ask for, in that order."""
    known = {dialect.name: dialect for dialect in DIALECTS}
    return tuple(known[name] for name in settings.venues)


def make_world(settings: SimSettings) -> World:
    """The world these settings describe, before its first step: every venue's contracts on the same assets."""
    start_ns = settings.start_ns or time.time_ns()
    assets = make_assets(settings.seed, settings.assets)
    rate = settings.rate / settings.time_scale
    contracts = [c for dialect in dialects(settings) for c in dialect.contracts(assets, start_ns)]
    return World(settings.seed, assets, contracts, start_ns, rate)


class Simulation:
    """Everything that runs: the world, and a server a venue by its name."""

    def __init__(self, settings: SimSettings, faults: Iterable[Fault], rest_faults: Iterable[RestFault]) -> None:
        self.settings = settings
        self.begin_ns = time.monotonic_ns()
        self.world = make_world(settings)
        faults, rest_faults = tuple(faults), tuple(rest_faults)
        self.venues = {
            d.name: Server(d, self.world, faults, rest_faults, settings.ban_s) for d in dialects(settings)
        }
        for text in settings.faults:
            put_on((venue.lab for venue in self.venues.values()), text)

    @property
    def urls(self) -> dict[str, Urls]:
        """Where each venue is."""
        return {name: Urls(venue.rest_url, venue.ws_url) for name, venue in self.venues.items()}

    @property
    def rest_url(self) -> str:
        """Where REST of the only venue is."""
        (venue,) = self.venues.values()
        return venue.rest_url

    @property
    def ws_url(self) -> str:
        """Where sockets of the only venue are."""
        (venue,) = self.venues.values()
        return venue.ws_url

    async def pump(self) -> None:
        """Steps the world as time goes and sends what comes of it."""
        step_ns = self.settings.step_ms * 1e6
        quantum = int(step_ns * self.settings.time_scale)
        while True:
            elapsed = (time.monotonic_ns() - self.begin_ns) * self.settings.time_scale
            behind = int(self.world.start_ns + elapsed - self.world.now_ns) // quantum
            if behind > MOST_STEPS:
                self._advance(quantum * (behind - MOST_STEPS))
            for _ in range(min(behind, MOST_STEPS)):
                self._advance(quantum)
            for venue in self.venues.values():
                venue.cut_idle(self.settings.idle_s)
            self._pace()
            await asyncio.sleep(step_ns / 1e9 if behind <= 1 else 0)

    def _advance(self, dt_ns: int) -> None:
        happened = self.world.step(dt_ns)
        for venue in self.venues.values():
            venue.publish(happened)

    def _pace(self) -> None:
        venues = self.venues.values()
        if not all(venue.paced for venue in venues) and not self.settings.steady:
            rate = self.settings.rate / self.settings.time_scale
            load = np.sum([venue.stream.load() for venue in venues], axis=0)
            self.world.flow.pace(self.world.rows.weights(), rate, load)
        for venue in venues:
            venue.paced = True


@asynccontextmanager
async def listening(server: Server, port: int) -> AsyncIterator[None]:
    """A venue's site on 127.0.0.1; its clients are told goodbye on the way out."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.any)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    taken = socket.create_server(("127.0.0.1", port))
    await web.SockSite(runner, taken).start()
    address = f"127.0.0.1:{taken.getsockname()[1]}"
    server.rest_url, server.ws_url = f"http://{address}", f"ws://{address}"
    try:
        yield
    finally:
        for connection in list(server.connections.values()):
            connection.cut(Close(1001, "bye"))
        await runner.cleanup()


@asynccontextmanager
async def serve(
    settings: SimSettings, faults: Iterable[Fault] = (), rest_faults: Iterable[RestFault] = ()
) -> AsyncIterator[Simulation]:
    """Running venues on 127.0.0.1, stopped on the way out. Faults given here hold for all of them."""
    simulation = Simulation(settings, faults, rest_faults)
    async with AsyncExitStack() as stack:
        for i, venue in enumerate(simulation.venues.values()):
            await stack.enter_async_context(listening(venue, settings.port and settings.port + i))
        pump = asyncio.create_task(simulation.pump())
        try:
            yield simulation
        finally:
            pump.cancel()
            await asyncio.wait([pump])
            if not pump.cancelled() and (failed := pump.exception()) is not None:
                raise failed
