"""Own executions: written once however often they come, read by time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select
from sqlalchemy.dialects import postgresql

from crosstape.model.errors import ConfigError
from crosstape.model.event import Side
from crosstape.model.execution import Execution, ExecutionKind, Liquidity, keys_of
from crosstape.model.money import money, written
from crosstape.store.database import Database
from crosstape.store.streams import grown
from crosstape.store.tables_user import EXECUTIONS, STREAMS

BATCH = 20_000
MOST = 100_000
FIELDS = Execution.__struct_fields__
COLUMNS = [column.name for column in EXECUTIONS.columns if column.name != "id"]


class Executions:
    """Rows by stream; unique by (stream, instrument, venue's trade id or the row's own hash)."""

    def __init__(self, database: Database, now: Callable[[], int]) -> None:
        self._database, self._now = database, now

    def put(self, stream: int, rows: Sequence[Execution], seen: Counter[str] | None = None) -> int:
        """Insert what is new, in one transaction; how many were. `seen`: see `keys_of`.

        ConfigError where there is no such stream; MoneyError for an amount that the ledger cannot hold, and then
        nothing of `rows` is kept.
        """
        keyed = list(zip(keys_of(rows, seen), rows, strict=True))
        return self._database.write(lambda c: self._put(c, stream, keyed))

    def page(
        self,
        stream: int = 0,
        instrument: str = "",
        since: int = 0,
        until: int = 0,
        offset: int = 0,
        limit: int = 1_000,
    ) -> list[Execution]:
        """In order of time, those in [since, until); 0 and "" = all. At most MOST rows at once."""
        query = _wanted(stream, instrument, since, until).order_by(EXECUTIONS.c.ts, EXECUTIONS.c.id)
        query = query.offset(offset).limit(min(limit, MOST))
        return self._database.read(lambda c: [_execution(row) for row in c.execute(query)])

    def every(self, stream: int = 0, instrument: str = "", since: int = 0, until: int = 0) -> list[Execution]:
        """All of them in order of time: what the analytics work on."""
        query = _wanted(stream, instrument, since, until).order_by(EXECUTIONS.c.ts, EXECUTIONS.c.id)
        return self._database.read(lambda c: [_execution(row) for row in c.execute(query)])

    def count(self, stream: int = 0, instrument: str = "", since: int = 0, until: int = 0) -> int:
        """How many there are."""
        query = select(func.count()).select_from(_wanted(stream, instrument, since, until).subquery())
        return self._database.read(lambda c: c.execute(query).scalar_one())

    def _put(self, connection: Connection, stream: int, keyed: list[tuple[str, Execution]]) -> int:
        found = connection.execute(select(STREAMS.c.kind).where(STREAMS.c.id == stream)).scalar_one_or_none()
        if found != "executions":
            raise ConfigError(f"stream: {stream} is no stream of executions")
        put = _sqlite if connection.dialect.name == "sqlite" else _postgresql
        new = sum(put(connection, stream, keyed[i : i + BATCH]) for i in range(0, len(keyed), BATCH))
        if new:
            ends = [
                select(end(EXECUTIONS.c.ts)).where(EXECUTIONS.c.stream_id == stream)
                for end in (func.min, func.max)
            ]
            first, last = (connection.execute(end).scalar_one() for end in ends)
            grown(connection, stream, new, first, last, self._now())
        return new


def _sqlite(connection: Connection, stream: int, keyed: list[tuple[str, Execution]]) -> int:
    """By the driver itself: SQLAlchemy's way of many values costs more than SQLite's insert."""
    names, values = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
    statement = f"INSERT INTO {EXECUTIONS.name} ({names}) VALUES ({values}) ON CONFLICT DO NOTHING"
    rows = [_row(stream, key, row, written) for key, row in keyed]
    return connection.exec_driver_sql(statement, rows).rowcount


def _postgresql(connection: Connection, stream: int, keyed: list[tuple[str, Execution]]) -> int:
    """psycopg counts no rows of many statements, so they are asked for."""
    insert = postgresql.insert(EXECUTIONS).on_conflict_do_nothing().returning(EXECUTIONS.c.id)
    rows = [dict(zip(COLUMNS, _row(stream, key, row, money), strict=True)) for key, row in keyed]
    return len(connection.execute(insert, rows).all())


def _row(stream: int, key: str, row: Execution, amount: Callable[[Decimal], Any]) -> tuple[Any, ...]:
    return (
        stream, key, row.ts, row.instrument, int(row.side), amount(row.price), amount(row.size), row.trade_id,
        row.order_id, row.account, amount(row.fee), row.fee_asset, amount(row.fee_rate), str(row.liquidity),
        str(row.kind), row.inverse, amount(row.multiplier),
    )  # fmt: skip


def _wanted(stream: int, instrument: str, since: int, until: int) -> Select[Any]:
    query = select(*(EXECUTIONS.c[field] for field in FIELDS))
    if stream:
        query = query.where(EXECUTIONS.c.stream_id == stream)
    if instrument:
        query = query.where(EXECUTIONS.c.instrument == instrument)
    if since:
        query = query.where(EXECUTIONS.c.ts >= since)
    return query.where(EXECUTIONS.c.ts < until) if until else query


def _execution(row: Row[Any]) -> Execution:
    values = dict(zip(FIELDS, row, strict=True))
    values["side"] = Side(values["side"])
    values["liquidity"] = Liquidity(values["liquidity"])
    values["kind"] = ExecutionKind(values["kind"])
    return Execution(**values)
