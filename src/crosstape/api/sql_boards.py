"""Boards that users wrote as a SELECT: run once a second while somebody looks, shown like the built-in ones."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from crosstape.api.errors import ApiError, bad, unknown
from crosstape.api.hub import Hub
from crosstape.api.ports_sql import Queries, SavedBoards
from crosstape.api.tables import Record
from crosstape.boards.catalogue import BOARDS
from crosstape.engine.view import Rows, View
from crosstape.model.errors import ConfigError, QueryError, StoreError
from crosstape.model.quality import Quality

F64 = NDArray[np.float64]
EVERY_S = 1.0
LOOKED_AT_S = 15.0
# A board that was too slow or too large is not asked again for so long.
REST_S = 30.0
MOST_ROWS = 1_000
NAME = re.compile(r"[A-Za-z0-9][\w-]{0,59}")
NAMES = "letters, digits, _ and -, at most 60, and no built-in board's name"
NOT_NUMBERS = frozenset({"id", "rank", "ts", "quality"})


class Found(msgspec.Struct, frozen=True):
    """What a board's SELECT gave: ids in its order, and its numeric columns beside them."""

    ids: tuple[str, ...]
    columns: Mapping[str, F64]


class SqlBoard:
    """One board and what it gave last. `error` says why the last try failed; the rows are then older ones."""

    def __init__(self, name: str, sql: str, owner: str, updated_ts: int) -> None:
        self.name, self.sql, self.owner, self.updated_ts = name, sql, owner, updated_ts
        self.found = Found((), {})
        self.error = ""
        self.looked_at = self.rests_until = 0.0
        self._placed: tuple[Found, Rows, NDArray[np.intp], dict[str, F64]] | None = None

    def place(self, view: View) -> tuple[NDArray[np.intp], dict[str, F64]]:
        """Rows of the view in the board's order, and its columns over all rows; what is not listed is left out."""
        self.looked_at = time.monotonic()
        if self._placed is not None and self._placed[0] is self.found and self._placed[1] is view.rows:
            return self._placed[2], self._placed[3]
        index, size = view.rows.index, view.quality.size
        listed = [(i, row) for i, one in enumerate(self.found.ids) if (row := index.get(one, -1)) >= 0]
        rows = np.array([row for _, row in listed], np.intp)
        columns = {}
        for name, values in self.found.columns.items():
            columns[name] = np.full(size, np.nan)
            columns[name][rows] = values[[i for i, _ in listed]]
        self._placed = (self.found, view.rows, rows, columns)
        return rows, columns

    def quality(self, view: View) -> NDArray[np.uint32]:
        """The view's; rows of a board that fails now are stale."""
        return view.quality | np.uint32(Quality.STALE.value) if self.error else view.quality

    def about(self) -> Record:
        """As the catalogue of boards has it."""
        fields = tuple(self.found.columns)
        return {"name": self.name, "title": self.name, "column": fields[0] if fields else "", "unit": "",
                "ascending": False, "min_turnover_usd": 0.0, "refuses": (), "fields": fields,
                "top": max(len(self.found.ids), 1), "sql": self.sql, "error": self.error}  # fmt: skip


class SqlBoards:
    """All of them. Changed and read on the loop; the ledger and the queries are asked in threads."""

    def __init__(self, hub: Hub, queries: Queries, saved: SavedBoards) -> None:
        self._hub, self._queries, self._saved = hub, queries, saved
        self._boards: dict[str, SqlBoard] = {}

    def all(self) -> Sequence[SqlBoard]:
        """By name."""
        return [self._boards[name] for name in sorted(self._boards)]

    def get(self, name: str) -> SqlBoard | None:
        """None when there is none."""
        return self._boards.get(name)

    def named(self, name: str) -> SqlBoard:
        """404 names the nearest."""
        found = self._boards.get(name)
        if found is None:
            raise unknown("SQL board", "name", name, self._boards)
        return found

    async def save(self, name: str, sql: str, owner: str) -> SqlBoard:
        """Keep it if it works: a SELECT with an `id` column and a number. 400 says what is wrong."""
        if not NAME.fullmatch(name) or any(board.name == name for board in BOARDS):
            raise bad("name", f"{name[:60]!r} is no name for a board", NAMES)
        board = SqlBoard(name, sql, owner, time.time_ns())
        try:
            board.found = await asyncio.to_thread(self._ask, sql)
            await asyncio.to_thread(self._saved.save, name, sql, owner)
        except (QueryError, ConfigError) as error:
            raise ApiError(400, "bad_board", str(error), "sql", getattr(error, "allowed", "")) from error
        except StoreError as error:
            raise ApiError(503, "store", "the ledger is unavailable; try again") from error
        board.looked_at = time.monotonic()
        self._boards[name] = board
        return board

    async def delete(self, name: str) -> SqlBoard:
        """What was deleted."""
        board = self.named(name)
        try:
            await asyncio.to_thread(self._saved.delete, name)
        except StoreError as error:
            raise ApiError(503, "store", "the ledger is unavailable; try again") from error
        self._boards.pop(name, None)
        return board

    async def run(self) -> None:
        """Until cancelled."""
        while not await self._load():
            await asyncio.sleep(EVERY_S)
        for board in self.all():
            await self._refresh(board)
        while True:
            began = time.monotonic()
            for board in self.all():
                if began - board.looked_at < LOOKED_AT_S and began >= board.rests_until:
                    await self._refresh(board)
            await asyncio.sleep(max(began + EVERY_S - time.monotonic(), 0.05))

    async def _load(self) -> bool:
        """Whether the ledger answered, and there is a view to run the boards over."""
        if self._hub.view is None:
            return False
        try:
            saved = await asyncio.to_thread(self._saved.all)
        except StoreError:
            return False
        for one in saved:
            self._boards.setdefault(one.name, SqlBoard(one.name, one.sql, one.owner, one.updated_ts))
        return True

    async def _refresh(self, board: SqlBoard) -> None:
        try:
            board.found = await asyncio.to_thread(self._ask, board.sql)
            board.error = ""
        except QueryError as error:
            board.error = str(error)
            if error.kind in ("time", "memory", "size"):
                board.rests_until = time.monotonic() + REST_S
        except StoreError as error:
            board.error = str(error)

    def _ask(self, sql: str) -> Found:
        return found(self._queries.query(sql, MOST_ROWS).table)


def found(table: Any) -> Found:
    """A result as a board; QueryError where it is none."""
    import pyarrow as pa

    if "id" not in table.column_names:
        raise QueryError("sql", "a board's SELECT gives a column named id", "select id, … from live")
    if len(set(table.column_names)) < table.num_columns:
        raise QueryError("sql", "a board's columns have different names")
    ids = tuple(str(one) for one in table["id"].to_pylist())
    if len(set(ids)) < len(ids):
        raise QueryError("sql", "a board's SELECT gives every id once")
    columns = {}
    for field in table.schema:
        kind = field.type
        numeric = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)
        if (numeric or pa.types.is_boolean(kind)) and field.name not in NOT_NUMBERS:
            values = table[field.name].cast(pa.int8()) if pa.types.is_boolean(kind) else table[field.name]
            columns[field.name] = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if not columns:
        raise QueryError("sql", "a board's SELECT gives at least one number beside id")
    return Found(ids, columns)
