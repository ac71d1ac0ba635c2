"""How late things are at 20 000 messages a second: received → folded, → in a view."""

from __future__ import annotations

from bench.figures import Figure, at_most, plain
from bench.loopback import exchange
from bench.rendered import EVERYTHING, Mix, rendered, shares
from bench.sender import Job

TITLE = (
    "The same two processes, each message sent at its own time. A frame is in the first view whose TICK follows it; "
    "ticks are 100 ms apart, so even an instant tick gives a p99 of 99 ms. Wall time."
)
MIX = Mix(25.0, 20_000.0, EVERYTHING)
WARM_S = 4.0


def run() -> list[Figure]:
    """Half a minute at the pace."""
    made = rendered(MIX)
    total = len(made.messages)
    got = exchange(Job(MIX, total, paced=True), int(total * WARM_S / MIX.seconds))
    assert not got["errors"] and not got["failed"], got
    rate = got["frames"] / got["took"]
    note = f"{shares([m for _, m in made.messages])}; {got['rows']} instruments"
    applied, tick, held = got["applied"], got["tick"], got["slice"]
    return [
        plain("pace", rate, "messages/s", note, 0),
        at_most("received → applied, p99", applied["p99"], 10.0, "ms",
                f"the oldest of each batch; p50 {applied['p50']:.2f}, worst {applied['worst']:.1f} ms"),
        at_most("received → view, p99", got["viewed"][1], 115.0, "ms", f"p50 {got['viewed'][0]:.1f} ms", 1),
        plain("tick", tick["p50"], "ms", f"p50; p99 {tick['p99']:.1f}, worst {tick['worst']:.1f} ms"),
        at_most("what holds the loop, p99", held["p99"], 5.0, "ms", f"worst {held['worst']:.1f} ms"),
        plain("core in use", 100 * got["cpu"] / got["took"], "%", digits=0),
    ]  # fmt: skip
