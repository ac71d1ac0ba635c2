"""Memory that crosstape writes and the process of queries reads: tables go over without a copy through a pipe."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crosstape.store.sql.parts import Block
from crosstape.store.sql.wire import Place

if TYPE_CHECKING:
    import pyarrow as pa

FIRST = 16 << 20
PAGE = 4096
F64 = NDArray[np.float64]


class Arena:
    """Each part has a place by its key. It is written while no query runs; a place that is too small is left."""

    def __init__(self) -> None:
        self.handle = os.memfd_create("crosstape-sql", os.MFD_CLOEXEC)
        self._size = 0
        self._next = 0
        self._places: dict[str, tuple[int, int]] = {}
        self._held: dict[str, tuple[tuple[object, ...], object, dict[str, F64]]] = {}
        self._map: mmap.mmap | None = None

    def put(self, key: str, table: pa.Table) -> tuple[int, int]:
        """Where the table's Arrow stream is now: offset and size."""
        import pyarrow as pa

        measured = pa.MockOutputStream()
        _write(measured, table)
        size = measured.size()
        offset = self._place(key, size)
        sink = pa.FixedSizeBufferWriter(pa.py_buffer(memoryview(self._mapped())[offset : offset + size]))
        _write(sink, table)
        sink.close()
        return offset, size

    def fill(self, key: str, block: Block, names: Sequence[str]) -> Place:
        """Where these columns of the block are now, behind its rows; what is there already stays."""
        order = list(block.columns)
        n, all_rows = block.rows.size, block.columns[order[0]].size
        size = 8 * (n + all_rows * len(order))
        offset = self._place(key, size)
        room = memoryview(self._mapped())[offset : offset + size]
        here = (offset, order, all_rows)
        was, rows, held = self._held.get(key, ((), None, {}))
        if was != here or rows is not block.rows:
            np.copyto(np.frombuffer(room, np.int64, n), block.rows)
            held = {}
        values = np.frombuffer(room, np.float64, offset=8 * n).reshape(len(order), all_rows)
        places = {name: i for i, name in enumerate(order)}
        wrote = [name for name in names if held.get(name) is not block.columns[name]]
        for name in wrote:
            values[places[name]] = held[name] = block.columns[name]
        self._held[key] = (here, block.rows, held)
        return Place(
            key, offset, size, names=tuple(names), at=tuple(places[name] for name in names), total=len(order),
            rows=n, wrote=tuple(wrote),
        )  # fmt: skip

    def clear(self) -> None:
        """Nobody reads any more: begin anew."""
        self._places.clear()
        self._held.clear()
        self._next = 0

    def close(self) -> None:
        """Let go of the memory."""
        self._map = None
        os.close(self.handle)

    def _place(self, key: str, size: int) -> int:
        offset, room = self._places.get(key, (0, 0))
        if size > room:
            offset, room = self._next, (size + size // 4 + PAGE) // PAGE * PAGE
            self._next += room
            self._places[key] = (offset, room)
        return offset

    def _mapped(self) -> mmap.mmap:
        if self._next > self._size or self._map is None:
            self._size = max(FIRST, self._next + self._next // 2)
            os.ftruncate(self.handle, self._size)
            # The old map lives as long as something refers to it.
            self._map = mmap.mmap(self.handle, self._size)
        return self._map


class Shelf:
    """The other side: reads what was put."""

    def __init__(self, handle: int) -> None:
        self._handle, self._map = handle, b""

    def get(self, offset: int, size: int) -> pa.Table:
        """The table at a place; valid until its key is put again."""
        import pyarrow as pa

        return pa.ipc.open_stream(pa.py_buffer(self._bytes(offset, size))).read_all()

    def block(self, place: Place) -> tuple[NDArray[np.int64], dict[str, F64]]:
        """Which rows, and the columns of a block; valid until its key is filled again."""
        room = self._bytes(place.offset, place.size)
        values: Any = np.frombuffer(room, np.float64, offset=8 * place.rows).reshape(place.total, -1)
        columns = {name: values[at] for name, at in zip(place.names, place.at, strict=True)}
        return np.frombuffer(room, np.int64, place.rows), columns

    def _bytes(self, offset: int, size: int) -> memoryview:
        if offset + size > len(self._map):
            self._map = mmap.mmap(self._handle, 0, prot=mmap.PROT_READ)  # type: ignore[assignment]
        return memoryview(self._map)[offset : offset + size]


def _write(sink: object, table: pa.Table) -> None:
    import pyarrow as pa

    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
