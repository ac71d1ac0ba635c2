"""Hours of four simulated venues that misbehave: memory, loss, gaps, how soon books come back.

`python -m bench soak` runs a short one. Longer: `python -m bench.soak --hours 24 --scale 40`, and in real time:
`python -m bench.soak --hours 24 --scale 1`. `--write` puts the figures into results.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import numpy as np

from bench import report
from bench.figures import Figure, at_most, percentile, plain
from bench.watch import Watch, missing_trades
from crosstape.app.known import addressed, all_venues, narrowed
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.feeds.clock import ScaledClock
from crosstape.feeds.settings import FeedSettings

TITLE = (
    "Four simulated venues over loopback sockets, faulty on purpose: gaps, duplicates, exchanged and unreadable "
    "messages, cuts, refusals, maintenance. Where a scale is named hours are simulated and ticks further apart."
)
VENUES = ("bybit", "binance", "okx", "hyperliquid")
MARKETS = ("bybit-linear", "binance-usdm", "okx-swap", "hyperliquid")
HOUR_NS = 3_600_000_000_000
WARM_SHARE = 0.25
REST_S = 20.0
# In the venue's time. What is per minute at ×1 is per minute at any scale.
FAULTS = (
    "gap:?@2m,every=1m", "duplicate:?@3m,every=2m", "reorder:?@4m,every=5m", "malformed:?@7m,every=10m",
    "cut:?@20m,every=30m", "http:*@40m,status=503,for=1m,every=2h", "maintenance:*@3h,every=6h,notice=20s,for=2m",
)  # fmt: skip
ENGINE = EngineSettings(mode="simulated", universe=Universe(top=6, deep=6, min_24h_volume=0), backfill_hours=0)


class Plan(msgspec.Struct, frozen=True):
    """How long (simulated hours), how much faster than real time, and messages a real second."""

    hours: float
    scale: float
    rate: float
    faults: tuple[str, ...] = FAULTS

    @property
    def tick_ns(self) -> int:
        """Some 20 ticks a real second at most: 100 ms apart in real time, as in life, else wider."""
        return max(int(self.scale / 20 * 10) * 100_000_000, 100_000_000)

    @property
    def feeds(self) -> FeedSettings:
        """Patience is in the clock's time, the network's in real time: the faster, the more of it."""
        more = max(self.scale, 1.0)
        return FeedSettings(silence_s=10.0 * more, ack_timeout_s=5.0 * more, close_timeout_s=more)


@contextlib.asynccontextmanager
async def world(plan: Plan) -> AsyncIterator[dict[str, dict[str, str]]]:
    """The simulator in a process of its own, so that our memory is ours alone."""
    command = [sys.executable, "-m", "crosstape.sim", "--parent", "--venue", ",".join(VENUES), "--assets", "8"]
    command += ["--rate", str(plan.rate), "--time-scale", str(plan.scale)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield msgspec.json.decode(await process.stdout.readline())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def put(urls: dict[str, dict[str, str]], faults: tuple[str, ...]) -> None:
    """Faults at every venue."""
    async with aiohttp.ClientSession() as session:
        for venue in VENUES:
            for fault in faults:
                async with session.post(f"{urls[venue]['rest']}/chaos/faults", json={"fault": fault}) as answer:
                    assert answer.status == 201, await answer.text()


async def at_rest(urls: dict[str, dict[str, str]], watch: Watch) -> None:
    """The faults end; returns once every hole is answered, then every book in sync, or when that takes too long.
    One after the other: the universe changes in so much simulated time, and a new market has no book yet."""
    async with aiohttp.ClientSession() as session:
        for venue in VENUES:
            async with session.delete(f"{urls[venue]['rest']}/chaos/faults") as answer:
                assert answer.status == 200, await answer.text()
    for open_yet in (watch.unanswered, watch.unsynced):
        until = time.monotonic() + REST_S
        while open_yet() and time.monotonic() < until:
            await asyncio.sleep(0.1)


async def their_time(urls: dict[str, dict[str, str]]) -> int:
    """Simulated time now, ns."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(urls["bybit"]["rest"] + "/v5/market/time") as answer,
    ):
        return int((await answer.json())["result"]["timeNano"])


async def soak(plan: Plan, folder: Path) -> Watch:
    """One run; what was seen of it."""
    async with world(plan) as urls:
        known = [addressed(v, urls[v.id]["rest"], urls[v.id]["ws"]) for v in all_venues() if v.id in urls]
        venues = [narrowed(venue, MARKETS) for venue in known]
        minutes = 5.0 * max(plan.scale, 1.0)
        tape = TapeSettings(folder=str(folder / "tape"), retention_gb=0.3, segment_minutes=minutes)
        clock = ScaledClock(plan.scale, await their_time(urls))
        live = Live(Config(data=str(folder), tape=tape, feeds=plan.feeds), venues, clock)
        watch = Watch(live)
        live.open(ENGINE, watch.see)
        pump = live.pump(watch.see, frozenset)
        work = asyncio.create_task(live.run(pump, plan.tick_ns))
        sampling = asyncio.create_task(watch.sample())
        await asyncio.sleep(min(20.0, plan.hours * 3600 / plan.scale / 10))
        await put(urls, plan.faults)
        begun, hour = clock.now(), 0
        while not work.done() and (gone := (clock.now() - begun) / HOUR_NS) < plan.hours:
            if gone >= hour and plan.hours >= 1:
                hour += 1
                print(
                    f"  {gone:5.1f} h  {watch.samples[-1][1] / 1e6:6.1f} MB  {watch.trades:,} trades", flush=True
                )
            await asyncio.sleep(1.0)
        await at_rest(urls, watch)
        for task in (work, sampling):
            task.cancel()
        await asyncio.wait((work, sampling))
        if not work.cancelled():
            work.result()
    return watch


def figures(plan: Plan, watch: Watch) -> list[Figure]:
    """What a long run says."""
    hours = np.array([(ts - watch.samples[0][0]) / HOUR_NS for ts, _ in watch.samples])
    megabytes = np.array([rss / 1e6 for _, rss in watch.samples])
    warm = hours > hours[-1] * WARM_SHARE
    slope = float(np.polyfit(hours[warm], megabytes[warm], 1)[0]) if warm.sum() > 5 else math.nan
    recorder = watch.live.recorder
    assert recorder is not None
    how = f"{hours[-1]:.1f} h at ×{plan.scale:g}, a tick every {plan.tick_ns / 1e6:,.0f} ms"
    grown = f"{megabytes[warm][0]:.0f} MB at {hours[warm][0]:.1f} h, {megabytes[-1]:.0f} MB at the end"
    missing, known = missing_trades(watch)
    where = "".join(f"; {name} {lost}" for name, lost in watch.lacking())
    load, waited = os.getloadavg()[2], float(watch.live.intake.deepest)
    return [
        plain("simulated", float(hours[-1]), "h", how, 1),
        at_most("memory slope after warm-up", slope, 1.0, "MB/h", grown),
        plain("frames", float(watch.live.machine.seq), "", f"{watch.trades:,} trades, {watch.views:,} views", 0),
        none("frames that are on no tape", recorder.lost, recorder.failed),
        plain("load of the machine", load, "", f"on {os.cpu_count()} cores; a starved process falls behind", 1),
        plain("the most arrivals that waited", waited, "", "", 0),
        plain("gaps found", float(watch.said["Gap"]), "", f"{watch.said['Resumed']:,} books came back", 0),
        plain("connections that came up", float(watch.said["Opened"]), "", "", 0),
        plain("messages that could not be read", float(watch.errors), "", "cut in half on purpose", 0),
        none("trades that came twice", watch.twice),
        none(
            "trades that never came", missing, f"of {known:,} numbered ones (Binance, OKX), with back-fill{where}"
        ),
        none("books out of sync when the faults had ended", watch.unsynced(), f"of {watch.books()}"),
    ]


def none(what: str, count: int, note: str = "") -> Figure:
    """A count that should be 0."""
    return Figure(what, f"{count:,}", "0", count == 0, note)


def prompt(seconds: float, folder: Path) -> list[Figure]:
    """In real time: how soon one book is back after a gap, and all of them after all connections were cut."""
    quick = Plan(seconds / 3600, 1.0, 1500.0, ("gap:?@5s,every=1s",))
    watch = asyncio.run(soak(quick, folder / "gaps"))
    back = sorted(watch.resyncs)
    mass = asyncio.run(soak(Plan(60 / 3600, 1.0, 1500.0, ("cut:*@10s",)), folder / "mass"))
    p50, p99 = (percentile(back, share) if back else math.nan for share in (0.5, 0.99))
    after = "until every book is in sync again; bounded by the venues' budgets"
    return [
        plain("one gap, p50", p50 * 1e3, "ms", f"{len(back)} gaps in real time", 0),
        at_most("one gap, p99", p99, 2.0, "s", "from the message that showed it to a book in sync"),
        plain("every connection cut at once", mass.longest_outage(), "s", after, 1),
    ]


def run() -> list[Figure]:
    """A short one: an hour in two minutes, then two minutes in real time."""
    return both(Plan(1.0, 30.0, 900.0), 90.0)


def both(plan: Plan, seconds: float) -> list[Figure]:
    """The long part and the prompt part."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        found = figures(plan, asyncio.run(soak(plan, folder / "soak")))
        return [*found, *prompt(seconds, folder)] if seconds else found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0, help="simulated hours")
    parser.add_argument("--scale", type=float, default=40.0, help="times real time; 1 = real time")
    parser.add_argument("--rate", type=float, default=900.0, help="messages a real second")
    parser.add_argument("--seconds", type=float, default=120.0, help="of the part in real time; 0 = without it")
    parser.add_argument("--write", action="store_true", help="into results.md")
    args = parser.parse_args()
    began = time.monotonic()
    found = both(Plan(args.hours, args.scale, args.rate), args.seconds)
    print(report.table(found))
    print(f"{time.monotonic() - began:,.0f} s")
    if args.write:
        from bench.__main__ import BENCHES

        report.write("soak", TITLE, found, BENCHES)


if __name__ == "__main__":
    main()
