"""What a grid shows: a table in an order that holds for a second, filtered and sorted here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from rich.style import Style

from crosstape.client.merged import Table
from crosstape.tui.formats import shown, width
from crosstape.tui.palette import BADGE, DIM, FOCUS, PLAIN
from crosstape.tui.quality import badges, doubtful

Cell = tuple[str, Style]
HOLD_S = 1.0


class Head(NamedTuple):
    """A column of a grid: text stands left, numbers right."""

    title: str
    width: int
    left: bool = False


class Rows(Protocol):
    """What a grid asks."""

    heads: Sequence[Head]

    def __len__(self) -> int: ...

    def key(self, i: int) -> str:
        """What row i is about."""
        ...

    def find(self, key: str) -> int:
        """The row about that; -1 where there is none."""
        ...

    def cells(self, i: int) -> Sequence[Cell]:
        """Row i, a cell a head."""
        ...


class Listing:
    """Fixed rows of text."""

    def __init__(self, heads: Sequence[Head], rows: Sequence[tuple[str, Sequence[Cell]]] = ()) -> None:
        self.heads, self._rows = heads, rows

    def __len__(self) -> int:
        return len(self._rows)

    def key(self, i: int) -> str:
        """As given."""
        return self._rows[i][0]

    def find(self, key: str) -> int:
        """By its key."""
        return next((i for i, row in enumerate(self._rows) if row[0] == key), -1)

    def cells(self, i: int) -> Sequence[Cell]:
        """As given."""
        return self._rows[i][1]


class TableRows:
    """A live table.

    sort   a column, "" = the topic's own order
    only   words: rows without them in their id are left out
    """

    def __init__(self, first: str = "market", names: int = 26) -> None:
        self.table: Table | None = None
        self.sort, self.descending, self.only = "", True, ""
        self.favourites: frozenset[str] = frozenset()
        self.heads: Sequence[Head] = ()
        self._first, self._names = first, names
        self._order: list[int] = []
        self._places: dict[str, int] = {}
        self._asked: tuple[object, ...] = ()
        self._held = float("-inf")

    def take(self, table: Table, now: float) -> None:
        """A newer table. Its order is taken once a second: rows that jump cannot be read."""
        asked = (self.sort, self.descending, self.only, tuple(table.columns), self.favourites)
        before = self.table
        if asked == self._asked and before is not None and now - self._held < HOLD_S:
            places = {name: i for i, name in enumerate(table.ids)}
            held = [places[before.ids[i]] for i in self._order if before.ids[i] in places]
            if len(held) == len(self._order) and len(table) == len(before):
                self.table, self._order = table, held
                return
        self.table, self._asked, self._held = table, asked, now
        self._order = self._ordered(table)
        self._places = {table.ids[i]: place for place, i in enumerate(self._order)}
        columns = (Head(self._title(name), max(width(table.units.get(name, "")), min(len(name) + 1, 18)))
                   for name in table.columns)  # fmt: skip
        self.heads = (Head("#", 4), Head(self._first, self._names, True), *columns, Head("quality", 18, True))

    def _title(self, name: str) -> str:
        return name if name != self.sort else name + ("↓" if self.descending else "↑")

    def sort_next(self) -> None:
        """By the next column, and after the last by the topic's own order again."""
        columns = ["", *(self.table.columns if self.table is not None else ())]
        here = columns.index(self.sort) if self.sort in columns else 0
        self.sort = columns[(here + 1) % len(columns)]

    def _ordered(self, table: Table) -> list[int]:
        rows = np.arange(len(table))
        if self.sort in table.columns:
            values = table.columns[self.sort]
            rows = np.argsort(-values if self.descending else values, kind="stable")
        words = self.only.lower().split()
        picked: list[int] = rows.tolist()
        if words:
            picked = [i for i in picked if all(word in table.ids[i].lower() for word in words)]
        starred = [i for i in picked if table.ids[i] in self.favourites]
        return starred + [i for i in picked if table.ids[i] not in self.favourites] if starred else picked

    def __len__(self) -> int:
        return len(self._order)

    def key(self, i: int) -> str:
        """The instrument's id, or the asset's."""
        assert self.table is not None, "there are rows"
        return self.table.ids[self._order[i]]

    def find(self, key: str) -> int:
        """Its place."""
        return self._places.get(key, -1)

    def cells(self, i: int) -> Sequence[Cell]:
        """Place, name, columns, badges; dim where the row is doubtful."""
        table = self.table
        assert table is not None, "there are rows"
        row = self._order[i]
        flags, name = int(table.quality[row]), table.ids[row]
        dim = doubtful(flags)
        found: list[Cell] = [
            (str(i + 1), DIM),
            (f"★ {name}", FOCUS) if name in self.favourites else (name, DIM if dim else PLAIN),
        ]
        for column, values in table.columns.items():
            text, style = shown(float(values[row]), table.units.get(column, ""))
            found.append((text, DIM if dim else style))
        found.append((badges(flags), BADGE))
        return found
