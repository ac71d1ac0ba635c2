"""The loop: arrivals get their place, reach the tape before the fold, and a checkpoint begins its segment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from crosstape.app.running import Checkpoints
from crosstape.engine.machine import Machine
from crosstape.engine.view import View
from crosstape.feeds.clock import WallClock
from crosstape.feeds.intake import BoundedIntake
from crosstape.live.pump import Outlets, Pump, until_ticks
from crosstape.live.timing import Samples
from crosstape.model.frame import CLOCK, Frame, Kind
from crosstape.tape.checkpoint import checkpoints, read_checkpoint
from crosstape.tape.layout import Limits, Origin
from crosstape.tape.reader import play, runs
from crosstape.tape.writer import TapeWriter
from crosstape.venues import VENUES
from crosstape.wire.effect import Effect
from support.world import tape_of


class Rig:
    """A pump with a real intake, machine and tape; what leaves it is kept."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.views: list[View] = []
        self.effects: list[Effect] = []
        self.writer = TapeWriter(folder, Origin("test"), 0, 0, limits)
        self.intake, self.machine = BoundedIntake(), Machine(VENUES)
        outlets = Outlets(self.effects.extend, self.views.append, frozenset, self.writer, Checkpoints(self.writer))
        self.pump = Pump(self.intake, self.machine, outlets, WallClock())

    async def run(self, frames: list[Frame]) -> None:
        """Put all of these and wait until they are folded."""
        task = asyncio.ensure_future(self.pump.run())
        for f in frames:
            self.intake.put(f.ts_recv, f.source, f.conn, f.kind, f.payload, f.request, f.status, f.headers)
        while self.pump.timing.frames < len(frames):
            assert not task.done(), task
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        self.writer.close()


async def test_what_was_put_is_on_the_tape_in_order_and_was_folded(tmp_path: Path) -> None:
    frames, rig = tape_of(2.0), Rig(tmp_path, Limits())
    await rig.run(frames)
    assert list(play(tmp_path)) == frames
    assert len(rig.views) == sum(f.kind is Kind.TICK for f in frames)
    assert rig.effects, "the universe was planned, so something was asked for"


async def test_a_checkpoint_begins_its_segment(tmp_path: Path) -> None:
    frames, rig = tape_of(3.0), Rig(tmp_path, Limits(segment_frames=400))
    await rig.run(frames)
    found = checkpoints(tmp_path)
    assert len(found) >= 2
    (run,) = runs(tmp_path)
    begins = {segment.header.first_seq for segment in run.segments}
    for path in found:
        header, sections = read_checkpoint(path)
        assert header.seq in begins
        assert frames[header.seq - 1].kind is Kind.TICK
        assert "rest" in sections


async def test_time_never_goes_back(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Limits())
    stamps = [5_000, 4_000, 9_000, 1]
    await rig.run([Frame(i, ts, "bybit-linear/0", 1, Kind.DATA, "", 0, "", b"{}") for i, ts in enumerate(stamps)])
    assert [f.ts_recv for f in play(tmp_path)] == [5_000, 5_000, 9_000, 9_000]


def test_portions_end_with_ticks() -> None:
    def frame(seq: int, kind: Kind) -> Frame:
        return Frame(seq, seq, CLOCK, 0, kind, "", 0, "", b"")

    kinds = [Kind.DATA, Kind.TICK, Kind.TICK, Kind.DATA]
    portions = until_ticks([frame(i, kind) for i, kind in enumerate(kinds)])
    assert [[f.seq for f in portion] for portion in portions] == [[0, 1], [2], [3]]
    assert until_ticks([]) == []


def test_percentiles_of_the_newest() -> None:
    samples = Samples(3)
    assert samples.read().p50 != samples.read().p50
    for value in (9.0, 0.001, 0.002, 0.003):
        samples.add(value)
    assert (samples.read().p50, samples.read().worst) == (pytest.approx(2.0), pytest.approx(3.0))
