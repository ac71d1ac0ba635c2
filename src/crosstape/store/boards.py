"""Boards that users wrote as a SELECT, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from crosstape.model.errors import ConfigError
from crosstape.store.database import Database
from crosstape.store.records import SavedBoard
from crosstape.store.tables_user import SAVED_BOARDS

MOST_BOARDS = 1_000
LONGEST_NAME = 100
LONGEST_SQL = 20_000


class SavedBoards:
    """At most MOST_BOARDS; whether the text is a SELECT is not known here."""

    def __init__(self, database: Database, now: Callable[[], int]) -> None:
        self._database, self._now = database, now

    def save(self, name: str, sql: str, owner: str) -> SavedBoard:
        """Make it or replace its text; who made it stays its owner."""
        for field, text, most in (("name", name, LONGEST_NAME), ("sql", sql, LONGEST_SQL)):
            if not 0 < len(text) <= most:
                raise ConfigError(f"{field}: a saved board's has 1 to {most} characters, not {len(text)}")
        now = self._now()
        return self._database.write(lambda c: _saved(c, SavedBoard(name, sql, owner, now, now)))

    def all(self) -> list[SavedBoard]:
        """By name."""
        query = _shown().order_by(SAVED_BOARDS.c.name)
        return self._database.read(lambda c: [SavedBoard(*row) for row in c.execute(query)])

    def get(self, name: str) -> SavedBoard | None:
        """None when there is none."""
        return self._database.read(lambda c: _one(c, name))

    def delete(self, name: str) -> bool:
        """False when there is none."""
        query = delete(SAVED_BOARDS).where(SAVED_BOARDS.c.name == name)
        return self._database.write(lambda c: c.execute(query).rowcount) == 1


def _saved(connection: Connection, board: SavedBoard) -> SavedBoard:
    known = _one(connection, board.name)
    if known is not None:
        values = {"sql": board.sql, "updated_ts": board.updated_ts}
        connection.execute(update(SAVED_BOARDS).where(SAVED_BOARDS.c.name == board.name).values(values))
        return SavedBoard(board.name, board.sql, known.owner, known.created_ts, board.updated_ts)
    if connection.execute(select(func.count()).select_from(SAVED_BOARDS)).scalar_one() >= MOST_BOARDS:
        raise ConfigError(f"there are {MOST_BOARDS} saved boards already: delete some")
    row = {field: getattr(board, field) for field in SavedBoard.__struct_fields__}
    connection.execute(insert(SAVED_BOARDS), row)
    return board


def _shown() -> Select[Any]:
    return select(*(SAVED_BOARDS.c[field] for field in SavedBoard.__struct_fields__))


def _one(connection: Connection, name: str) -> SavedBoard | None:
    row = connection.execute(_shown().where(SAVED_BOARDS.c.name == name)).one_or_none()
    return None if row is None else SavedBoard(*row)
