"""crosstape itself on one core, live against the sender: feeds, intake, tape, machine, views."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bench.child import say
from bench.figures import percentile, pin
from crosstape.api.app import create_app
from crosstape.api.hub import Hub
from crosstape.api.server import serving
from crosstape.api.settings import ApiSettings
from crosstape.app.journal import Journal
from crosstape.app.running import Live
from crosstape.app.status import Vitals
from crosstape.config import Config
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.feeds.clock import ScaledClock
from crosstape.live.pump import Pump
from crosstape.live.timing import Samples
from crosstape.model.frame import Frame
from crosstape.model.ports import Clock, Recorder
from crosstape.sim.prerender import START_NS
from crosstape.venues.bybit import BYBIT
from crosstape.wire.venue import Venue

EVERY = 23
MANY = 1_000_000


class Order(msgspec.Struct, frozen=True):
    """Where the sender is, how many messages it sends, after how many to begin measuring, whether to serve; the
    `deep` busiest of each market have a whole book, the rest best bid and offer. `seconds` = how long to measure,
    0 = until nine tenths have come."""

    port: int
    total: int
    warm: int
    core: int = 0
    api: bool = False
    deep: int = 1_000_000
    seconds: float = 0.0


class Tap:
    """The recorder, noting on the way when every so-manieth frame was received."""

    def __init__(self, recorder: Recorder, clock: Clock) -> None:
        self.recorder, self.clock = recorder, clock
        self.waiting: list[int] = []
        self.viewed: list[float] = []
        self.on = False

    def append(self, frames: Sequence[Frame]) -> None:
        """Frames on their way to the tape."""
        self.recorder.append(frames)
        if self.on:
            self.waiting += [frame.ts_recv for frame in frames[::EVERY]]

    @property
    def failed(self) -> str:
        """As the recorder says."""
        return self.recorder.failed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.recorder, name)

    def publish(self, view: View) -> None:
        """Everything noted so far is in this view."""
        now = self.clock.now()
        self.viewed += [(now - ts) * 1e-6 for ts in self.waiting]
        self.waiting.clear()


def moved(venue: Venue, address: str) -> Venue:
    """The venue at this address, without its pace for subscribing, which would only make the benchmark wait."""
    replace = msgspec.structs.replace
    streams = tuple(
        replace(s, url=f"ws://{address}{urlsplit(s.url).path}", limits=replace(s.limits, requests_per_s=1_000.0))
        for s in venue.streams
    )
    return replace(venue, rest=f"http://{address}", streams=streams)


class Pauses:
    """How long the collector stopped everything, ms."""

    def __init__(self) -> None:
        self.found: list[float] = []
        self.began = 0.0
        gc.callbacks.append(self)

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """The interpreter calls this around every collection."""
        if phase == "start":
            self.began = time.perf_counter()
        else:
            self.found.append((time.perf_counter() - self.began) * 1e3)


def fresh(pump: Pump) -> None:
    """Forget what was timed while warming up."""
    timing = pump.timing
    timing.applied, timing.viewed, timing.tick, timing.slice = (Samples(MANY) for _ in range(4))


async def measured(pump: Pump, tap: Tap, order: Order) -> dict[str, float]:
    """Wait for the warm-up, then measure."""
    timing = pump.timing
    while timing.frames < order.warm:
        await asyncio.sleep(0.02)
    fresh(pump)
    tap.on = True
    began, cpu, frames, views = time.perf_counter(), time.process_time(), timing.frames, timing.views
    while time.perf_counter() - began < order.seconds if order.seconds else timing.frames < order.total * 0.9:
        await asyncio.sleep(0.02)
    took, spent = time.perf_counter() - began, time.process_time() - cpu
    frames, views = timing.frames - frames, timing.views - views
    return {"frames": frames, "took": took, "cpu": spent, "views": views}


async def receive(order: Order, folder: Path) -> dict[str, Any]:
    """Live until the sender is done."""
    universe = Universe(top=0, deep=order.deep, min_24h_volume=0.0)
    settings = EngineSettings(mode="simulated", universe=universe, backfill_hours=0.0)
    config = Config(data=str(folder), engine=settings, api=ApiSettings(port=0))
    venues = [moved(BYBIT, f"127.0.0.1:{order.port}")]
    live, hub = Live(config, venues, ScaledClock(1.0, START_NS)), Hub()
    live.open(settings)
    assert live.recorder is not None
    tap = Tap(live.recorder, live.clock)

    def publish(view: View) -> None:
        tap.publish(view)
        hub.publish(view)

    pump = live.pump(publish, hub.interest) if order.api else live.pump(tap.publish, frozenset)
    pump.outlets.recorder = tap
    running, pauses = asyncio.create_task(live.run(pump)), Pauses()
    async with contextlib.AsyncExitStack() as stack:
        if order.api:
            app = create_app(hub, Vitals(live, pump, Journal()), venues, None, config.api)
            port = await stack.enter_async_context(serving(app, config.api))
            say({"port": port, "zero": live.clock.now() - time.monotonic_ns()})
        found: dict[str, Any] = dict(await measured(pump, tap, order))
        # The clients began later.
        await asyncio.sleep(order.seconds if order.api else 0.0)
    timing = pump.timing
    for name in ("applied", "tick", "slice"):
        found[name] = msgspec.to_builtins(getattr(timing, name).read())
    found["viewed"] = [percentile(tap.viewed, share) for share in (0.5, 0.99)] if tap.viewed else []
    found["collector"] = max(pauses.found, default=0.0)
    found["rows"] = live.machine.state.rows
    found["errors"] = sum(s.errors + s.gaps for s in live.machine.state.sources.values())
    found["tape"] = live.recorder.bytes_written
    found["failed"] = live.recorder.failed
    found["rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return found


def main() -> None:
    """`python -m bench.receiver '<order as JSON>'`."""
    import uvloop

    order = msgspec.json.decode(sys.argv[1], type=Order)
    pin(order.core)
    with tempfile.TemporaryDirectory() as folder:
        say(uvloop.run(receive(order, Path(folder))))


if __name__ == "__main__":
    main()
