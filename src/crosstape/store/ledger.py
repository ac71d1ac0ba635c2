"""The ledger as the rest of crosstape sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstape.model.access import Grant, Written
from crosstape.model.completeness import Completeness
from crosstape.model.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Select

    from crosstape.store.boards import SavedBoards
    from crosstape.store.database import Database
    from crosstape.store.executions import Executions
    from crosstape.store.keys import Keys
    from crosstape.store.streams import Streams


class Ledger:
    """Every method may wait for a disk or a network: from the event loop, call through `asyncio.to_thread`.

    streams, executions, boards   what the user keeps; access: keys of the API; each with methods of its own
    `key_grant` reads memory and waits at most once in 5 s. Whatever the database cannot do raises StoreError,
    and the next call tries again.
    """

    def __init__(self, database: Database, now: Callable[[], int]) -> None:
        # SQLAlchemy costs a third of a second: only who opens a ledger pays for it.
        from crosstape.store.audit import Audit
        from crosstape.store.boards import SavedBoards
        from crosstape.store.completeness import CompletenessTable
        from crosstape.store.executions import Executions
        from crosstape.store.keys import Keys
        from crosstape.store.prefs import Prefs
        from crosstape.store.streams import Streams

        self.streams: Streams = Streams(database, now)
        self.executions: Executions = Executions(database, now)
        self.access: Keys = Keys(database, now)
        self.boards: SavedBoards = SavedBoards(database, now)
        self._database = database
        self._prefs = Prefs(database, now)
        self._audit = Audit(database)
        self._completeness = CompletenessTable(database)

    @classmethod
    def open(cls, url: str, folder: Path | None = None, now: Callable[[], int] = time.time_ns) -> Ledger:
        """Open, make or migrate the database at `url`; "" = `ledger.db` in `folder`.

        ConfigError: an address we cannot use, or a ledger made by a newer version. StoreError: it does not answer.
        """
        from crosstape.store.database import open_database

        if not url and folder is None:
            raise ConfigError("the ledger has neither an address nor a folder")
        return cls(open_database(url or f"sqlite:///{folder}/ledger.db"), now)

    def close(self) -> None:
        """Finish the writes that wait, then let go."""
        self._database.close()

    def prefs_get(self, user: str) -> dict[str, Any]:
        """What the user put last; {} when nothing."""
        return self._prefs.get(user)

    def prefs_put(self, user: str, prefs: dict[str, Any]) -> None:
        """Replace what the user has; plain JSON values."""
        self._prefs.put(user, prefs)

    def key_grant(self, key: str) -> Grant | None:
        """What the key may do; None for a wrong, revoked or expired one."""
        return self.access.grant(key)

    def audit_put(self, rows: Sequence[Written]) -> None:
        """Append to the audit log."""
        self._audit.put(rows)

    def audit(self, since: int = 0, until: int = 0, who: str = "", limit: int = 100) -> list[Written]:
        """The audit log, newest first; 0 and "" = all."""
        return self._audit.newest(since, until, who, limit)

    def rows(self, query: Select[Any]) -> list[Any]:
        """All rows of a SELECT over the ledger's tables."""
        return list(self._database.read(lambda c: c.execute(query).all()))

    def completeness_put(self, rows: Sequence[Completeness]) -> None:
        """Insert or replace rows, by source and hour."""
        self._completeness.put(rows)

    def completeness(self, source: str, since: int, until: int) -> list[Completeness]:
        """Hours that begin in [since, until); "" = every source."""
        return self._completeness.between(source, since, until)
