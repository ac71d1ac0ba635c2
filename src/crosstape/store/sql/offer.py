"""The tables of a query as the confined process has them: parts in shared memory, Arrow when they are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crosstape.store.sql.arena import Shelf
from crosstape.store.sql.wire import Given, Place

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class Offer:
    """The newest version of each part, and the Arrow arrays made of it so far."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._parts: dict[str, dict[str, Any]] = {}
        self._rows: dict[str, NDArray[np.int64]] = {}
        self._made: dict[str, dict[str, pa.Array]] = {}

    def take(self, given: tuple[Given, ...]) -> None:
        """Read the places of what changed."""
        for table in given:
            for place in table.parts:
                if not place.same:
                    self._parts[place.key] = self._read(place)
                    self._made[place.key] = {}

    def table(self, given: Given, words: frozenset[str] | None) -> pa.Table:
        """Its columns among the words, in their order, and never none: rows can be counted without a name."""
        import pyarrow as pa

        columns = {}
        first = ""
        for place in given.parts:
            for name in self._parts[place.key]:
                first = first or name
                if words is None or name.lower() in words:
                    columns[name] = self._array(place.key, name)
        if not columns:
            columns[first] = self._array(given.parts[0].key, first)
        return pa.table(columns)

    def _array(self, key: str, name: str) -> Any:
        import pyarrow as pa

        made = self._made[key]
        if name not in made:
            column, rows = self._parts[key][name], self._rows.get(key)
            if rows is not None:
                column = pa.array(column[rows], from_pandas=True)
            made[name] = column
        return made[name]

    def _read(self, place: Place) -> dict[str, Any]:
        if place.names:
            self._rows[place.key], columns = self._shelf.block(place)
            return dict(columns)
        table = self._shelf.get(place.offset, place.size)
        return {name: table.column(i) for i, name in enumerate(table.column_names)}
