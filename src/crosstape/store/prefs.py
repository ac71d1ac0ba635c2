"""What each user chose: layouts, columns, theme."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from crosstape.store.database import Database
from crosstape.store.tables import PREFS
from crosstape.store.upsert import upsert


class Prefs:
    """One JSON object a user."""

    def __init__(self, database: Database, now: Callable[[], int]) -> None:
        self._database, self._now = database, now

    def get(self, user: str) -> dict[str, Any]:
        """What was put last; {} for an unknown user."""
        query = select(PREFS.c.entries).where(PREFS.c.user == user)
        found: dict[str, Any] | None = self._database.read(lambda c: c.execute(query).scalar_one_or_none())
        return found or {}

    def put(self, user: str, entries: dict[str, Any]) -> None:
        """Replace the user's object."""
        row = {"user": user, "entries": entries, "updated_ts": self._now()}
        self._database.write(lambda c: upsert(c, PREFS, [row]))
