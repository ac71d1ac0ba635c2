"""The tables of a query as the confined process has them: parts in shared memory, Arrow when they are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crosstape.store.sql.arena import Shelf
from crosstape.store.sql.wire import Given

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
        for place in (place for table in given for place in table.parts):
            if place.names:
                self._rows[place.key], columns = self._shelf.block(place)
                self._parts[place.key] = dict(columns)
                made = self._made.setdefault(place.key, {})
                for name in place.wrote:
                    made.pop(name, None)
            elif not place.same:
                table = self._shelf.get(place.offset, place.size)
                self._parts[place.key] = dict(zip(table.column_names, table.columns, strict=True))
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
