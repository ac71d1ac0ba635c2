"""A tape whose newest segment opens with a checkpoint, as a crosstape that ran for a while leaves it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.rendered import Mix, frames, rendered
from crosstape.engine.checkpoint import save
from crosstape.engine.machine import Machine
from crosstape.model.frame import Frame, Kind
from crosstape.tape.layout import Origin
from crosstape.tape.writer import TapeWriter
from crosstape.venues import VENUES

PORTION = 2_000


def record(folder: Path, mix: Mix, times: int) -> tuple[int, int]:
    """The mix once, a checkpoint, then the mix `times` more; frames after the checkpoint and the last time.

    Books begin each round with their snapshots. The payloads keep their own times, so after the first minute
    trades count as late and make no candles.
    """
    tape = list(frames(rendered(mix)))
    machine = Machine(VENUES)
    for frame in tape:
        machine.step(frame)
    writer = TapeWriter(folder, Origin("bench", "bench", {}), 0, tape[0].ts_recv)
    for portion in _portions(iter(tape)):
        writer.append(portion)
    writer.drain()
    seq, ts = tape[-1].seq + 1, tape[-1].ts_recv
    writer.roll(seq, ts, save(machine))
    writer.drain()
    last = ts
    for portion in _portions(_again(tape, times)):
        writer.append(portion)
        last = portion[-1].ts_recv
        seq = portion[-1].seq + 1
        writer.drain()
    writer.close()
    return seq - tape[-1].seq - 1, last


def _again(tape: list[Frame], times: int) -> Iterator[Frame]:
    """Messages and ticks once more and once more, numbered and timed onwards."""
    body = [frame for frame in tape if frame.kind is Kind.DATA or frame.kind is Kind.TICK][1:]
    span = tape[-1].ts_recv - tape[0].ts_recv
    seq = tape[-1].seq + 1
    for n in range(1, times + 1):
        for frame in body:
            yield msgspec.structs.replace(frame, seq=seq, ts_recv=frame.ts_recv + n * span)
            seq += 1


def _portions(found: Iterator[Frame]) -> Iterator[list[Frame]]:
    while portion := list(itertools.islice(found, PORTION)):
        yield portion
