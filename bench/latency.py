"""How late things are at 20 000 messages a second: received → folded, → in a view."""

from __future__ import annotations

from bench.figures import Figure, at_most, plain
from bench.loopback import exchange
from bench.rendered import EVERYTHING, Mix, rendered, shares
from bench.sender import Job

TITLE = (
    "The same two processes, each message sent at its own time. A frame is in the first view whose TICK "
    "follows it; ticks are 100 ms apart, so even an instant tick gives a p99 of 99 ms. Wall time."
)
MIX = Mix(18.0, 24_000.0, EVERYTHING, assets=600)
DEEP, SECONDS = 100, 6.0


def run() -> list[Figure]:
    """Some seconds at the pace."""
    made = rendered(MIX)
    total = len(made.messages)
    got = exchange(Job(MIX, total, 20_000.0), 40_000, DEEP, SECONDS)
    assert not got["errors"], got
    assert not got["failed"], got
    rate = got["frames"] / got["took"]
    note = f"{shares([m for _, m in made.messages])} in all; "
    note += f"{got['rows']} instruments, {DEEP} a market with a book of 200 levels"
    slices = f"worst {got['slice']['worst']:.1f} ms; longest collection {got['collector']:.1f} ms"
    applied, tick, held = got["applied"], got["tick"], got["slice"]
    return [
        plain("pace", rate, "messages/s", note, 0),
        at_most("received → applied, p99", applied["p99"], 10.0, "ms",
                f"the oldest of each batch; p50 {applied['p50']:.2f}, worst {applied['worst']:.1f} ms"),
        at_most("received → view, p99", got["viewed"][1], 115.0, "ms", f"p50 {got['viewed'][0]:.1f} ms", 1),
        plain("tick", tick["p50"], "ms", f"p50; p99 {tick['p99']:.1f}, worst {tick['worst']:.1f} ms"),
        at_most("what holds the loop, p99", held["p99"], 5.0, "ms", slices),
        plain("core in use", 100 * got["cpu"] / got["took"], "%", digits=0),
    ]  # fmt: skip
