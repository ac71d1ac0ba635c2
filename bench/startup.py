"""How long it takes to start, and to be ready again after a restart."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import child
from bench.child import say
from bench.figures import Figure, at_most
from bench.rendered import EVERYTHING, Mix

TITLE = (
    "Fresh processes, median of nine. The restart: newest checkpoint plus the frames after it, to the last view."
)
IMPORT = "import crosstape.app, crosstape.config; crosstape.config.load()"
HELP = "import sys; sys.argv = ['crosstape', '--help']; from crosstape.cli import main; main()"
MIX = Mix(12.0, 5_000.0, EVERYTHING)
TIMES = 25
WHOLE = "whole process, interpreter included"


def run() -> list[Figure]:
    """Imports, help, restart."""
    got = child.result("bench.startup")
    note = (
        f"{got['frames']:,.0f} frames after a checkpoint of {got['checkpoint']:.0f} MB, 5 min at "
        f"{got['rate']:,.0f} messages/s, {got['rows']:.0f} instruments;"
        f" loading the checkpoint {got['loading']:.2f} s"
    )
    return [
        at_most("import crosstape.app + configuration", _fresh(IMPORT), 0.5, "s", WHOLE),
        at_most("crosstape --help", _fresh(HELP), 0.7, "s", WHOLE),
        at_most("restart ready", got["ready"], 60.0, "s", note),
    ]


def _fresh(code: str) -> float:
    taken = []
    for _ in range(9):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", code], env=child.environment(), check=True, stdout=subprocess.DEVNULL
        )
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def restart() -> dict[str, float]:
    """Record a segment that opens with a checkpoint, then restore it and make a view."""
    from bench.recorded import record
    from crosstape.app.replaying import restore
    from crosstape.engine.machine import Machine
    from crosstape.tape.checkpoint import newest_checkpoint, read_checkpoint
    from crosstape.venues import VENUES

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "tape"
        tail, last = record(folder, MIX, TIMES)
        newest = newest_checkpoint(folder)
        assert newest is not None
        began = time.perf_counter()
        read_checkpoint(newest)
        loading = time.perf_counter() - began
        machine = Machine(VENUES)
        began = time.perf_counter()
        restore(folder, machine, last, lambda view: None)
        ready = time.perf_counter() - began
        assert machine.viewer.number > 0
        size, rate = newest.stat().st_size / 1e6, tail / (MIX.seconds * TIMES)
        rows = float(machine.state.rows)
    return {"ready": ready, "frames": tail, "checkpoint": size, "rows": rows, "loading": loading, "rate": rate}


if __name__ == "__main__":
    say(restart())
