"""All four simulated venues at once at 20 000 messages a second: how late frames are, and what they cost."""

from __future__ import annotations

import asyncio
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import msgspec
import numpy as np
import psutil

from bench import child
from bench.ahead import Order
from bench.figures import Figure, at_least, at_most, percentile, plain
from bench.receiver import Tap, fresh
from crosstape.app.running import Live
from crosstape.app.serving import located
from crosstape.config import Config, TapeSettings
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.live.timing import Timing

TITLE = (
    "The simulator in a process of its own speaks the four venues' protocols over loopback sockets; crosstape "
    "records and folds them in this one. What the venues say in the measured stretch is made ahead of time and "
    "sent message by message at its own time: making it costs more than all that is measured."
)
STILL_S, SETTLE_S, MEASURED_S = 35.0, 5.0, 20.0
VENUES = ("bybit", "binance", "okx", "hyperliquid")
ORDER = Order(VENUES, seed=7, assets=260, calm_rate=2_000.0, rate=36_000.0, lead_s=180.0,
              seconds=SETTLE_S + MEASURED_S + 2.0)  # fmt: skip
# Some 800 instruments with streams in tiers A and B.
ENGINE = EngineSettings(mode="simulated", universe=Universe(top=115, deep=30, min_24h_volume=0), backfill_hours=0)


def run() -> list[Figure]:
    """One start, warm-up, then the measured stretch."""
    return asyncio.run(_run())


async def _run() -> list[Figure]:
    newest: list[View] = []
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        said = await stack.enter_async_context(_venues())
        tape = TapeSettings(folder=str(Path(folder) / "tape"), checkpoints=False)
        live = Live(Config(data=folder, tape=tape), tuple(located(await said.readline(), list(VENUES))))
        live.open(ENGINE)
        assert live.recorder is not None
        tap = Tap(live.recorder, live.clock)

        def publish(view: View) -> None:
            tap.publish(view)
            newest[:] = [view]

        pump = live.pump(publish, frozenset)
        pump.outlets.recorder = tap
        running = asyncio.ensure_future(live.run(pump))
        try:
            # The universe stands still once it is taken: the stretch is made for the topics there are now.
            await asyncio.sleep(STILL_S)
            live.machine.planner.planned_ts = 1 << 62
            playing = await said.readline()
            assert b"playing" in playing, "the simulator ended"
            print(playing.decode(), flush=True)
            await asyncio.sleep(SETTLE_S)
            timing, tap.on = pump.timing, True
            fresh(pump)
            frames = timing.frames
            cpu, began = time.process_time(), time.perf_counter()
            await asyncio.sleep(MEASURED_S)
            took = time.perf_counter() - began
            rate, core = (timing.frames - frames) / took, (time.process_time() - cpu) / took
            return _figures(newest[0], timing, tap.viewed, rate, core)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def _venues() -> AsyncIterator[asyncio.StreamReader]:
    """What the simulator says; it ends with us."""
    command = child.command("bench.ahead", msgspec.json.encode(ORDER).decode())
    process = await asyncio.create_subprocess_exec(
        *command, cwd=child.ROOT, env=child.environment(), stdin=PIPE, stdout=PIPE
    )
    try:
        assert process.stdout is not None
        yield process.stdout
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _figures(view: View, timing: Timing, viewed: list[float], rate: float, core: float) -> list[Figure]:
    applied, tick = timing.applied.read(), timing.tick.read()
    streamed = sum(tier in "AB" for tier in view.rows.tiers)
    gaps = sum(source.gaps for source in view.sources)
    stale = int(np.count_nonzero(view.quality & 1))
    note = f"{streamed} instruments streamed of {len(view.rows.index)}; {gaps} gaps, {stale} rows stale"
    return [
        at_least("pace", rate, 20_000.0, "frames/s", note),
        at_most("received → applied, p99", applied.p99, 10.0, "ms", "the oldest of each batch"),
        at_most(
            "received → view, p99",
            percentile(viewed, 0.99),
            115.0,
            "ms",
            f"p50 {percentile(viewed, 0.5):.1f} ms; a view every 100 ms",
            1,
        ),
        plain("tick", tick.p50, "ms", f"p50; p99 {tick.p99:.1f}, worst {tick.worst:.1f} ms"),
        at_most("resident", psutil.Process().memory_info().rss / 1e6, 600.0, "MB", digits=0),
        plain("core in use", 100.0 * core, "%", digits=0),
    ]
