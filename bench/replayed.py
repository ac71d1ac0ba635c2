"""A replay server over a recorded tape, for what is measured at its faces."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import child
from bench.recorded import record
from bench.rendered import Mix
from crosstape.tape.summary import Summary, summarise


@contextlib.contextmanager
def served(mix: Mix, times: int) -> Iterator[tuple[str, int, Summary]]:
    """Its address and process, and the tape: the mix, a checkpoint, then the mix so many times more."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "tape"
        record(folder, mix, times)
        summary = summarise(folder)
        process = subprocess.Popen(
            child.command("crosstape", "replay", str(folder), "--serve", "--port", "0"),
            cwd=child.ROOT, env=child.environment(), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found is not None, "the replay did not start"
            yield found[0], process.pid, summary
        finally:
            process.terminate()
            process.wait()
