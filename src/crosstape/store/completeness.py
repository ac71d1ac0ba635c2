"""The completeness ledger: per source and hour, what came and what was lost."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select

from crosstape.model.completeness import Completeness
from crosstape.store.database import Database
from crosstape.store.tables import COMPLETENESS
from crosstape.store.upsert import upsert


class CompletenessTable:
    """Rows by source and hour; the running hour is put again as it grows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, rows: Sequence[Completeness]) -> None:
        """Insert or replace."""
        plain = [msgspec.structs.asdict(row) for row in rows]
        self._database.write(lambda c: upsert(c, COMPLETENESS, plain))

    def between(self, source: str, since: int, until: int) -> list[Completeness]:
        """Hours that begin in [since, until), in order; "" = every source."""
        query = select(COMPLETENESS).where(COMPLETENESS.c.hour >= since, COMPLETENESS.c.hour < until)
        if source:
            query = query.where(COMPLETENESS.c.source == source)
        query = query.order_by(COMPLETENESS.c.hour, COMPLETENESS.c.source)
        rows = self._database.read(lambda c: c.execute(query).mappings().all())
        return [Completeness(**row) for row in rows]
