"""The tape format: magic numbers, headers, limits and file names (documented by the structs themselves)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import msgspec

from crosstape.model.errors import TapeError

FORMAT = 1
SEGMENT_MAGIC = b"crstape\n"
CHECKPOINT_MAGIC = b"crsckpt\n"
LENGTH = struct.Struct("<I")
BLOCK_HEAD = struct.Struct("<IIIQQqq")
CRC = struct.Struct("<I")
BLOCK_HEAD_SIZE = BLOCK_HEAD.size + CRC.size
LARGEST_HEADER = 64 << 20


class Origin(msgspec.Struct, frozen=True):
    """Who records: one run of one program under one configuration."""

    run: str
    code: str = ""
    config: dict[str, object] = {}


class Limits(msgspec.Struct, frozen=True):
    """How large things grow before the next one begins.

    segment_*      when `TapeWriter.due` says that a new segment is due
    block_*        when frames leave for the disk: what a torn tail, or `kill -9`, may cost
    sync_ns        how much tape time may pass between two fsyncs: what a power cut may cost
    backlog_bytes  what may wait for the disk before recording ends
    stalled_s      a write or an fsync that takes longer ends it too
    retention_bytes  what the folder may hold; the oldest segments go first
    """

    segment_ns: int = 300_000_000_000
    segment_bytes: int = 256_000_000
    segment_frames: int = 2_000_000
    block_ns: int = 1_000_000_000
    block_bytes: int = 512 << 10
    block_frames: int = 4096
    sync_ns: int = 5_000_000_000
    backlog_bytes: int = 256 << 20
    stalled_s: float = 30.0
    retention_bytes: int = 20_000_000_000
    level: int = 1


class SegmentHeader(msgspec.Struct, frozen=True):
    """What a segment says of itself; `previous` is the first_seq of the segment before it in the same run."""

    format: int
    run: str
    first_seq: int
    created: int
    code: str
    config: dict[str, object]
    previous: int | None


class CheckpointHeader(msgspec.Struct, frozen=True):
    """What a checkpoint says of itself: the state just before frame `seq`."""

    format: int
    run: str
    seq: int
    ts: int
    code: str
    config_hash: str


class Block(msgspec.Struct, frozen=True, gc=False):
    """One block of a segment, as its head tells it, and where it begins."""

    offset: int
    compressed: int
    raw: int
    frames: int
    first_seq: int
    last_seq: int
    first_ts: int
    last_ts: int

    @property
    def end(self) -> int:
        """The offset after it."""
        return self.offset + BLOCK_HEAD_SIZE + self.compressed


class _Version(msgspec.Struct):
    format: int


def config_hash(config: dict[str, object]) -> str:
    """The configuration's name: sha256 over its canonical JSON."""
    return hashlib.sha256(msgspec.json.encode(config, order="sorted")).hexdigest()


def segment_path(folder: Path, first_seq: int) -> Path:
    """Where the segment that begins with `first_seq` lies."""
    return folder / f"{first_seq:020d}.tape"


def checkpoint_path(folder: Path, seq: int) -> Path:
    """Where the checkpoint taken just before frame `seq` lies."""
    return folder / f"{seq:020d}.ckpt"


def pack_header(magic: bytes, header: SegmentHeader | CheckpointHeader) -> bytes:
    """The first bytes of a file: magic, length, JSON, crc32 of the JSON."""
    text = msgspec.json.encode(header)
    return b"".join((magic, LENGTH.pack(len(text)), text, CRC.pack(zlib.crc32(text))))


def read_segment_header(file: BinaryIO, path: Path) -> SegmentHeader:
    """The header of an open segment; the file is left at its first block."""
    text = _header_text(file, path, SEGMENT_MAGIC, "a tape")
    try:
        return msgspec.json.decode(text, type=SegmentHeader)
    except msgspec.MsgspecError as e:
        raise TapeError(f"unreadable header: {e}", str(path), len(SEGMENT_MAGIC)) from e


def read_checkpoint_header(file: BinaryIO, path: Path) -> CheckpointHeader:
    """The header of an open checkpoint; the file is left at its first section."""
    text = _header_text(file, path, CHECKPOINT_MAGIC, "a checkpoint")
    try:
        return msgspec.json.decode(text, type=CheckpointHeader)
    except msgspec.MsgspecError as e:
        raise TapeError(f"unreadable header: {e}", str(path), len(CHECKPOINT_MAGIC)) from e


def _header_text(file: BinaryIO, path: Path, magic: bytes, what: str) -> bytes:
    if file.read(len(magic)) != magic:
        raise TapeError(f"not {what}", str(path), 0)
    size = file.read(LENGTH.size)
    length = LENGTH.unpack(size)[0] if len(size) == LENGTH.size else 0
    if not 0 < length <= LARGEST_HEADER:
        raise TapeError("damaged header", str(path), len(magic))
    text = file.read(length)
    crc = file.read(CRC.size)
    if len(crc) < CRC.size or CRC.unpack(crc)[0] != zlib.crc32(text):
        raise TapeError("damaged header", str(path), len(magic))
    _refuse_newer(text, path, len(magic))
    return text


def _refuse_newer(text: bytes, path: Path, offset: int) -> None:
    try:
        found = msgspec.json.decode(text, type=_Version).format
    except msgspec.MsgspecError as e:
        raise TapeError(f"unreadable header: {e}", str(path), offset) from e
    if found > FORMAT:
        raise TapeError(
            f"made by a newer crosstape, format {found}; this one reads up to {FORMAT}", str(path), offset
        )
