"""Frames to the bytes of one block and back: columns, with what repeats written once."""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

import msgspec
import zstandard

from crosstape.model.errors import TapeError
from crosstape.model.frame import Frame, Kind
from crosstape.tape.layout import BLOCK_HEAD, BLOCK_HEAD_SIZE, CRC, Block

# Everything of a frame but seq, ts_recv and payload. A block has a handful of different rows (one for each
# connection that spoke in that second), so a frame costs an index into them instead of six fields.
Row = tuple[str, int, Kind, str, int, str]
HEAD = struct.Struct("<II")
HOLES = 1
DAMAGE = (zstandard.ZstdError, msgspec.MsgspecError, struct.error, ValueError, IndexError)

_rows_decoder = msgspec.msgpack.Decoder(list[Row])
_rows_encoder = msgspec.msgpack.Encoder()


def encode_block(frames: Sequence[Frame]) -> bytes:
    """The raw bytes of a block.

    u32 flags, u32 length of the rows, the rows (msgpack), then the columns: ts_recv i64, row u32, payload
    length u32, seq u64 (only where it has holes), and the payloads one after the other.
    """
    index: dict[Row, int] = {}
    place = index.setdefault
    rows = [place((f.source, f.conn, f.kind, f.request, f.status, f.headers), len(index)) for f in frames]
    payloads = [f.payload for f in frames]
    holes = frames[-1].seq - frames[0].seq != len(frames) - 1
    table = _rows_encoder.encode(list(index))
    columns = [
        HEAD.pack(HOLES if holes else 0, len(table)),
        table,
        _pack("q", [f.ts_recv for f in frames]),
        _pack("I", rows),
        _pack("I", map(len, payloads)),
        _pack("Q", [f.seq for f in frames]) if holes else b"",
    ]
    return b"".join(columns + payloads)


def decode_block(raw: bytes, block: Block) -> list[Frame]:
    """The frames of a block's raw bytes."""
    rows, index, at = _open(raw, block)
    n = block.frames
    flags = HEAD.unpack_from(raw)[0]
    times = _unpack("q", raw, at - 12 * n, n)
    lengths = _unpack("I", raw, at, n)
    at += 4 * n
    seqs: Iterable[int] = range(block.first_seq, block.first_seq + n)
    if flags & HOLES:
        seqs = _unpack("Q", raw, at, n)
        at += 8 * n
    ends = list(accumulate(lengths, initial=at))
    if ends[-1] != len(raw):
        raise ValueError("the payloads do not fill the block")
    payloads = [raw[a:b] for a, b in pairwise(ends)]
    return [
        Frame(seq, ts, source, conn, kind, request, status, headers, payload)
        for seq, ts, (source, conn, kind, request, status, headers), payload in zip(
            seqs, times, map(rows.__getitem__, index), payloads, strict=True
        )
    ]


def count_block(raw: bytes, block: Block) -> Counter[tuple[str, Kind]]:
    """How many frames of which source and kind a block holds, without making them."""
    rows, index, _ = _open(raw, block)
    counts: Counter[tuple[str, Kind]] = Counter()
    for row, times in Counter(index).items():
        counts[rows[row][0], rows[row][2]] += times
    return counts


def pack_block(raw: bytes, frames: Sequence[Frame]) -> tuple[bytes, Block]:
    """A block's raw bytes, and what its head will say (the disk knows offset and compressed length)."""
    first, last = frames[0], frames[-1]
    return raw, Block(0, 0, len(raw), len(frames), first.seq, last.seq, first.ts_recv, last.ts_recv)


def pack_head(block: Block, compressed: int) -> bytes:
    """The head that goes before the compressed bytes."""
    head = BLOCK_HEAD.pack(
        compressed, block.raw, block.frames, block.first_seq, block.last_seq, block.first_ts, block.last_ts
    )
    return head + CRC.pack(zlib.crc32(head))


def unpack_head(head: bytes, offset: int) -> Block | None:
    """The block behind a head; None when the head is damaged."""
    if len(head) < BLOCK_HEAD_SIZE or CRC.unpack_from(head, BLOCK_HEAD.size)[0] != zlib.crc32(
        head[: BLOCK_HEAD.size]
    ):
        return None
    return Block(offset, *BLOCK_HEAD.unpack_from(head))


def expand(body: bytes, block: Block, path: str, decompressor: zstandard.ZstdDecompressor) -> bytes:
    """The raw bytes of a block as it lies on disk; its content checksum is verified."""
    try:
        raw = decompressor.decompress(body, max_output_size=block.raw)
    except DAMAGE as e:
        raise TapeError(f"damaged block: {e}", path, block.offset) from e
    if len(raw) != block.raw:
        raise TapeError("damaged block: wrong length", path, block.offset)
    return raw


def _open(raw: bytes, block: Block) -> tuple[list[Row], array[int], int]:
    """The rows, which row each frame has, and where the column of payload lengths begins."""
    length = HEAD.unpack_from(raw)[1]
    start = HEAD.size + length
    rows = [(sys.intern(row[0]), *row[1:]) for row in _rows_decoder.decode(raw[HEAD.size : start])]
    at = start + 8 * block.frames
    return rows, _unpack("I", raw, at, block.frames), at + 4 * block.frames


def _pack(code: str, values: Iterable[int]) -> bytes:
    column = array(code, values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def _unpack(code: str, raw: bytes, at: int, n: int) -> array[int]:
    column = array(code)
    column.frombytes(raw[at : at + n * column.itemsize])
    if len(column) != n:
        raise ValueError("a column is cut short")
    if sys.byteorder == "big":
        column.byteswap()
    return column
