"""Tables to binary columns; the format itself, and the way back, are in `model.columns`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import msgspec
from numpy.typing import NDArray

from crosstape.model.columns import (
    DELTA,
    GONE,
    HEADER,
    SNAPSHOT,
    U32,
    VERSION,
    Cell,
    Numbers,
    Schema,
    Table,
    decode,
)

__all__ = ("DELTA", "GONE", "SNAPSHOT", "Cell", "Head", "Schema", "Table", "decode", "encode", "schema_of")

WIDE = frozenset({"price"})


class Head(msgspec.Struct, frozen=True):
    """What every batch starts with."""

    topic: str
    topic_id: int
    seq: int
    ts_ms: float


def schema_of(columns: Sequence[tuple[str, str]]) -> Schema:
    """From (name, unit) pairs: prices first, then the rest, each in the order given."""
    cells = [Cell(name, unit, "f64" if unit in WIDE else "f32") for name, unit in columns]
    cells.sort(key=lambda cell: cell.type != "f64")
    return Schema(crc32(",".join(f"{c.name}:{c.type}" for c in cells).encode()), tuple(cells))


def encode(
    kind: int, head: Head, schema: Schema, rows: U32, ranks: U32, quality: U32, columns: Sequence[Numbers]
) -> bytes:
    """One frame; `columns` in the schema's order."""
    parts = [HEADER.pack(VERSION, kind, head.topic_id, head.seq, head.ts_ms, rows.size, schema.id)]
    parts += _padded(rows.astype("<u4", copy=False))
    for cell, values in zip(schema.columns, columns, strict=True):
        parts += _padded(values.astype("<f8" if cell.type == "f64" else "<f4", copy=False))
    parts += _padded(ranks.astype("<u4", copy=False))
    parts += _padded(quality.astype("<u4", copy=False))
    return b"".join(parts)


def _padded(array: NDArray[Any]) -> tuple[bytes, bytes]:
    return array.tobytes(), bytes(-array.nbytes % 8)
