"""The recorder: frames in, segments on disk, and never a wait or an error for whoever appends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from crosstape.model.errors import StoreError, TapeError
from crosstape.model.frame import Frame
from crosstape.tape.blocks import encode_block, pack_block
from crosstape.tape.disk import Append, Begin, Disk, End, Section
from crosstape.tape.layout import FORMAT, CheckpointHeader, Limits, Origin, SegmentHeader, config_hash
from crosstape.tape.reader import last_seq, make_ready

DEFAULT_LIMITS = Limits()


class CheckpointSink:
    """Takes the sections of one checkpoint, one at a time.

    `write` answers False when the disk is behind: make the next section later. When it is so far behind that
    the checkpoint would endanger the recording, the checkpoint gives itself up (`aborted`).
    """

    def __init__(self, disk: Disk, header: CheckpointHeader, limit: int) -> None:
        self.aborted = bool(disk.failed)
        self._disk = disk
        self._limit = limit
        if not self.aborted:
            disk.put(Begin(header))

    def write(self, name: str, payload: bytes) -> bool:
        """Take a section; False: wait before making the next one."""
        if not name:
            raise ValueError("a section needs a name")
        if self._disk.failed or self._disk.backlog > self._limit:
            self.abort()
        if self.aborted:
            return False
        self._disk.put(Section(name, payload), len(payload))
        return self._disk.backlog <= self._limit // 2

    def commit(self) -> None:
        """The checkpoint is whole: give it its name."""
        if not self.aborted:
            self._disk.put(End(commit=True))

    def abort(self) -> None:
        """Forget it."""
        if not self.aborted:
            self.aborted = True
            self._disk.put(End(commit=False))


class _Segment(msgspec.Struct):
    """The segment being filled, as `due` judges it."""

    first_seq: int
    ts: int
    frames: int = 0


class TapeWriter:
    """Implements `Recorder`.

    `append` keeps frames until a block is full or a second of tape time has passed, then encodes it and hands
    it to the disk's thread. When that thread fails, falls behind by more than `backlog_bytes` or waits for the
    disk for more than `stalled_s`, recording ends: `failed` says why, `lost` counts the frames that are not on the
    tape.
    """

    def __init__(
        self, folder: Path, origin: Origin, first_seq: int, ts: int, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self._origin = origin
        self._config_hash = config_hash(origin.config)
        self._limits = limits
        self._pending: list[Frame] = []
        self._pending_bytes = 0
        self._taken = 0
        self._failed = ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            recorded = last_seq(folder)
            if recorded is not None and first_seq <= recorded:
                raise TapeError(
                    f"the folder already holds frames up to {recorded}; begin at {recorded + 1}", str(folder)
                )
            make_ready(folder, first_seq)
        except OSError as e:
            self._failed = f"cannot open the tape: {e}"
        self._disk = Disk(folder, limits)
        self._opening: SegmentHeader | None = _header(origin, first_seq, ts, None)
        self._segment = _Segment(first_seq, ts)

    @property
    def failed(self) -> str:
        """Why recording ended; empty while it goes on."""
        return self._failed or self._disk.failed

    @property
    def lost(self) -> int:
        """Frames taken that will never be on the tape."""
        return self._taken + len(self._pending) - self._disk.written if self.failed else 0

    @property
    def bytes_written(self) -> int:
        """Bytes of segments written so far."""
        return self._disk.bytes_written

    @property
    def segments(self) -> int:
        """Segments in the folder when the newest one began."""
        return self._disk.segments

    @property
    def troubles(self) -> Mapping[str, int]:
        """What failed without ending the recording, by what: checkpoint, retention."""
        return self._disk.troubles

    def append(self, frames: Sequence[Frame]) -> None:
        """Take frames, in order. Never blocks, never raises for a failing disk."""
        pending = self._pending
        pending += frames
        size = self._pending_bytes
        for frame in frames:
            size += len(frame.payload)
        self._pending_bytes = size
        limits = self._limits
        if (
            size >= limits.block_bytes
            or len(pending) >= limits.block_frames
            or (pending and pending[-1].ts_recv - pending[0].ts_recv >= limits.block_ns)
        ):
            self.flush()

    def flush(self) -> None:
        """Hand what is pending to the disk, without waiting for it."""
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        self._taken += len(pending)
        if self._disk.busy_s > self._limits.stalled_s and not self.failed:
            self._failed = f"the disk has not answered for {self._disk.busy_s:.0f} s"
        for frames in _portions(pending, self._limits):
            if self.failed:
                return
            raw, block = pack_block(encode_block(frames), frames)
            if self._disk.backlog + len(raw) > self._limits.backlog_bytes:
                self._failed = f"the disk is behind by {self._disk.backlog >> 20} MiB"
                return
            self._disk.put(Append(block, raw, self._opening), len(raw))
            self._opening = None
            self._segment.frames += len(frames)

    def due(self, now_ns: int) -> bool:
        """Whether a new segment is due: by age, by size or by frames."""
        limits = self._limits
        segment, file = self._segment, self._disk.segment
        frames = segment.frames + len(self._pending)
        size = file.size if file is not None and file.first_seq == segment.first_seq else 0
        return frames > 0 and (
            frames >= limits.segment_frames
            or now_ns - segment.ts >= limits.segment_ns
            or size >= limits.segment_bytes
        )

    def roll(self, at_seq: int, ts: int, checkpoint: Iterable[tuple[str, bytes]] | None = None) -> None:
        """Frame `at_seq` will open a new segment, with a checkpoint when its sections are given."""
        self.flush()
        previous = self._opening.previous if self._opening is not None else self._segment.first_seq
        self._opening = _header(self._origin, at_seq, ts, previous)
        self._segment = _Segment(at_seq, ts)
        if checkpoint is None:
            return
        sink = self.begin_checkpoint(at_seq, ts)
        for name, payload in checkpoint:
            sink.write(name, payload)
            if sink.aborted:
                return
        sink.commit()

    def begin_checkpoint(self, at_seq: int, ts: int) -> CheckpointSink:
        """A sink for the state just before frame `at_seq`; call it right after `roll(at_seq, …)`."""
        origin = self._origin
        header = CheckpointHeader(FORMAT, origin.run, at_seq, ts, origin.code, self._config_hash)
        return CheckpointSink(self._disk, header, self._limits.backlog_bytes // 2)

    def drain(self) -> None:
        """Wait until all that was taken is on disk; raise StoreError when it cannot be."""
        self.flush()
        self._disk.reach()
        if self.failed:
            raise StoreError(self.failed)

    def close(self, timeout_s: float = 60.0) -> None:
        """Write what is pending, sync, and stop the thread; a disk that does not answer is not waited for. Never
        raises: see `failed`."""
        self.flush()
        self._disk.close(1.0 if self._disk.busy_s > self._limits.stalled_s else timeout_s)


def _header(origin: Origin, first_seq: int, ts: int, previous: int | None) -> SegmentHeader:
    return SegmentHeader(FORMAT, origin.run, first_seq, ts, origin.code, origin.config, previous)


def write_tape(folder: Path, frames: Iterable[Frame], origin: Origin, limits: Limits = DEFAULT_LIMITS) -> int:
    """Write frames as a new tape, segments rolled as the limits say; returns how many. Waits for the disk."""
    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        return 0
    writer = TapeWriter(folder, origin, first.seq, first.ts_recv, limits)
    count = 0
    try:
        for pending in _portions(chain((first,), rest), limits):
            if writer.due(pending[0].ts_recv):
                writer.roll(pending[0].seq, pending[0].ts_recv)
            writer.append(pending)
            count += len(pending)
            if writer._disk.backlog > limits.backlog_bytes // 4:
                writer.drain()
        writer.drain()
    finally:
        writer.close()
    return count


def _portions(frames: Iterable[Frame], limits: Limits) -> Iterator[list[Frame]]:
    """Frames in the portions blocks are made of."""
    pending: list[Frame] = []
    size = 0
    for frame in frames:
        pending.append(frame)
        size += len(frame.payload)
        if size >= limits.block_bytes or len(pending) >= limits.block_frames:
            yield pending
            pending, size = [], 0
    if pending:
        yield pending
