"""What an endpoint works with: the parts, one request, one answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from crosstape.api.errors import ApiError, unknown
from crosstape.api.formats import MEDIA, encoded, of_records
from crosstape.api.hub import Hub
from crosstape.api.lookup import Lookup
from crosstape.api.ports import (
    Credentials,
    Exchanges,
    Ledger,
    Operations,
    OperationsStatus,
    Player,
    Pushes,
    Replays,
    Role,
    Streams,
)
from crosstape.api.ports_own import Mids
from crosstape.api.ports_sql import Queries
from crosstape.api.query import Formatted, Query
from crosstape.api.requests import Requests
from crosstape.api.settings import ApiSettings
from crosstape.api.sql_boards import SqlBoard, SqlBoards
from crosstape.api.tables import Record, to_csv, to_json
from crosstape.engine.view import View
from crosstape.model.ports import Cache
from crosstape.model.quality import Quality
from crosstape.wire.venue import Venue

Q = TypeVar("Q", bound=Query)
JSON = b"application/json"
CSV = b"text/csv; charset=utf-8"
HTML = b"text/html; charset=utf-8"


class Caller(msgspec.Struct, frozen=True):
    """Who asks. Without a key: the local user. `user` owns preferences; `key_id` 0 = without a key."""

    role: Role = Role.ADMIN
    user: str = "local"
    name: str = "local"
    key_id: int = 0
    scopes: tuple[str, ...] = ()


class Ask(msgspec.Struct, Generic[Q], frozen=True):
    """One request: `name` is the path's variable."""

    query: Q
    name: str = ""
    caller: Caller = Caller()
    body: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """What goes back."""

    body: bytes
    kind: bytes = JSON
    status: int = 200


class Traffic(msgspec.Struct):
    """Counters of `/ws`, for `/status`."""

    clients: int = 0
    topics: int = 0
    sent: int = 0
    bytes: int = 0
    conflated: int = 0
    dropped: int = 0
    cut_off: int = 0
    per_s: float = 0.0


class Context(msgspec.Struct, frozen=True):
    """The parts an endpoint may use."""

    hub: Hub
    settings: ApiSettings
    operations: Operations
    venues: tuple[Venue, ...]
    ledger: Ledger | None
    version: str
    traffic: Traffic
    requests: Requests = msgspec.field(default_factory=Requests)
    player: Player | None = None
    replays: Replays | None = None
    cache: Cache | None = None
    exchanges: Exchanges | None = None
    queries: Queries | None = None
    streams: Streams | None = None
    sql_boards: SqlBoards | None = None
    pushes: Pushes | None = None
    mids: Mids | None = None
    credentials: Credentials | None = None

    @property
    def view(self) -> View:
        """The newest view; 503 before the first."""
        view = self.hub.view
        if view is None:
            raise ApiError(503, "not_ready", "no view has been published yet; see /ready")
        return view

    @property
    def lookup(self) -> Lookup:
        """Names of the newest view's rows; 503 before the first."""
        lookup = self.hub.lookup
        if lookup is None:
            raise ApiError(503, "not_ready", "no view has been published yet; see /ready")
        return lookup

    @property
    def mode_flag(self) -> int:
        """Quality that the mode of this API adds to every row."""
        return Quality.REPLAY.value if self.settings.mode == "replay" else 0

    @property
    def mode(self) -> str:
        """live, simulated or replay."""
        view = self.hub.view
        return self.settings.mode or (view.mode if view is not None else "live")

    def sql_board(self, name: str) -> SqlBoard | None:
        """A board a user wrote; None for every other name."""
        return self.sql_boards.get(name) if self.sql_boards is not None else None

    def row(self, instrument: str) -> int:
        """The instrument's row; 404 names the nearest."""
        row = self.view.rows.index.get(instrument)
        if row is None:
            raise unknown("instrument", "id", instrument, self.view.rows.index)
        return row

    def quality(self, row: int) -> int:
        """The row's flags."""
        return int(self.view.quality[row]) | self.mode_flag

    def status(self) -> OperationsStatus:
        """How the process is doing."""
        return self.operations.status()

    def json(self, answer: dict[str, Any], status: int = 200) -> Answer:
        """An object, below the mode and the view's time."""
        view = self.hub.view
        ts, number = (view.ts, view.number) if view is not None else (0, 0)
        head = {"mode": self.mode, "ts_ms": ts // 1_000_000, "view": number}
        return Answer(to_json(head | answer), status=status)

    def table(self, query: Formatted, rows: Sequence[Record], header: Sequence[str], **more: Any) -> Answer:
        """Rows, as the caller wants them."""
        if query.format == "csv":
            return Answer(to_csv(rows, header), CSV)
        if query.format != "json":
            return Answer(encoded(of_records(rows, header), query.format), MEDIA[query.format])
        return self.json(more | {"rows": rows})
