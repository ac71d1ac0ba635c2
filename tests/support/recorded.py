"""Tapes on disk as a live crosstape leaves them: segments that open with checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crosstape.engine.checkpoint import save
from crosstape.engine.machine import Machine
from crosstape.engine.view import View
from crosstape.live.pump import until_ticks
from crosstape.model.frame import Frame, Kind
from crosstape.tape.layout import Limits, Origin
from crosstape.tape.writer import TapeWriter
from crosstape.venues import VENUES


def record(folder: Path, frames: Sequence[Frame], every_ticks: int = 0) -> list[View]:
    """Write the frames, with a segment and its checkpoint after every so many TICKs (0 = none); their views."""
    writer = TapeWriter(folder, Origin("test", "1"), frames[0].seq, frames[0].ts_recv, Limits(block_frames=100))
    machine, views = Machine(VENUES), list[View]()
    for portion in until_ticks(list(frames)):
        writer.append(portion)
        for frame in portion:
            view, _ = machine.step(frame)
            views += [view] if view is not None else []
        last = portion[-1]
        if every_ticks and last.kind is Kind.TICK and len(views) % every_ticks == 0:
            writer.roll(last.seq + 1, last.ts_recv)
            sink = writer.begin_checkpoint(last.seq + 1, last.ts_recv)
            for name, payload in save(machine):
                sink.write(name, payload)
            sink.commit()
    writer.close()
    assert not writer.failed
    return views
