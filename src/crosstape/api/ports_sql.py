"""What the API needs of who answers SQL, and of who keeps boards written in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class QueryResult(Protocol):
    """Rows of a query: a pyarrow Table; `truncated`: there were more; `seconds` it took."""

    @property
    def table(self) -> Any:
        """The rows."""
        ...

    @property
    def truncated(self) -> bool:
        """There were more."""
        ...

    @property
    def seconds(self) -> float:
        """Without the wait for its turn."""
        ...


class Queries(Protocol):
    """Who answers SQL. Called in a thread."""

    def query(self, sql: str, limit: int | None = None) -> QueryResult:
        """The rows of one SELECT; QueryError says what was wrong and what is allowed."""
        ...


class SavedBoard(Protocol):
    """A board as it is kept."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def sql(self) -> str:
        """Its SELECT."""
        ...

    @property
    def owner(self) -> str:
        """Who made it."""
        ...

    @property
    def updated_ts(self) -> int:
        """When it was changed last, ns."""
        ...


class SavedBoards(Protocol):
    """Who keeps boards that are a SELECT. Called in a thread; StoreError becomes a 503."""

    def save(self, name: str, sql: str, owner: str) -> Any:
        """Make it or replace its text."""
        ...

    def all(self) -> Sequence[SavedBoard]:
        """By name."""
        ...

    def delete(self, name: str) -> bool:
        """False when there is none."""
        ...
