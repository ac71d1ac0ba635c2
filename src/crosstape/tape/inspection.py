"""What is on a tape, and whether all of it can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import zstandard

from crosstape.model.errors import TapeError
from crosstape.model.frame import Kind
from crosstape.tape.blocks import DAMAGE, count_block
from crosstape.tape.checkpoint import checkpoints, verify_checkpoint
from crosstape.tape.layout import Block
from crosstape.tape.reader import Segment, Where, read_block, read_raw, runs, scan, tape_files


class RunSummary(msgspec.Struct, frozen=True):
    """One uninterrupted run."""

    run: str
    code: str
    first_seq: int
    next_seq: int
    segments: int


class Inspection(msgspec.Struct, frozen=True):
    """What is on a tape. `torn`: files whose last block is not whole; `counts`: source → kind → frames."""

    runs: tuple[RunSummary, ...]
    segments: int
    frames: int
    bytes_raw: int
    bytes_compressed: int
    first_ts: int
    last_ts: int
    counts: dict[str, dict[str, int]]
    torn: tuple[str, ...]
    checkpoints: tuple[str, ...]


class Problem(msgspec.Struct, frozen=True):
    """Something wrong, and where."""

    message: str
    path: str
    offset: int


class Verification(msgspec.Struct, frozen=True):
    """Everything read once: how much, and what was wrong. A tolerated torn tail is no problem."""

    segments: int
    frames: int
    checkpoints: int
    torn: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> bool:
        """Nothing is wrong with it."""
        return not self.problems


def inspect(where: Where) -> Inspection:
    """Count what is on a tape; TapeError where it is damaged."""
    found = runs(where)
    parts = [segment for run in found for segment in run.segments]
    blocks = [block for segment in parts for block in segment.blocks]
    return Inspection(
        runs=tuple(
            RunSummary(r.run, r.segments[0].header.code, r.first_seq, r.next_seq, len(r.segments)) for r in found
        ),
        segments=len(parts),
        frames=sum(block.frames for block in blocks),
        bytes_raw=sum(block.raw for block in blocks),
        bytes_compressed=sum(segment.size for segment in parts),
        first_ts=min((block.first_ts for block in blocks), default=0),
        last_ts=max((block.last_ts for block in blocks), default=0),
        counts=_counts(parts),
        torn=_torn(parts),
        checkpoints=tuple(str(path) for path in _checkpoints(where)),
    )


def verify(where: Where) -> Verification:
    """Decode every block and checkpoint, and list what is wrong instead of stopping at it."""
    problems: list[Problem] = []
    parts: list[Segment] = []
    files = tape_files(where)
    for path, tolerated in files:
        try:
            parts.append(scan(path, tolerated))
        except TapeError as e:
            problems.append(_problem(e))
    frames = 0
    for i, segment in enumerate(parts):
        frames += _verify_segment(segment, parts[i - 1] if i else None, problems)
    paths = list(_checkpoints(where))
    for path in paths:
        try:
            verify_checkpoint(path)
        except TapeError as e:
            problems.append(_problem(e))
    tolerated_torn = _torn([segment for segment in parts if segment.tolerated])
    return Verification(len(files), frames, len(paths), tolerated_torn, tuple(problems))


def _verify_segment(segment: Segment, before: Segment | None, problems: list[Problem]) -> int:
    path = str(segment.path)
    if segment.torn and not segment.tolerated:
        problems.append(Problem("torn block inside a run", path, segment.torn_at))
    expected, ts, header = segment.header.first_seq, 0, segment.header
    if before is not None and before.header.run == header.run and before.next_seq != expected:
        problems.append(Problem(f"frames {before.next_seq}..{expected - 1} are missing", path, 0))
    decompressor = zstandard.ZstdDecompressor()
    count = 0
    with open(segment.path, "rb") as file:
        for block in segment.blocks:
            try:
                frames = read_block(file, block, path, decompressor)
            except TapeError as e:
                problems.append(_problem(e))
                expected, ts = block.last_seq + 1, block.last_ts
                continue
            found = [(frame.seq, frame.ts_recv) for frame in frames]
            problems.extend(_disorder(found, expected, ts, block, path))
            expected, ts = found[-1][0] + 1, found[-1][1]
            count += len(found)
    return count


def _disorder(found: list[tuple[int, int]], expected: int, ts: int, block: Block, path: str) -> Iterator[Problem]:
    if (found[0], found[-1]) != ((block.first_seq, block.first_ts), (block.last_seq, block.last_ts)):
        yield Problem("the block's head does not say what is in it", path, block.offset)
    for seq, at in found:
        if seq != expected:
            yield Problem(f"frame {seq} where {expected} should be", path, block.offset)
        if at < ts:
            yield Problem(f"frame {seq} is {ts - at} ns older than the one before", path, block.offset)
        expected, ts = seq + 1, at


def _counts(parts: list[Segment]) -> dict[str, dict[str, int]]:
    total: Counter[tuple[str, Kind]] = Counter()
    decompressor = zstandard.ZstdDecompressor()
    for segment in parts:
        with open(segment.path, "rb") as file:
            for block in segment.blocks:
                raw = read_raw(file, block, str(segment.path), decompressor)
                try:
                    total.update(count_block(raw, block))
                except DAMAGE as e:
                    raise TapeError(f"damaged block: {e}", str(segment.path), block.offset) from e
    counts: dict[str, dict[str, int]] = {}
    for (source, kind), frames in sorted(total.items()):
        counts.setdefault(source, {})[kind.name] = frames
    return counts


def _torn(parts: list[Segment]) -> tuple[str, ...]:
    return tuple(str(segment.path) for segment in parts if segment.torn)


def _checkpoints(where: Where) -> Iterator[Path]:
    places = [where] if isinstance(where, str | Path) else where
    for place in map(Path, places):
        if place.is_dir():
            yield from checkpoints(place)


def _problem(e: TapeError) -> Problem:
    return Problem(str(e), e.path, e.offset)
