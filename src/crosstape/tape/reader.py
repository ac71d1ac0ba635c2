"""Tapes in: the segments of a folder, the runs they form, and their frames in order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import zstandard

from crosstape.model.errors import TapeError
from crosstape.model.frame import Frame
from crosstape.tape.blocks import DAMAGE, decode_block, expand, unpack_head
from crosstape.tape.layout import BLOCK_HEAD_SIZE, Block, SegmentHeader, read_segment_header, segment_path
from crosstape.tape.retention import numbered

Where = str | Path | Sequence[str | Path]


class Segment(msgspec.Struct, frozen=True):
    """One segment file, as its header and the heads of its whole blocks tell it.

    torn_at    offset of a last block that is not whole (whoever wrote it died, or still writes); -1: none
    tolerated  whether a torn tail may be here: nothing of the same run follows
    """

    path: Path
    header: SegmentHeader
    blocks: tuple[Block, ...]
    torn_at: int
    size: int
    tolerated: bool

    @property
    def torn(self) -> bool:
        """It ends in the middle of a block."""
        return self.torn_at >= 0

    @property
    def frames(self) -> int:
        """How many it holds."""
        return sum(block.frames for block in self.blocks)

    @property
    def next_seq(self) -> int:
        """The seq after its last frame."""
        return self.blocks[-1].last_seq + 1 if self.blocks else self.header.first_seq


class Run(msgspec.Struct, frozen=True):
    """Segments of one run of the program without a hole between: what one digest can be claimed for."""

    run: str
    segments: tuple[Segment, ...]

    @property
    def first_seq(self) -> int:
        """The seq of its first frame."""
        return self.segments[0].header.first_seq

    @property
    def next_seq(self) -> int:
        """The seq after its last frame."""
        return self.segments[-1].next_seq


def segments(where: Where) -> list[Segment]:
    """The segments of a file, a folder or several of them, in order; TapeError where one is damaged."""
    return list(_scanned(where))


def runs(where: Where) -> list[Run]:
    """The uninterrupted runs: a new one begins where the run id changes or a seq is missing."""
    found: list[list[Segment]] = []
    for segment in segments(where):
        last = found[-1][-1] if found else None
        if (
            last is not None
            and last.header.run == segment.header.run
            and (last.next_seq == segment.header.first_seq and not last.torn)
        ):
            found[-1].append(segment)
        else:
            found.append([segment])
    return [Run(group[0].header.run, tuple(group)) for group in found]


def play(where: Where, start_seq: int = 0) -> Iterator[Frame]:
    """The frames from `start_seq` on, in order.

    `where` is a segment, a folder, or several. Holes and new runs are not announced in between: ask `runs`. A
    torn tail at the end of a run ends that run; damage anywhere else raises TapeError with path and offset.
    """
    for segment in _scanned(where, start_seq):
        yield from play_segment(segment, start_seq)


def play_segment(segment: Segment, start_seq: int = 0) -> Iterator[Frame]:
    """The frames of one segment from `start_seq` on; blocks before it are not decompressed."""
    if segment.torn and not segment.tolerated:
        raise TapeError("torn block inside a run", str(segment.path), segment.torn_at)
    first = bisect_right(segment.blocks, start_seq, key=lambda block: block.last_seq + 1)
    path = str(segment.path)
    decompressor = zstandard.ZstdDecompressor()
    with open(segment.path, "rb") as file:
        for block in segment.blocks[first:]:
            frames = read_block(file, block, path, decompressor)
            if block.first_seq < start_seq:
                frames = [frame for frame in frames if frame.seq >= start_seq]
            yield from frames


def read_block(file: BinaryIO, block: Block, path: str, decompressor: zstandard.ZstdDecompressor) -> list[Frame]:
    """The frames of one block."""
    raw = read_raw(file, block, path, decompressor)
    try:
        return decode_block(raw, block)
    except DAMAGE as e:
        raise TapeError(f"damaged block: {e}", path, block.offset) from e


def read_raw(file: BinaryIO, block: Block, path: str, decompressor: zstandard.ZstdDecompressor) -> bytes:
    """The raw bytes of one block, checksum verified."""
    file.seek(block.offset + BLOCK_HEAD_SIZE)
    return expand(file.read(block.compressed), block, path, decompressor)


def last_seq(folder: Path) -> int | None:
    """The last frame a folder holds; None when it holds none. A damaged file counts up to its damage."""
    for seq in reversed(numbered(folder, ".tape")):
        blocks = _whole_blocks(segment_path(folder, seq))
        if blocks:
            return blocks[-1].last_seq
    return None


def next_seq(folder: Path) -> int:
    """The seq a new run in this folder begins with: one after the last frame, 0 in an empty folder."""
    found = last_seq(folder) if folder.is_dir() else None
    return 0 if found is None else found + 1


def make_ready(folder: Path, seq: int) -> None:
    """Make way for a segment that begins with `seq`.

    A segment of that name that gives no frame is set aside, and what is left of an unfinished checkpoint goes.
    """
    for part in folder.glob("*.ckpt-part"):
        part.unlink(missing_ok=True)
    path = segment_path(folder, seq)
    if path.exists() and not _whole_blocks(path):
        path.rename(path.with_suffix(".tape-torn"))


def scan(path: Path, tolerated: bool = True) -> Segment:
    """Read a segment's header and block heads, and prove its last block whole."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        header = read_segment_header(file, path)
        blocks, torn_at, damaged = _scan_blocks(file, size)
        if damaged:
            raise TapeError("damaged block head", str(path), torn_at)
        if blocks and torn_at < 0 and tolerated and not _is_whole(file, blocks[-1], path):
            torn_at = blocks.pop().offset
    return Segment(path, header, tuple(blocks), torn_at, size, tolerated)


def _scan_blocks(file: BinaryIO, size: int) -> tuple[list[Block], int, bool]:
    """The whole blocks, where a torn tail begins (-1: nowhere), and whether it is no tail but damage.

    A tail cut short or full of zeros is what a power cut leaves; anything else is damage.
    """
    blocks: list[Block] = []
    at = file.tell()
    while at < size:
        file.seek(at)
        head = file.read(BLOCK_HEAD_SIZE)
        block = unpack_head(head, at)
        if block is None:
            return blocks, at, len(head) == BLOCK_HEAD_SIZE and (any(head) or any(file.read()))
        if block.end > size:
            return blocks, at, False
        blocks.append(block)
        at = block.end
    return blocks, -1, False


def _is_whole(file: BinaryIO, block: Block, path: Path) -> bool:
    try:
        read_raw(file, block, str(path), zstandard.ZstdDecompressor())
    except TapeError:
        return False
    return True


def _whole_blocks(path: Path) -> list[Block]:
    """The blocks before the first damage."""
    try:
        with open(path, "rb") as file:
            read_segment_header(file, path)
            blocks, torn_at, _ = _scan_blocks(file, path.stat().st_size)
            if blocks and torn_at < 0 and not _is_whole(file, blocks[-1], path):
                blocks.pop()
            return blocks
    except TapeError:
        return []


def tape_files(where: Where) -> list[tuple[Path, bool]]:
    """The files in order, and for each whether a torn tail is tolerated: no later one continues its run."""
    files = _files(where)
    headers = [_header(path) for path in files]
    continued = {(header.run, header.previous) for header in headers if header is not None}
    return [
        (path, header is None or (header.run, header.first_seq) not in continued)
        for path, header in zip(files, headers, strict=True)
    ]


def _scanned(where: Where, start_seq: int = 0) -> Iterator[Segment]:
    """Scan file by file; those that end before `start_seq` are skipped unread."""
    files = tape_files(where)
    for i, (path, tolerated) in enumerate(files):
        if i + 1 < len(files) and _named(path) < _named(files[i + 1][0]) <= start_seq:
            continue
        yield scan(path, tolerated)


def _named(path: Path) -> int:
    return int(path.stem) if path.stem.isdecimal() else -1


def _header(path: Path) -> SegmentHeader | None:
    try:
        with open(path, "rb") as file:
            return read_segment_header(file, path)
    except TapeError:
        return None


def _files(where: Where) -> list[Path]:
    places = [where] if isinstance(where, str | Path) else list(where)
    files: list[Path] = []
    for place in map(Path, places):
        if place.is_dir():
            files.extend(segment_path(place, seq) for seq in numbered(place, ".tape"))
        elif place.exists():
            files.append(place)
        else:
            raise TapeError("no such tape", str(place), 0)
    if not files:
        raise TapeError("no tape in here", str(places[0]) if places else "", 0)
    return files
