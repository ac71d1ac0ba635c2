"""What a tape holds, told from block heads and a few blocks: cheap enough to list many tapes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import zstandard

from crosstape.model.errors import TapeError
from crosstape.tape.blocks import DAMAGE, count_block
from crosstape.tape.checkpoint import checkpoints
from crosstape.tape.layout import read_checkpoint_header
from crosstape.tape.reader import Segment, read_raw, segments

LOOKED_AT = 64


class Mark(msgspec.Struct, frozen=True):
    """A checkpoint: where it lies, the frame it stands before, and when that was (ns)."""

    path: Path
    seq: int
    ts: int


class Summary(msgspec.Struct, frozen=True):
    """A tape in short. Times ns.

    first_seq  0 = its beginning is there
    sources    those that speak in the blocks looked at
    torn       its last block is not whole
    marks      its checkpoints, oldest first
    """

    first_seq: int
    first_ts: int
    last_ts: int
    frames: int
    bytes: int
    segments: int
    sources: tuple[str, ...]
    torn: bool
    marks: tuple[Mark, ...]


def summarise(folder: Path) -> Summary:
    """Read heads; TapeError where the tape is damaged, or there is none."""
    parts = segments(folder)
    blocks = [block for part in parts for block in part.blocks]
    if not blocks:
        raise TapeError("no frame in here", str(folder), 0)
    looked = parts[:: max(len(parts) // LOOKED_AT, 1)]
    return Summary(
        first_seq=blocks[0].first_seq,
        first_ts=blocks[0].first_ts,
        last_ts=blocks[-1].last_ts,
        frames=sum(block.frames for block in blocks),
        bytes=sum(part.size for part in parts),
        segments=len(parts),
        sources=tuple(sorted({source for part in looked for source in _sources(part)})),
        torn=any(part.torn for part in parts),
        marks=marks(folder),
    )


def marks(folder: Path) -> tuple[Mark, ...]:
    """The folder's checkpoints by their headers, oldest first; those that cannot be read are left out."""
    found = []
    for path in reversed(checkpoints(folder)):
        try:
            with open(path, "rb") as file:
                header = read_checkpoint_header(file, path)
        except (TapeError, OSError):
            continue
        found.append(Mark(path, header.seq, header.ts))
    return tuple(found)


def _sources(part: Segment) -> set[str]:
    """Who speaks in a segment's first and last block."""
    found: set[str] = set()
    decompressor = zstandard.ZstdDecompressor()
    with open(part.path, "rb") as file:
        for block in (*part.blocks[:1], *part.blocks[1:][-1:]):
            try:
                counts = count_block(read_raw(file, block, str(part.path), decompressor), block)
            except DAMAGE as error:
                raise TapeError(f"damaged block: {error}", str(part.path), block.offset) from error
            found |= {source for source, _ in counts}
    return found
