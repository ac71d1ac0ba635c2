"""All four simulated venues at once, at the pace the simulator keeps: how late frames are, and what they cost."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from bench.figures import Figure, at_least, at_most, plain
from crosstape.app.running import Live
from crosstape.app.serving import simulated
from crosstape.config import Config, DemoSettings, TapeSettings
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.live.timing import Timing

TITLE = (
    "The simulator in a process of its own speaks the four venues' protocols over loopback sockets; crosstape "
    "records and folds them in this one. Both share the machine's cores: the pace is what the simulator manages."
)
WARM_S, MEASURED_S = 60.0, 30.0
DEMO = DemoSettings(venues=("bybit", "binance", "okx", "hyperliquid"), assets=260, rate=20_000.0, seed=7)
# Some 800 instruments with streams in tiers A and B.
ENGINE = EngineSettings(mode="simulated", universe=Universe(top=115, deep=30, min_24h_volume=0), backfill_hours=0)


def run() -> list[Figure]:
    """One start, warm-up, then the measured stretch."""
    return asyncio.run(_run())


async def _run() -> list[Figure]:
    newest: list[View] = []
    with tempfile.TemporaryDirectory() as folder:
        async with simulated(DEMO) as venues:
            tape = TapeSettings(folder=str(Path(folder) / "tape"), checkpoints=False)
            live = Live(Config(data=folder, tape=tape), venues)
            live.open(ENGINE)
            pump = live.pump(lambda view: newest.__setitem__(slice(None), [view]), frozenset)
            running = asyncio.ensure_future(live.run(pump))
            try:
                await asyncio.sleep(WARM_S)
                timing = pump.timing = Timing()
                cpu, began = time.process_time(), time.perf_counter()
                await asyncio.sleep(MEASURED_S)
                took = time.perf_counter() - began
                return _figures(newest[0], timing, timing.frames / took, (time.process_time() - cpu) / took)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


def _figures(view: View, timing: Timing, rate: float, core: float) -> list[Figure]:
    applied, viewed = timing.applied.read(), timing.viewed.read()
    streamed = sum(tier in "AB" for tier in view.rows.tiers)
    gaps = sum(source.gaps for source in view.sources)
    stale = int(np.count_nonzero(view.quality & 1))
    note = f"{streamed} instruments streamed of {len(view.rows.index)}; {gaps} gaps, {stale} rows stale"
    return [
        at_least("pace", rate, 20_000.0, "frames/s", note),
        at_most("received → applied, p99", applied.p99, 10.0, "ms", "the oldest of each batch"),
        at_most("received → view, p99", 100.0 + viewed.p99, 115.0, "ms", "100 ms a view, and its tick", 1),
        at_most("resident", psutil.Process().memory_info().rss / 1e6, 600.0, "MB", digits=0),
        plain("core in use", 100.0 * core, "%", digits=0),
    ]
