"""Topics that are not tables: trades, candles, liquidations, a book, the status."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from crosstape.api.codec import Cell, Head, Schema, schema_of
from crosstape.api.message import Message, said
from crosstape.api.tables import Record, flag_names
from crosstape.api.topic import Grouped
from crosstape.engine.view import BookCopy, View
from crosstape.model.event import AnyEvent, Levels

PATIENCE = 5
MOST_WAITING = 5_000
Pick = Callable[[View, int, AnyEvent], Record | None]


class EventTopic:
    """Events as they come; full between two batches = the oldest go, counted."""

    events = True
    books: tuple[int, ...] = ()

    def __init__(
        self, row: int | None, pick: Pick, known: Sequence[Record], n: int, columns: Sequence[tuple[str, str]]
    ) -> None:
        self._row, self._pick, self.n = row, pick, n
        self.schema = Schema(0, tuple(Cell(name, unit, "json") for name, unit in columns))
        self._told: deque[Record] = deque(known, maxlen=n)
        self._waiting: deque[Record] = deque(maxlen=MOST_WAITING)
        self._batch: list[Record] = []

    def step(self, view: View, due: bool, grouped: Grouped) -> int:
        """Collect; close a batch when due."""
        for row, event in grouped.of(self._row):
            record = self._pick(view, row, event)
            if record is not None:
                self._waiting.append(record)
        if not due:
            return 0
        self._batch = list(self._waiting)
        self._waiting.clear()
        self._told.extend(self._batch)
        return len(self._batch)

    def delta(self, head: Head) -> tuple[Message, ...]:
        """New ones, oldest first."""
        return (said(_start("delta", head) | {"rows": self._batch}),)

    def snapshot(self, head: Head) -> tuple[Message, ...] | None:
        """The newest n, oldest first."""
        return (said(_start("snapshot", head) | {"rows": list(self._told)}),)


class BookTopic:
    """One book; while it is not synced there are no levels."""

    events = False
    schema = schema_of((("price", "price"), ("size", "base")))

    def __init__(self, instrument: str, row: int, n: int, mode_flag: int) -> None:
        self._id, self._row, self.n, self._mode_flag = instrument, row, n, mode_flag
        self._sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
        self._state: Record | None = None
        self._changes: tuple[Levels, Levels] = ([], [])
        self._whole = False
        self._waited = 0

    @property
    def books(self) -> tuple[int, ...]:
        """Its own."""
        return (self._row,)

    def step(self, view: View, due: bool, grouped: Grouped) -> int:
        """Levels that differ from what was told."""
        if not due:
            return 0
        mine = view.rows.index.get(self._id) == self._row
        copy = view.books.get(self._row) if mine else None
        if copy is None:
            self._waited += 1
            if self._state is None and self._waited < PATIENCE:
                return 0
            copy = BookCopy(view.ts, False, [], [], 0)
        flags = (int(view.quality[self._row]) if mine else 0) | self._mode_flag
        state: Record = {"synced": copy.synced, "last": copy.last, "quality": flag_names(flags)}
        levels = (copy.bids[: self.n], copy.asks[: self.n]) if copy.synced else ([], [])
        sides = (dict(levels[0]), dict(levels[1]))
        self._whole = self._state is None or self._state["synced"] != copy.synced
        self._changes = (_changed(self._sides[0], sides[0]), _changed(self._sides[1], sides[1]))
        count = len(self._changes[0]) + len(self._changes[1]) + (state != self._state)
        self._sides, self._state = sides, state
        return count

    def delta(self, head: Head) -> tuple[Message, ...]:
        """Changed levels, 0 removes; the whole book when it lost or found its place."""
        if self._whole:
            return self.snapshot(head) or ()
        bids, asks = self._changes
        return (said(_start("delta", head) | (self._state or {}) | {"bids": bids, "asks": asks}),)

    def snapshot(self, head: Head) -> tuple[Message, ...] | None:
        """All levels, best first."""
        if self._state is None:
            return None
        bids, asks = (list(side.items()) for side in self._sides)
        return (said(_start("snapshot", head) | self._state | {"bids": bids, "asks": asks}),)


class RecordTopic:
    """One record, once a second: the body of `/status`, of `/overview`; `name` is its key in the messages."""

    events = False
    books: tuple[int, ...] = ()
    schema = schema_of(())
    n = 1

    def __init__(self, name: str, make: Callable[[View], Record]) -> None:
        self._name, self._make = name, make
        self._record: Record = {}
        self._second = 0

    def step(self, view: View, due: bool, grouped: Grouped) -> int:
        """Once a second."""
        second = view.ts // 1_000_000_000
        if not due or second == self._second:
            return 0
        self._second = second
        self._record = self._make(view)
        return 1

    def delta(self, head: Head) -> tuple[Message, ...]:
        """All of it."""
        return self.snapshot(head)

    def snapshot(self, head: Head) -> tuple[Message, ...]:
        """All of it."""
        return (said(_start("snapshot", head) | {self._name: self._record}),)


class ChangingTopic(RecordTopic):
    """One record, at once when what it is made of has changed, and every second."""

    def __init__(self, name: str, of: Callable[[View], Any], make: Callable[[View], Record]) -> None:
        super().__init__(name, make)
        self._of, self._seen = of, None

    def step(self, view: View, due: bool, grouped: Grouped) -> int:
        """Whether it changed since the last batch, or a second began."""
        if not due:
            return 0
        found = self._of(view)
        if found != self._seen:
            self._second = 0
        self._seen = found
        return super().step(view, due, grouped)


def _start(kind: str, head: Head) -> dict[str, Any]:
    return {"kind": kind, "topic": head.topic, "seq": head.seq, "ts_ms": head.ts_ms}


def _changed(old: dict[float, float], new: dict[float, float]) -> Levels:
    changes = [(price, size) for price, size in new.items() if old.get(price) != size]
    return changes + [(price, 0.0) for price in old if price not in new]
