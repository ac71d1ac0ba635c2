"""The single consumer of the intake: it gives every arrival its place, then records, folds and publishes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from crosstape.engine.machine import Machine
from crosstape.engine.view import View
from crosstape.live.timing import Timing
from crosstape.model.frame import Frame, Kind
from crosstape.model.ports import Clock, Recorder
from crosstape.wire.effect import Effect

BATCH = 200
SLICE_S = 0.001

Arrival = tuple[int, str, int, Kind, bytes, str, int, str]


class Source(Protocol):
    """The consumer's side of the intake."""

    async def wait(self) -> None:
        """Returns when there is something to take."""
        ...

    def take(self, max_n: int) -> list[Arrival]:
        """The oldest arrivals, at most `max_n`."""
        ...


class Saver(Protocol):
    """Takes checkpoints when they are due."""

    async def after_tick(self, machine: Machine, seq: int, ts: int) -> None:
        """Called after every TICK; `seq` is the next frame's."""
        ...


class Outlets:
    """Where the loop's results go; plain callables, so that rooms do not know each other."""

    def __init__(
        self,
        perform: Callable[[Iterable[Effect]], None],
        publish: Callable[[View], None],
        interest: Callable[[], frozenset[int]],
        recorder: Recorder | None = None,
        saver: Saver | None = None,
    ) -> None:
        self.perform, self.publish, self.interest = perform, publish, interest
        self.recorder, self.saver = recorder, saver


class Pump:
    """Runs until cancelled. A frame is on its way to the tape before it is folded; frames are never dropped.

    whole   everything that was given to the tape is folded: the machine may be saved
    """

    def __init__(self, intake: Source, machine: Machine, outlets: Outlets, clock: Clock) -> None:
        self.intake, self.machine, self.outlets, self.clock = intake, machine, outlets, clock
        self.timing = Timing()
        self.seq = machine.seq + 1
        self.ts = machine.state.ts
        self.view: View | None = None
        self.whole = True

    async def run(self) -> None:
        """The loop. It gives way to everything else after every slice."""
        while True:
            await self.intake.wait()
            self.whole = False
            frames = self._ordered(self.intake.take(BATCH))
            for portion in until_ticks(frames):
                # A checkpoint after a TICK begins a segment: nothing behind it may be on the tape by then.
                if self.outlets.recorder is not None:
                    self.outlets.recorder.append(portion)
                await self._fold(portion)
            self.whole = True
            self.timing.frames += len(frames)
            self.timing.applied.add((self.clock.now() - frames[0].ts_recv) * 1e-9)
            await asyncio.sleep(0)

    def _ordered(self, arrivals: Sequence[Arrival]) -> list[Frame]:
        frames = []
        seq, last = self.seq, self.ts
        for ts, source, conn, kind, payload, request, status, headers in arrivals:
            if ts > last:
                last = ts
            frames.append(Frame(seq, last, source, conn, kind, request, status, headers, payload))
            seq += 1
        self.seq, self.ts = seq, last
        return frames

    async def _fold(self, frames: list[Frame]) -> None:
        feed, began = self.machine.feed, time.perf_counter()
        tick = frames[-1] if frames[-1].kind is Kind.TICK else None
        for frame in frames if tick is None else frames[:-1]:
            feed(frame)
        self._slice(began)
        if tick is not None:
            await self._tick(tick)
        self.outlets.perform(self.machine.take_effects())

    def _slice(self, began: float) -> None:
        self.timing.slice.add(time.perf_counter() - began)

    async def _tick(self, frame: Frame) -> None:
        self.machine.viewer.interest = self.outlets.interest()
        view, whole, began = None, time.perf_counter(), time.perf_counter()
        for view in self.machine.tick(frame):
            if view is None and time.perf_counter() - began > SLICE_S / 2:
                self._slice(began)
                # Two turns of the loop: one reads a request, the next answers it.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                began = time.perf_counter()
        if view is not None:
            self.view = view
            self.outlets.publish(view)
            self.timing.views += 1
            self.timing.viewed.add((self.clock.now() - frame.ts_recv) * 1e-9)
        self._slice(began)
        self.timing.tick.add(time.perf_counter() - whole)
        if self.outlets.saver is not None:
            await self.outlets.saver.after_tick(self.machine, frame.seq + 1, frame.ts_recv)


def until_ticks(frames: list[Frame]) -> list[list[Frame]]:
    """Cut after every TICK."""
    portions, start = [], 0
    for i, frame in enumerate(frames):
        if frame.kind is Kind.TICK:
            portions.append(frames[start : i + 1])
            start = i + 1
    if start < len(frames):
        portions.append(frames[start:])
    return portions
