"""The audit log: who wrote what, when, from where, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from crosstape.model.access import Written
from crosstape.store.database import Database
from crosstape.store.tables import AUDIT_LOG

MOST = 1_000_000
FIELDS = Written.__struct_fields__


class Audit:
    """The newest MOST entries; nothing of ours changes one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, rows: Sequence[Written]) -> None:
        """Append, in one transaction; the oldest beyond MOST go."""
        if rows:
            values = [_cut(msgspec.structs.asdict(row)) for row in rows]
            self._database.write(lambda c: _append(c, values))

    def newest(self, since: int = 0, until: int = 0, who: str = "", limit: int = 100) -> list[Written]:
        """Newest first, those in [since, until); 0 and "" = all."""
        query = select(*(AUDIT_LOG.c[field] for field in FIELDS)).where(AUDIT_LOG.c.ts >= since)
        if until:
            query = query.where(AUDIT_LOG.c.ts < until)
        if who:
            query = query.where(AUDIT_LOG.c.who == who)
        query = query.order_by(AUDIT_LOG.c.ts.desc(), AUDIT_LOG.c.id.desc()).limit(limit)
        return self._database.read(lambda c: [Written(*row) for row in c.execute(query)])


def _append(connection: Connection, values: list[dict[str, Any]]) -> None:
    connection.execute(insert(AUDIT_LOG), values)
    newest = connection.execute(select(func.max(AUDIT_LOG.c.id))).scalar_one()
    connection.execute(delete(AUDIT_LOG).where(AUDIT_LOG.c.id <= newest - MOST))


def _cut(row: dict[str, Any]) -> dict[str, Any]:
    """To the columns' lengths: PostgreSQL refuses what is longer, and no zero byte."""
    lengths = {"who": 200, "role": 16, "address": 64, "action": 16, "target": 500, "outcome": 200}
    return row | {field: str(row[field]).replace("\0", "")[:most] for field, most in lengths.items()}
