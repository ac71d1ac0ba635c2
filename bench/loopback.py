"""Loopback socket → column: how many messages a second one core takes, tape and ticks on."""

from __future__ import annotations

from typing import Any

import msgspec

from bench import child
from bench.figures import Figure, at_least, plain
from bench.receiver import Order
from bench.rendered import EVERYTHING, Mix, rendered, shares
from bench.sender import Job

TITLE = (
    "A sender in its own process on the other core writes pre-rendered messages as fast as they are "
    "taken; the whole of crosstape (sockets, intake, tape with zstd and its thread, fold, 10 ticks a "
    "second) runs on one core."
)
SLIM = Mix(8.0, 30_000.0, ("publicTrade", "orderbook.1"))
TRADES = Mix(8.0, 10_000.0, ("publicTrade",))
FULL = Mix(12.0, 5_000.0, EVERYTHING)
TOTAL = 900_000
WARM = 100_000


def run() -> list[Figure]:
    """Three mixes, the leanest last."""
    return [figure for name, mix in (("trades and quotes", SLIM), ("everything", FULL), ("trades", TRADES))
            for figure in _measure(name, mix)]  # fmt: skip


def exchange(job: Job, warm: int, deep: int = 1_000_000, seconds: float = 0.0) -> dict[str, Any]:
    """Sender and receiver, each in a process."""
    rendered(job.mix)
    sender, port = child.started("bench.sender", msgspec.json.encode(job).decode())
    try:
        order = Order(int(port), job.total, warm, deep=deep, seconds=seconds)
        return child.result("bench.receiver", msgspec.json.encode(order).decode())
    finally:
        sender.terminate()
        sender.wait()


def _measure(name: str, mix: Mix) -> list[Figure]:
    got = exchange(Job(mix, TOTAL), WARM)
    assert not got["errors"], got
    assert not got["failed"], got
    rate = got["frames"] / got["took"]
    made = shares([m for _, m in rendered(mix).messages])
    note = f"{made}; {got['rows']} instruments, {got['views'] / got['took']:.1f} views a second"
    what = f"{name}: messages a second"
    first = plain(what, rate, "/s", note, 0) if name == "everything" else at_least(what, rate, 100_000, "/s", note)
    held, share = got["slice"], 100 * got["cpu"] / got["took"]
    sizes = f"tape {got['tape'] / 1e6:.0f} MB, resident {got['rss'] / 1024:.0f} MB"
    note = f"it had {share:.0f} % of its core; slice p99 {held['p99']:.1f} ms wall; {sizes}"
    return [first, plain(f"{name}: messages a CPU second", got["frames"] / got["cpu"], "/s", note, 0)]
