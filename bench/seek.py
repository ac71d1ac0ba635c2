"""The time machine: from asking for another time to the first picture of it, and to being there."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from typing import Any

import psutil

from bench import child
from bench.child import say
from bench.figures import Figure, at_most, plain
from bench.rendered import EVERYTHING, Mix

TITLE = (
    "A tape served by `crosstape replay --serve`, asked by `crosstape.client`. First picture: the first table"
    " of all markets with another time that a client holds, counted from the request; CPU: the server till then."
    " Medians of five jumps back behind the newest checkpoint; client and server share the machine."
)
SIZES = (500,)
TIMES, SECONDS, AHEAD_MS, FAR_MS = 4, 12.0, 10_000, 12_000
JUMPS = 5


def run() -> list[Figure]:
    """Every size; the checkpoint of a larger one outgrows what `record` may leave waiting for the disk."""
    found = []
    for assets in SIZES:
        got = child.result("bench.seek", str(assets))
        note = f"{got['rows']:.0f} instruments, checkpoint of {got['checkpoint']:.1f} MB"
        far = f"{AHEAD_MS / 1e3:g} s of tape after the checkpoint, {got['frames']:,.0f} frames"
        found += [
            at_most(f"seek to first picture, {got['rows']:.0f} instruments", got["painted"], 1.0, "s", note),
            plain(f"its CPU, {got['rows']:.0f} instruments", got["cpu"], "s"),
            plain(f"seek to being there, {got['rows']:.0f} instruments", got["there"], "s", far),
        ]
    return found


async def measured(address: str, pid: int, start_ms: float) -> dict[str, float]:
    """Jumps to and fro, all of them from the checkpoint."""
    from crosstape.client import AsyncClient, topics

    painted, cpu, there, rows = [], [], [], 0
    server = psutil.Process(pid)
    async with AsyncClient(address, timeout_s=120) as client:
        table: Any = client.open(topics.markets(columns=("last", "bid", "ask", "change_24h", "turnover_usd_24h")))
        await anext(table)
        for n in range(JUMPS):
            # To the far end first: from there every jump is back, behind the checkpoint.
            await _at(client, start_ms + FAR_MS + n)
            while table.poll() is not None:
                await asyncio.sleep(0.1)
            before = (await client.replay()).at
            began, used = time.perf_counter(), sum(server.cpu_times()[:2])
            await client.control("seek", at=start_ms + AHEAD_MS + n)
            shown = await anext(table)
            while int(shown.ts_ms) == int(before):
                shown = await anext(table)
            painted.append(time.perf_counter() - began)
            cpu.append(sum(server.cpu_times()[:2]) - used)
            rows = len(shown)
            await _still(client)
            there.append(time.perf_counter() - began)
    middle = {"painted": painted, "cpu": cpu, "there": there}
    return {name: statistics.median(found) for name, found in middle.items()} | {"rows": float(rows)}


async def _at(client: Any, at: float) -> None:
    await client.control("seek", at=at)
    await _still(client)


async def _still(client: Any) -> None:
    while (await client.replay()).state != "paused":
        await asyncio.sleep(0.01)


def one(assets: int) -> dict[str, float]:
    """One size."""
    from bench.replayed import served

    mix = Mix(SECONDS, 5_000.0, EVERYTHING, assets=assets)
    with served(mix, TIMES) as (address, pid, summary):
        newest = summary.marks[-1]
        got = asyncio.run(measured(address, pid, newest.ts / 1e6))
        got["checkpoint"] = newest.path.stat().st_size / 1e6
        spans = (summary.last_ts - summary.first_ts) / 1e6
        got["frames"] = summary.frames * AHEAD_MS / spans
    return got


if __name__ == "__main__":
    say(one(int(sys.argv[1])))
