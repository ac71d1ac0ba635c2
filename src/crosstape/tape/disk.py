"""The thread that owns the folder: compresses, writes, syncs, and deletes what is too old."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from pathlib import Path

import msgspec
import zstandard

from crosstape.tape.files import CheckpointFile, SegmentFile
from crosstape.tape.layout import Block, CheckpointHeader, Limits, SegmentHeader
from crosstape.tape.retention import prune


class Append(msgspec.Struct, frozen=True):
    """Write a block; when it opens a segment, under which header."""

    block: Block
    raw: bytes
    opens: SegmentHeader | None


class Begin(msgspec.Struct, frozen=True):
    """Begin a checkpoint."""

    header: CheckpointHeader


class Section(msgspec.Struct, frozen=True):
    """One named part of the checkpoint."""

    name: str
    payload: bytes


class End(msgspec.Struct, frozen=True):
    """Make the checkpoint count, or forget it."""

    commit: bool


class Reached(msgspec.Struct, frozen=True):
    """Say when everything before this is on disk."""

    event: threading.Event


Job = Append | Begin | Section | End | Reached


class Disk:
    """One thread and its bounded work. `failed` says why it ended; later jobs are dropped.

    A failing checkpoint or retention does not end recording: it is given up and counted in `troubles`.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.failed = ""
        self.written = 0
        self.bytes_written = 0
        self.segment: SegmentFile | None = None
        self.segments = _count(folder)
        self.troubles: Counter[str] = Counter()
        self._folder = folder
        self._limits = limits
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._put = 0
        self._done = 0
        self._compressor = zstandard.ZstdCompressor(level=limits.level, write_checksum=True)
        self._synced_ts = 0
        self._began = 0.0
        self._checkpoint: CheckpointFile | None = None
        self._thread = threading.Thread(target=self._run, name="tape", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """Bytes that wait for the disk."""
        return self._put - self._done

    @property
    def busy_s(self) -> float:
        """For how long the disk has not answered: 0 while nothing is asked of it."""
        began = self._began
        return time.monotonic() - began if began else 0.0

    def put(self, job: Job, size: int = 0) -> None:
        """Queue a job that holds `size` bytes; never blocks."""
        self._put += size
        self._jobs.put(job)

    def reach(self) -> None:
        """Wait until everything put so far is on disk, or dropped."""
        event = threading.Event()
        self._jobs.put(Reached(event))
        while not event.wait(0.1):
            if not self._thread.is_alive():
                return

    def close(self, timeout_s: float) -> None:
        """Finish the work and sync. A disk that does not answer in time has failed."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self.failed = self.failed or f"the disk did not answer within {timeout_s:g} s"

    def _run(self) -> None:
        finished = False
        try:
            while (job := self._jobs.get()) is not None:
                self._began = time.monotonic()
                self._do(job)
                self._began = 0.0
            finished = True
        finally:
            if not finished:
                self.failed = self.failed or "the writer thread died"
            self._close_segment()
            if self._checkpoint is not None:
                self._checkpoint.abort()

    def _do(self, job: Job) -> None:
        match job:
            case Append():
                try:
                    if not self.failed:
                        self._append(job)
                except OSError as e:
                    self.failed = self.failed or f"cannot write the tape: {e}"
                self._done += len(job.raw)
            case Reached():
                job.event.set()
            case _:
                try:
                    self._checkpoint_step(job)
                except OSError:
                    self.troubles["checkpoint"] += 1
                    self._forget_checkpoint()
                self._done += len(job.payload) if isinstance(job, Section) else 0

    def _append(self, job: Append) -> None:
        if job.opens is not None:
            self._close_segment()
            self.segment = SegmentFile(self._folder, job.opens)
            self._prune(job.opens.first_seq)
            self.segments = _count(self._folder)
        segment = self.segment
        if self.failed or segment is None:
            return
        self.bytes_written += segment.append(job.block, self._compressor.compress(job.raw))
        self.written += job.block.frames
        if job.block.last_ts - self._synced_ts >= self._limits.sync_ns:
            segment.sync()
            self._synced_ts = job.block.last_ts

    def _close_segment(self) -> None:
        segment, self.segment = self.segment, None
        if segment is not None:
            try:
                segment.close()
            except OSError as e:
                self.failed = self.failed or f"cannot write the tape: {e}"

    def _checkpoint_step(self, job: Begin | Section | End) -> None:
        if self.failed:
            self._forget_checkpoint()
        elif isinstance(job, Begin):
            self._forget_checkpoint()
            self._checkpoint = CheckpointFile(self._folder, job.header, self._compressor)
        elif self._checkpoint is None:
            return
        elif isinstance(job, Section):
            self._checkpoint.write(job.name, job.payload)
        elif job.commit:
            # A checkpoint that survives a power cut must not be ahead of the frames that do.
            if self.segment is not None:
                self.segment.sync()
            self._checkpoint.commit()
            self._checkpoint = None
            if self.segment is not None:
                self._prune(self.segment.first_seq)
        else:
            self._forget_checkpoint()

    def _prune(self, current: int) -> None:
        try:
            prune(self._folder, self._limits.retention_bytes, current)
        except OSError:
            self.troubles["retention"] += 1

    def _forget_checkpoint(self) -> None:
        checkpoint, self._checkpoint = self._checkpoint, None
        if checkpoint is not None:
            checkpoint.abort()


def _count(folder: Path) -> int:
    """Segments that are there. Asked by the thread that may wait, not by who shows it."""
    return sum(1 for _ in folder.glob("*.tape"))
