"""What a subscription holds: snapshots and deltas put together, and the values handed out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from crosstape.client.dataframes import to_pandas, to_polars
from crosstape.client.results import Book, Row
from crosstape.model import columns as wire
from crosstape.model.quality import names

if TYPE_CHECKING:
    import pandas
    import polars

T = TypeVar("T")
MOST_EVENTS = 10_000


class Table(msgspec.Struct, frozen=True):
    """A table as of `seq`, in the topic's order: `ids` and every array have one entry a row; NaN = not known."""

    topic: str
    seq: int
    ts_ms: float
    ids: tuple[str, ...]
    columns: Mapping[str, NDArray[np.floating[Any]]]
    units: Mapping[str, str]
    quality: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.ids)

    def flags(self, i: int) -> list[str]:
        """Names of the i-th row's quality flags."""
        return names(int(self.quality[i]))

    def rows(self) -> Iterator[Row]:
        """As records: id, quality, then the columns."""
        lists = {name: values.tolist() for name, values in self.columns.items()}
        for i, name in enumerate(self.ids):
            known = {key: None if values[i] != values[i] else values[i] for key, values in lists.items()}
            yield {"id": name, "quality": self.flags(i), **known}

    def polars(self) -> polars.DataFrame:
        """As a polars DataFrame."""
        return to_polars(list(self.rows()))

    def pandas(self) -> pandas.DataFrame:
        """As a pandas DataFrame."""
        return to_pandas(list(self.rows()))


class Events(msgspec.Struct, Generic[T], frozen=True):
    """What happened since the last ones, oldest first; `snapshot`: the newest so far, instead of what was told.

    dropped   how many were lost on the way, because the server or the reader was too slow
    """

    topic: str
    seq: int
    ts_ms: float
    rows: tuple[T, ...]
    snapshot: bool = False
    dropped: int = 0


class Merging(Protocol):
    """Puts messages together. `seq` is that of the last one taken, -1 before the first."""

    seq: int

    def acknowledged(self, ack: Row) -> None:
        """The server has accepted the subscription."""
        ...

    def take(self, said: Row) -> bool:
        """A JSON message; False where one before it is missing."""
        ...

    def take_frame(self, frame: bytes) -> bool:
        """A binary message."""
        ...

    def value(self) -> Any:
        """What is handed out now."""
        ...


def _follows(seq: int, said: Row) -> bool:
    return bool(said["kind"] != "delta" or said["seq"] == (seq + 1) & 0xFFFFFFFF)


class TableState:
    """A table by position, from binary columns."""

    def __init__(self, topic: str) -> None:
        self.seq, self.ts_ms = -1, 0.0
        self._topic = topic
        self._schema = wire.Schema(0, ())
        self._names: dict[int, str] = {}
        self._ranks = np.zeros(0, np.uint32)
        self._quality = np.zeros(0, np.uint32)
        self._columns: dict[str, NDArray[Any]] = {}

    def acknowledged(self, ack: Row) -> None:
        """Other columns: what is held means nothing now."""
        schema = wire.Schema(ack["schema"], msgspec.convert(ack["columns"], tuple[wire.Cell, ...]))
        if schema != self._schema:
            self._schema, self.seq = schema, -1
            self._clear()

    def _clear(self) -> None:
        self._ranks, self._quality = np.zeros(0, np.uint32), np.zeros(0, np.uint32)
        self._columns = {
            cell.name: np.zeros(0, np.float64 if cell.type == "f64" else np.float32)
            for cell in self._schema.columns
        }

    def take(self, said: Row) -> bool:
        """Names of rows that the next frame uses."""
        if said["kind"] == "names":
            self._names.update({int(row): name for row, name in said["names"].items()})
        return True

    def take_frame(self, frame: bytes) -> bool:
        """Rows that changed, or all."""
        table = wire.decode(frame, self._schema)
        if table.kind == wire.DELTA and table.seq != (self.seq + 1) & 0xFFFFFFFF:
            return False
        if table.kind == wire.SNAPSHOT:
            self._clear()
        rows = table.rows.astype(np.intp)
        self._fit(int(rows.max()) + 1 if rows.size else 0)
        self._ranks[rows], self._quality[rows] = table.ranks, table.quality
        for name, values in table.columns.items():
            self._columns[name][rows] = values
        self.seq, self.ts_ms = table.seq, table.ts_ms
        return True

    def _fit(self, size: int) -> None:
        more = size - self._ranks.size
        if more > 0:
            self._ranks = np.concatenate([self._ranks, np.full(more, wire.GONE, np.uint32)])
            self._quality = np.concatenate([self._quality, np.zeros(more, np.uint32)])
            self._columns = {
                name: np.concatenate([v, np.full(more, np.nan, v.dtype)]) for name, v in self._columns.items()
            }

    def value(self) -> Table:
        """Copies, in order."""
        present = np.flatnonzero(self._ranks != wire.GONE)
        rows = present[np.argsort(self._ranks[present], kind="stable")]
        ids = tuple([self._names.get(row, "?") for row in rows.tolist()])
        columns = {name: values[rows] for name, values in self._columns.items()}
        units = {cell.name: cell.unit for cell in self._schema.columns}
        return Table(self._topic, self.seq, self.ts_ms, ids, columns, units, self._quality[rows])


class EventState(Generic[T]):
    """Events that wait for the reader; full = the oldest go, counted."""

    def __init__(self, topic: str, kind: type[T]) -> None:
        self.seq, self.ts_ms = -1, 0.0
        self._topic, self._kind = topic, kind
        self._waiting: deque[T] = deque()
        self._snapshot, self._dropped = False, 0

    def acknowledged(self, ack: Row) -> None:
        """Nothing to learn."""

    def take(self, said: Row) -> bool:
        """New events, or all the server keeps."""
        if said["kind"] == "dropped":
            self._dropped += said["dropped"]
            self.seq = -1
            return True
        if self.seq >= 0 and not _follows(self.seq, said):
            return False
        if said["kind"] == "snapshot":
            self._waiting.clear()
            self._snapshot = True
        self._waiting.extend(msgspec.convert(said["rows"], list[self._kind]))  # type: ignore[name-defined]
        self.seq, self.ts_ms = said["seq"], said["ts_ms"]
        while len(self._waiting) > MOST_EVENTS:
            self._waiting.popleft()
            self._dropped += 1
        return True

    def take_frame(self, frame: bytes) -> bool:
        """Events never come as columns."""
        return True

    def value(self) -> Events[T]:
        """What waited."""
        told = Events(self._topic, self.seq, self.ts_ms, tuple(self._waiting), self._snapshot, self._dropped)
        self._waiting.clear()
        self._snapshot, self._dropped = False, 0
        return told


class BookState:
    """A book from whole sides and changed levels."""

    def __init__(self, topic: str) -> None:
        self.seq = -1
        self._id = topic.partition(":")[2]
        self._sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
        self._last: Row = {}

    def acknowledged(self, ack: Row) -> None:
        """Nothing to learn."""

    def take(self, said: Row) -> bool:
        """Levels; a size of 0 takes one out."""
        if not _follows(self.seq, said):
            return False
        if said["kind"] == "snapshot":
            self._sides = ({}, {})
        for side, levels in zip(self._sides, (said["bids"], said["asks"]), strict=True):
            for price, size in levels:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        self.seq, self._last = said["seq"], said
        return True

    def take_frame(self, frame: bytes) -> bool:
        """A book never comes as columns."""
        return True

    def value(self) -> Book:
        """Sorted, best first."""
        said, (bids, asks) = self._last, self._sides
        return Book(
            ts_ms=said["ts_ms"], id=self._id, quality=tuple(said["quality"]), synced=said["synced"],
            last=said["last"], bids=tuple(sorted(bids.items(), reverse=True)), asks=tuple(sorted(asks.items())),
        )  # fmt: skip


class RecordState(Generic[T]):
    """The newest body of a topic that is one record; it lies in the message below `field`."""

    def __init__(self, field: str, kind: type[T]) -> None:
        self.seq = -1
        self._field, self._kind = field, kind
        self._last: Row = {}

    def acknowledged(self, ack: Row) -> None:
        """Nothing to learn."""

    def take(self, said: Row) -> bool:
        """Replaces what was."""
        self.seq, self._last = said["seq"], said
        return True

    def take_frame(self, frame: bytes) -> bool:
        """A record never comes as columns."""
        return True

    def value(self) -> T:
        """Typed."""
        return msgspec.convert({"ts_ms": self._last["ts_ms"], **self._last[self._field]}, self._kind)
