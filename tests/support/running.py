"""Run a live crosstape until something is so, however slow the machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec

from crosstape.app.known import addressed, narrowed
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.settings import EngineSettings
from crosstape.engine.view import View
from crosstape.feeds.clock import ScaledClock
from crosstape.sim.fault import Fault
from crosstape.sim.server import SimSettings, Simulation, serve
from crosstape.venues import VENUES
from crosstape.wire.venue import Venue

BOUND_S = 120.0


@contextlib.asynccontextmanager
async def one_market(
    folder: Path, market: str, settings: EngineSettings, sim: SimSettings, faults: Sequence[Fault] = ()
) -> AsyncIterator[tuple[Simulation, Venue, Live]]:
    """A simulated venue, and a crosstape without a tape that knows one of its markets; its time is the simulator's."""
    (name,) = sim.venues
    async with serve(sim, faults=faults) as simulation:
        urls = simulation.urls[name]
        venue = brisk(narrowed(addressed(next(v for v in VENUES if v.id == name), urls.rest, urls.ws), (market,)))
        clock = ScaledClock(sim.time_scale, simulation.world.now_ns) if sim.time_scale != 1.0 else None
        live = Live(Config(data=str(folder), tape=TapeSettings(record=False)), [venue], clock)
        live.open(settings)
        yield simulation, venue, live


def brisk(venue: Venue) -> Venue:
    """The venue, where one topic is asked for at a time at ten times the pace: what a socket may say in a minute is the
    feeds' tests' business, and here it would be ten seconds of every recovery."""
    streams = tuple(
        msgspec.structs.replace(s, limits=msgspec.structs.replace(s.limits, requests_per_s=35.0))
        if s.limits.topics_per_request == 1
        else s
        for s in venue.streams
    )
    return msgspec.structs.replace(venue, streams=streams)


async def run_until(live: Live, views: list[View], done: Callable[[], bool], bound_s: float = BOUND_S) -> None:
    """Its views go to `views`. At the bound it ends as well: the test's own assertions then say what is missing."""
    running = asyncio.ensure_future(live.run(live.pump(views.append, frozenset)))
    loop = asyncio.get_running_loop()
    deadline = loop.time() + bound_s
    try:
        while not (running.done() or (views and done())) and loop.time() < deadline:
            await asyncio.sleep(0.05)
    finally:
        ended = running.done()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert not ended, "it stopped by itself"
