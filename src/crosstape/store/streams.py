"""Streams: named sets of what was imported, fetched or pushed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, case, delete, insert, select, update

from crosstape.model.errors import ConfigError
from crosstape.store.database import Database
from crosstape.store.records import Stream, StreamKind, StreamSource
from crosstape.store.tables_user import STREAMS

LONGEST = 200


class Streams:
    """One row a stream. Methods may wait for the database; StoreError when it does not answer."""

    def __init__(self, database: Database, now: Callable[[], int]) -> None:
        self._database, self._now = database, now

    def add(self, name: str, source: StreamSource, kind: StreamKind, symbol: str = "", origin: str = "") -> Stream:
        """The stream of that name, made when there is none; ConfigError when it holds something else."""
        if not 0 < len(name) <= LONGEST:
            raise ConfigError(f"name: a stream's has 1 to {LONGEST} characters, not {len(name)}")
        for field, value, allowed in (
            ("source", source, get_args(StreamSource)),
            ("kind", kind, get_args(StreamKind)),
        ):
            if value not in allowed:
                raise ConfigError(f"{field}: {value!r}; allowed: {', '.join(allowed)}")
        now = self._now()
        row = Stream(0, name, source, kind, symbol, origin[-500:], created_ts=now, updated_ts=now)
        return self._database.write(lambda c: _added(c, row))

    def all(self) -> list[Stream]:
        """Every stream, oldest first."""
        return self._database.read(lambda c: [Stream(*row) for row in c.execute(_shown().order_by(STREAMS.c.id))])

    def get(self, id: int) -> Stream | None:
        """None when there is none."""
        return self._database.read(lambda c: _one(c, STREAMS.c.id == id))

    def named(self, name: str) -> Stream | None:
        """None when there is none."""
        return self._database.read(lambda c: _one(c, STREAMS.c.name == name))

    def grow(self, id: int, count: int, from_ts: int, to_ts: int) -> None:
        """Rows of it came, between those times; `count` of them were not in the history yet."""
        self._database.write(lambda c: grown(c, id, count, from_ts, to_ts, self._now()))

    def delete(self, id: int) -> bool:
        """The stream and its executions; False when there is none. Its history is the caller's to delete."""
        return self._database.write(lambda c: c.execute(delete(STREAMS).where(STREAMS.c.id == id)).rowcount) == 1


def grown(connection: Connection, id: int, count: int, from_ts: int, to_ts: int, now: int) -> None:
    """Counts, and stretches over all rows that came, also those that were there already: whoever takes rows of
    another stream away must know of them."""
    if count <= 0 and not 0 < from_ts <= to_ts:
        return
    empty = STREAMS.c.to_ts == 0
    earlier, later = empty | (STREAMS.c.from_ts > from_ts), empty | (STREAMS.c.to_ts < to_ts)
    values = {
        "count": STREAMS.c.count + max(count, 0),
        "from_ts": case((earlier, from_ts), else_=STREAMS.c.from_ts),
        "to_ts": case((later, to_ts), else_=STREAMS.c.to_ts),
        "updated_ts": now,
    }
    connection.execute(update(STREAMS).where(STREAMS.c.id == id).values(values))


def _added(connection: Connection, row: Stream) -> Stream:
    found = _one(connection, STREAMS.c.name == row.name)
    if found is None:
        values = {field: value for field, value in msgspec.structs.asdict(row).items() if field != "id"}
        key = connection.execute(insert(STREAMS), values).inserted_primary_key
        return msgspec.structs.replace(row, id=key[0] if key else 0)
    if (found.source, found.kind) != (row.source, row.kind):
        raise ConfigError(
            f"name: the stream {row.name!r} holds {found.kind} from {found.source}; choose another name"
        )
    return found


def _shown() -> Select[Any]:
    return select(*(STREAMS.c[field] for field in Stream.__struct_fields__))


def _one(connection: Connection, condition: ColumnElement[bool]) -> Stream | None:
    row = connection.execute(_shown().where(condition)).one_or_none()
    return None if row is None else Stream(*row)
