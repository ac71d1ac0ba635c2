"""How fast a recorded tape is folded again."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.figures import Figure, at_least, median, pin, plain, unpin
from bench.rendered import EVERYTHING, Mix, frames, rendered, shares
from crosstape.app.replaying import replay
from crosstape.engine.machine import Machine
from crosstape.engine.view import View
from crosstape.tape.layout import Origin
from crosstape.tape.reader import play
from crosstape.tape.writer import write_tape
from crosstape.venues import VENUES

TITLE = (
    "A tape on disk, read and folded by `app.replay` with a view every 100 ms of its time, on one core; "
    "CPU time, median of three. A tick's cost does not depend on how much came since the last, so frames "
    "a second grow with the tape's own rate."
)
USUAL = Mix(30.0, 5_000.0, EVERYTHING, instruments=50)
FULL = Mix(12.0, 5_000.0, EVERYTHING)
DENSE = Mix(18.0, 24_000.0, EVERYTHING, assets=600)


def run() -> list[Figure]:
    """The default universe, everything, and everything at the rate of a busy day."""
    pin(0)
    try:
        return [
            *_measure("50 instruments a market, 5 000 messages/s", USUAL),
            *_measure("everything, 5 000 messages/s", FULL),
            *_measure("everything, 20 000 messages/s", DENSE),
        ]
    finally:
        unpin()


def _measure(name: str, mix: Mix) -> list[Figure]:
    made = rendered(mix)
    with tempfile.TemporaryDirectory() as folder:
        tape = Path(folder) / "tape"
        count = write_tape(tape, frames(made), Origin("bench", "bench", {}))
        taken = [_once(tape) for _ in range(3)]
        rows = taken[0][1]
        assert len({digest for _, _, digest, _ in taken}) == 1, "the same tape gave different digests"
    rate = count / median([seconds for seconds, *_ in taken])
    ticks = taken[0][3]
    note = f"{shares([m for _, m in made.messages])}; {rows} instruments, {ticks} ticks in {count:,} frames"
    times = ticks * 0.1 / (count / rate)
    return [at_least(f"replay, {name}", rate, 60_000, "frames/s", note),
            plain(f"replay, {name}: times real time", times, "×", digits=1)]  # fmt: skip


def _once(tape: Path) -> tuple[float, int, str, int]:
    views: list[View] = []

    def keep(view: View) -> None:
        views[:] = [view]

    machine = Machine(VENUES)
    began = time.process_time()
    replay(play(tape), machine, keep)
    return time.process_time() - began, machine.state.rows, views[0].digest, views[0].number
