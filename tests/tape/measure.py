"""How fast the tape is: `PYTHONPATH=src python tests/tape/measure.py [frames]` (not a test)."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from crosstape.model.frame import Frame, Kind
from crosstape.tape.layout import Limits, Origin
from crosstape.tape.reader import play
from crosstape.tape.writer import TapeWriter


def synthetic(count: int) -> list[Frame]:
    """Trades and 16-level deltas, half and half, of 40 sockets at 100 000 frames a second."""
    chance = random.Random(7)
    sources = [f"bybit-linear/{n}" for n in range(40)]
    made = []
    for seq in range(count):
        price = 60_000 + chance.randrange(20_000) / 10
        levels = ",".join(f'["{price - n / 10:.1f}","{chance.random():.3f}"]' for n in range(16 if seq % 2 else 1))
        payload = b'{"topic":"t.BTCUSDT","ts":%d,"data":[%s]}' % (1_700_000_000_000 + seq // 100, levels.encode())
        source = sources[chance.randrange(40)]
        made.append(Frame(seq, seq * 10_000, source, 1, Kind.DATA, "", 0, "", payload))
    return made


def measure(frames: list[Frame], batch: int) -> str:
    """One line: what appending costs, what reaches the disk, how fast it plays."""
    batches = [frames[at : at + batch] for at in range(0, len(frames), batch)]
    with tempfile.TemporaryDirectory() as folder:
        writer = TapeWriter(Path(folder), Origin("measure"), 0, 0, Limits(backlog_bytes=1 << 30))
        began, spent = time.perf_counter(), time.thread_time()
        for each in batches:
            writer.append(each)
        spent = time.thread_time() - spent
        writer.close()
        written = time.perf_counter() - began
        began = time.perf_counter()
        played = sum(1 for _ in play(folder))
        seconds = time.perf_counter() - began
    n = len(frames)
    return (
        f"batches of {batch}: append {spent / n * 1e6:.2f} us a frame (its thread), to disk {n / written:,.0f}/s, "
        f"{writer.bytes_written / n:.0f} bytes a frame; play {played / seconds:,.0f}/s{writer.failed}\n"
    )


def main() -> None:
    """Measure for several batch sizes."""
    frames = synthetic(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)
    mean = sum(len(frame.payload) for frame in frames) / len(frames)
    sys.stdout.write(f"{len(frames):,} frames, payload {mean:.0f} bytes on average\n")
    for batch in (1, 20, 200):
        sys.stdout.write(measure(frames, batch))


if __name__ == "__main__":
    main()
