"""A tape and the machine it runs through: forward a view at a time, anew from a checkpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from crosstape.app.history import Minutes
from crosstape.engine.checkpoint import load
from crosstape.engine.machine import Machine
from crosstape.engine.view import BookCopy, View
from crosstape.engine.viewing import book_copy
from crosstape.model.errors import TapeError
from crosstape.model.frame import Frame, Kind
from crosstape.tape.checkpoint import read_checkpoint
from crosstape.tape.reader import play
from crosstape.tape.summary import Mark, Summary, marks
from crosstape.venues import READ

SLICE_S = 0.004
EVERY = 64
# Folding so much tape keeps what charts show; farther away a checkpoint is sooner there.
NEAR_NS = 60_000_000_000
FOREVER = 1 << 62


class Reel:
    """`ts`: of the newest view, 0 before the first; `ended`: no frame is left; `minutes`: before the beginning.

    Between slices of a few ms others may run. TapeError where the tape is damaged.
    """

    def __init__(self, folder: Path, first_seq: int, interest: Callable[[], frozenset[int]]) -> None:
        self.ts, self.ended = 0, False
        self._folder, self._first_seq, self._interest = folder, first_seq, interest
        self._machine = Machine(READ)
        self.minutes = Minutes(self._machine.state)
        self._frames: Iterator[Frame] = iter(())
        self._ahead: Frame | None = None

    def reaches(self, ts: int) -> bool:
        """Whether going on from here is the way to `ts`."""
        if not self.ts or ts < self.ts:
            return False
        return ts - self.ts <= NEAR_NS or not any(self.ts < mark.ts <= ts for mark in marks(self._folder))

    async def begin(self, ts: int) -> None:
        """Be at the newest checkpoint that is not after `ts`, or at the tape's beginning."""
        machine, seq = await asyncio.to_thread(_restored, self._folder, self._first_seq, ts)
        self._machine, self._frames, self._ahead = machine, play(self._folder, start_seq=seq), None
        self.minutes = Minutes(machine.state)
        self.ts, self.ended = 0, False

    def still(self) -> View | None:
        """The view of the checkpoint it began at, without folding anything; None at the tape's beginning."""
        machine = self._machine
        machine.viewer.interest = self._interest()
        view = machine.viewer.still(machine.state, machine.settings.mode, machine.seq)
        if view is not None:
            self.ts = view.ts
        return view

    async def next_view(self, limit: int = FOREVER) -> View | None:
        """The next view, None where it would be later than `limit` or the tape ends."""
        began = time.perf_counter()
        if self.ended:
            # It may have grown.
            self._frames, self.ended = play(self._folder, start_seq=self._machine.seq + 1), False
        for n, frame in enumerate(self._left()):
            if frame.kind is Kind.TICK:
                if frame.ts_recv > limit:
                    self._ahead = frame
                    return None
                return await self._tick(frame, began)
            self._machine.feed(frame)
            if n % EVERY == 0 and time.perf_counter() - began > SLICE_S:
                self._machine.take_effects()
                await asyncio.sleep(0)
                began = time.perf_counter()
        self.ended = True
        return None

    def _left(self) -> Iterator[Frame]:
        ahead, self._ahead = self._ahead, None
        # Not a generator: when one ends early, so does the one it reads from.
        return self._frames if ahead is None else chain((ahead,), self._frames)

    async def _tick(self, frame: Frame, began: float) -> View | None:
        self._machine.viewer.interest = self._interest()
        view = None
        for view in self._machine.tick(frame):
            if view is None and time.perf_counter() - began > SLICE_S:
                await asyncio.sleep(0)
                began = time.perf_counter()
        self._machine.take_effects()
        self.ts = frame.ts_recv
        return view

    def books(self, rows: Iterable[int]) -> dict[int, BookCopy]:
        """Books as of now, of those rows that have one."""
        state = self._machine.state
        return {row: copy for row in rows if (copy := book_copy(state, row)) is not None}


def beginning(summary: Summary) -> int:
    """The first instant that can be shown; TapeError where the beginning is gone and no checkpoint is left."""
    if summary.first_seq == 0:
        return summary.first_ts
    usable = [mark.ts for mark in summary.marks if mark.seq >= summary.first_seq]
    if not usable:
        raise TapeError("the tape's beginning is gone and it holds no checkpoint to start from")
    return usable[0]


def _restored(folder: Path, first_seq: int, ts: int) -> tuple[Machine, int]:
    """A machine at the newest good checkpoint for `ts`, and the next frame's seq."""
    usable = [mark for mark in marks(folder) if mark.seq >= first_seq]
    fit = [mark for mark in usable if mark.ts <= ts]
    if not fit and first_seq > 0:
        fit = usable[:1]
    reason = TapeError("the tape's beginning is gone and it holds no checkpoint to start from", str(folder), 0)
    for mark in reversed(fit):
        try:
            return _loaded(mark), mark.seq
        except (TapeError, OSError) as error:
            reason = error if isinstance(error, TapeError) else reason
    if first_seq > 0:
        raise reason
    return Machine(READ), 0


def _loaded(mark: Mark) -> Machine:
    machine = Machine(READ)
    _, sections = read_checkpoint(mark.path)
    load(machine, sections)
    return machine
