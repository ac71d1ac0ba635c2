"""What the terminal dashboard costs while a thousand markets tick."""

from __future__ import annotations

import asyncio
import os
import pty
import statistics
import struct
import subprocess
import termios
import threading
import time
from fcntl import ioctl
from typing import Any

import psutil

from bench import child
from bench.child import say
from bench.figures import Figure, at_most, plain
from bench.rendered import EVERYTHING, Mix

TITLE = (
    "`crosstape tui` in a pseudo-terminal of 160 × 48 on the page of all markets, fed by a replay at real time."
    " CPU of the dashboard's process, client and decoding included, over 20 s, median of three."
)
COLUMNS = ("last", "bid", "ask", "change_24h", "turnover_usd_24h")
MIX = Mix(12.0, 5_000.0, EVERYTHING, assets=500)
TIMES, SECONDS, ROUNDS = 12, 20.0, 3


def run() -> list[Figure]:
    """At the default pace, and at the fastest."""
    got = child.result("bench.tui")
    note = f"{got['rows']:.0f} markets, {got['changed']:.0f} of them change a second, {got['memory']:.0f} MB"
    return [
        at_most("CPU at 4 Hz", got["cpu4"], 10.0, "% of a core", note, digits=1),
        plain("CPU at 10 Hz", got["cpu10"], "% of a core", digits=1),
    ]


def watched(address: str, hz: int) -> tuple[float, float]:
    """CPU in percent of a core, and memory in MB."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
    process = subprocess.Popen(
        child.command("crosstape", "tui", "--url", address, "--hz", str(hz)), cwd=child.ROOT,
        env=child.environment() | {"TERM": "xterm-256color"}, stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    reader = threading.Thread(target=_drain, args=(master,), daemon=True)
    reader.start()
    try:
        time.sleep(8.0)
        seen = psutil.Process(process.pid)
        found = []
        for _ in range(ROUNDS):
            before, began = sum(seen.cpu_times()[:2]), time.perf_counter()
            time.sleep(SECONDS)
            found.append((sum(seen.cpu_times()[:2]) - before) / (time.perf_counter() - began) * 100)
        return statistics.median(found), seen.memory_info().rss / 1e6
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _drain(master: int) -> None:
    try:
        while os.read(master, 65_536):
            pass
    except OSError:
        return


async def playing(address: str) -> dict[str, float]:
    """Let it play; how many markets there are, and how many change a second."""
    from crosstape.client import AsyncClient, topics

    async with AsyncClient(address, timeout_s=120) as client:
        now = await client.replay()
        await client.control("seek", at=now.start + MIX.seconds * 1e3 + 1_000)
        while (now := await client.replay()).state != "paused":
            await asyncio.sleep(0.05)
        await client.control("play")
        table: Any = client.open(topics.markets(hz=1, columns=COLUMNS))
        changed, before = 0, await anext(table)
        began = time.perf_counter()
        for _ in range(10):
            after = await anext(table)
            pairs = [(before.columns[n], after.columns[n]) for n in after.columns]
            same = [(old == new) | (old != old) for old, new in pairs]
            changed += sum(not all(column[i] for column in same) for i in range(len(after)))
            before = after
        return {"rows": float(len(before)), "changed": changed / (time.perf_counter() - began)}


def measured() -> dict[str, float]:
    """Both paces."""
    from bench.replayed import served

    with served(MIX, TIMES + 10) as (address, _, _):
        got = asyncio.run(playing(address))
        got["cpu4"], got["memory"] = watched(address, 4)
        got["cpu10"], _ = watched(address, 10)
    return got


if __name__ == "__main__":
    say(measured())
