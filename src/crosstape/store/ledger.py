"""The ledger as the rest of crosstape sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstape.model.completeness import Completeness
from crosstape.model.errors import ConfigError
from crosstape.store.records import Key

if TYPE_CHECKING:
    from crosstape.store.boards import SavedBoards
    from crosstape.store.database import Database
    from crosstape.store.executions import Executions
    from crosstape.store.streams import Streams


class Ledger:
    """Every method may wait for a disk or a network: from the event loop, call through `asyncio.to_thread`.

    streams, executions, boards   what the user keeps, each with methods of its own
    `key_role` reads memory and waits at most once in 5 s. Whatever the database cannot do raises StoreError,
    and the next call tries again.
    """

    def __init__(self, database: Database, now: Callable[[], int]) -> None:
        # SQLAlchemy costs a third of a second: only who opens a ledger pays for it.
        from crosstape.store.boards import SavedBoards
        from crosstape.store.completeness import CompletenessTable
        from crosstape.store.executions import Executions
        from crosstape.store.keys import Keys
        from crosstape.store.prefs import Prefs
        from crosstape.store.streams import Streams

        self.streams: Streams = Streams(database, now)
        self.executions: Executions = Executions(database, now)
        self.boards: SavedBoards = SavedBoards(database, now)
        self._database = database
        self._prefs = Prefs(database, now)
        self._keys = Keys(database, now)
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

    def key_create(self, name: str, role: str) -> str:
        """A new key: the only time it can be seen."""
        return self._keys.create(name, role)

    def key_role(self, key: str) -> str | None:
        """ "viewer", "trader" or "admin"; None for a wrong or revoked key."""
        return self._keys.role(key)

    def keys(self) -> list[Key]:
        """Every key ever made, without the key."""
        return self._keys.all()

    def key_revoke(self, id: int) -> bool:
        """False when there is no such working key."""
        return self._keys.revoke(id)

    def completeness_put(self, rows: Sequence[Completeness]) -> None:
        """Insert or replace rows, by source and hour."""
        self._completeness.put(rows)

    def completeness(self, source: str, since: int, until: int) -> list[Completeness]:
        """Hours that begin in [since, until); "" = every source."""
        return self._completeness.between(source, since, until)
