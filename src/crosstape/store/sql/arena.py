"""Memory that crosstape writes and the process of queries reads: tables go over without a copy through a pipe."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

FIRST = 16 << 20
PAGE = 4096


class Arena:
    """Each table has a place by its name. It is written while no query runs; a place that is too small is left."""

    def __init__(self) -> None:
        self.handle = os.memfd_create("crosstape-sql", os.MFD_CLOEXEC)
        self._size = 0
        self._next = 0
        self._places: dict[str, tuple[int, int]] = {}
        self._map: mmap.mmap | None = None

    def put(self, name: str, table: pa.Table) -> tuple[int, int]:
        """Where the table's Arrow stream is now: offset and size."""
        import pyarrow as pa

        measured = pa.MockOutputStream()
        _write(measured, table)
        size = measured.size()
        offset, room = self._places.get(name, (0, 0))
        if size > room:
            offset, room = self._next, (size + size // 4 + PAGE) // PAGE * PAGE
            self._next += room
            self._places[name] = (offset, room)
        sink = pa.FixedSizeBufferWriter(pa.py_buffer(memoryview(self._mapped())[offset : offset + room]))
        _write(sink, table)
        sink.close()
        return offset, size

    def clear(self) -> None:
        """Nobody reads any more: begin anew."""
        self._places.clear()
        self._next = 0

    def close(self) -> None:
        """Let go of the memory."""
        self._map = None
        os.close(self.handle)

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
        """The table at a place; valid until its name is put again."""
        import pyarrow as pa

        if offset + size > len(self._map):
            self._map = mmap.mmap(self._handle, 0, prot=mmap.PROT_READ)  # type: ignore[assignment]
        return pa.ipc.open_stream(pa.py_buffer(memoryview(self._map)[offset : offset + size])).read_all()


def _write(sink: object, table: pa.Table) -> None:
    import pyarrow as pa

    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
