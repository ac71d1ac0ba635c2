"""The binary form of tables on `/ws`: columns, little-endian, encoded once and shared by all clients.

    offset  type   what
    0       u8     version (1)
    1       u8     kind: 1 snapshot (all rows), 2 delta (changed rows)
    2       u16    topic id, as the ack said
    4       u32    seq: one more than the batch before; a snapshot's seq is that of the last batch it contains
    8       f64    server's time, ms since the epoch
    16      u32    n, rows in this frame
    20      u32    schema id, as the ack said
    24      u32[n] row: an instrument's (or asset's) position; names come as JSON before a row is first used
            f64[n] each price column, then f32[n] each other column, in the order of the ack; NaN = not known
            u32[n] rank: position in the topic's order from 0; 4294967295 = the row is no longer in the topic
            u32[n] quality flags (`model.quality`)

Every array starts at a multiple of 8, filled up with zeros. A delta is applied by setting each row to its new
values and rank, and taking out those whose rank is 4294967295.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

VERSION = 1
SNAPSHOT, DELTA = 1, 2
GONE = 0xFFFFFFFF
HEADER = struct.Struct("<BBHIdII")
U32 = NDArray[np.uint32]
Numbers = NDArray[np.floating[Any]]


class Cell(msgspec.Struct, frozen=True):
    """One column of a schema; `type` is how binary frames carry it."""

    name: str
    unit: str
    type: str


class Schema(msgspec.Struct, frozen=True):
    """An ordered list of columns; the same columns have the same id everywhere."""

    id: int
    columns: tuple[Cell, ...]


class Table(msgspec.Struct, frozen=True):
    """A decoded frame."""

    kind: int
    topic_id: int
    seq: int
    ts_ms: float
    schema_id: int
    rows: U32
    ranks: U32
    quality: U32
    columns: dict[str, Numbers]


def decode(frame: bytes, schema: Schema) -> Table:
    """Back from `encode`; ValueError for what is none."""
    if len(frame) < HEADER.size:
        raise ValueError("the frame is shorter than its header")
    version, kind, topic_id, seq, ts_ms, n, schema_id = HEADER.unpack_from(frame)
    if version != VERSION or schema_id != schema.id:
        raise ValueError(f"version {version}, schema {schema_id}: not what was subscribed to")
    types = ["<u4", *("<f8" if c.type == "f64" else "<f4" for c in schema.columns), "<u4", "<u4"]
    arrays, offset = [], HEADER.size
    for kind_of in types:
        size = np.dtype(kind_of).itemsize * n
        if offset + size > len(frame):
            raise ValueError("the frame is shorter than its header says")
        arrays.append(np.frombuffer(frame, kind_of, n, offset))
        offset += size + -size % 8
    names = [cell.name for cell in schema.columns]
    columns = dict(zip(names, arrays[1:-2], strict=True))
    return Table(kind, topic_id, seq, ts_ms, schema_id, arrays[0], arrays[-2], arrays[-1], columns)
