"""A thousand forced reconnects: no trade counted twice, no task, descriptor or memory left, the same subscriptions."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import msgspec
import psutil

from crosstape.config import TapeSettings
from crosstape.sim.dialect import Quota
from crosstape.sim.venue import Window
from support.chaos import FEEDS, VENUES, running, without_limits

RECONNECTS = 1_000
# Binance's books come over REST: more often, and its weight would be spent and the end be waited for by the minute.
EVERY = {"bybit": "50ms", "okx": "50ms", "hyperliquid": "50ms", "binance": "2s"}
QUICK = msgspec.structs.replace(FEEDS, backoff_first_s=0.01, backoff_cap_s=0.02)
# Measured growth is about 10 MB (rings that fill, allocator); a connection that stayed would cost 100 kB or more.
MOST_GROWTH = 60_000_000


async def test_a_thousand_reconnects_leave_no_trace(tmp_path: Path) -> None:
    tape = TapeSettings(folder=str(tmp_path / "tape"), retention_gb=1.0)
    async with running(tmp_path, feeds=QUICK, adjust=without_limits, tape=tape, assets=6) as run:
        for server in run.simulation.venues.values():
            server.opens = server.requests = Window(Quota(1_000_000, 1.0))
        process, held = psutil.Process(), run.held()
        await cut(run, 200)
        # Counted while every connection is up, as at the end.
        await run.until("all is subscribed to again", lambda: run.held() == held)
        await run.until("every book is in sync again", run.synced)
        gc.collect()
        tasks, open_files, memory = standing(), process.num_fds(), process.memory_info().rss
        await cut(run, RECONNECTS)
        await run.until("the same is subscribed to as before", lambda: run.held() == held)
        await run.until("every book is in sync", run.synced)
        twice = [key for key, times in run.trades.items() if times > 1]
        assert not twice, f"{len(twice)} of {len(run.trades)} trades came twice, such as {twice[:3]}"
        assert len(run.trades) > 500
        gc.collect()
        await run.until("no task is left", lambda: standing() <= tasks + 4)
        # A request has one at either end, and at most 40 are made at a time.
        await run.until("no descriptor is left", lambda: process.num_fds() <= open_files + 100)
        assert process.memory_info().rss - memory < MOST_GROWTH


def standing() -> int:
    """Tasks but for requests over REST, ours and the simulator's: they wait for the venues' budgets."""
    asked = ("Poller.serve", "Guard.once", "RequestHandler.start", "RequestHandler._handle_request")
    return sum(task.get_coro().__qualname__ not in asked for task in asyncio.all_tasks())  # type: ignore[union-attr]


async def cut(run, reconnects: int) -> None:  # type: ignore[no-untyped-def]
    """Every connection again and again until there were so many reconnects in all."""
    begun = run.count("Opened")
    for venue in VENUES:
        run.put(venue, f"cut:*@0s,every={EVERY[venue]}")
    await run.until(f"{reconnects} reconnects", lambda: run.count("Opened") - begun >= reconnects, 400.0)
    for venue in VENUES:
        run.server(venue).lab.clear()
