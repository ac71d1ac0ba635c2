"""Every topic of the WebSocket as a function that says what to subscribe to and what comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, Unpack

import msgspec

from crosstape.client.endpoints import Filters, query_of
from crosstape.client.merged import BookState, Events, EventState, Merging, RecordState, Table, TableState
from crosstape.client.records import Accounts
from crosstape.client.results import Book, Candle, Liquidation, Overview, Row, Status, Trade

T = TypeVar("T")


class Topic(msgspec.Struct, Generic[T], frozen=True):
    """What to subscribe to.

    n      rows, 0 = the topic's own
    hz     1, 2, 5 or 10 batches a second at most
    where  filters by name, as REST takes them
    """

    name: str
    merge: Callable[[], Merging]
    n: int = 0
    hz: int = 10
    columns: tuple[str, ...] = ()
    encoding: str = "json"
    where: tuple[tuple[str, str], ...] = ()

    def command(self, resume: int) -> Row:
        """As the server takes it."""
        said: Row = {"op": "subscribe", "topic": self.name, "hz": self.hz, "encoding": self.encoding}
        if self.columns:
            said["columns"] = self.columns
        if self.where:
            said["where"] = dict(self.where)
        if self.n:
            said["n"] = self.n
        if resume >= 0:
            said["resume"] = resume
        return said


def _table(name: str, n: int, hz: int, columns: Sequence[str], where: Filters | None = None) -> Topic[Table]:
    return Topic(name, lambda: TableState(name), n, hz, tuple(columns), "columns", query_of(where or {}))


def _events(name: str, kind: type[T], n: int, hz: int) -> Topic[Events[T]]:
    return Topic(name, lambda: EventState(name, kind), n, hz)


def markets(n: int = 0, hz: int = 10, columns: Sequence[str] = (), **where: Unpack[Filters]) -> Topic[Table]:
    """All markets that pass, or the n of the greatest turnover."""
    return _table("markets", n, hz, columns, where)


def market(id: str, hz: int = 10, columns: Sequence[str] = ()) -> Topic[Table]:
    """One market: a table of one row, with every column unless said."""
    return _table(f"market:{id}", 0, hz, columns)


def board(
    name: str, n: int = 0, hz: int = 10, columns: Sequence[str] = (), **where: Unpack[Filters]
) -> Topic[Table]:
    """A board, best first, among the rows that pass."""
    return _table(f"board:{name}", n, hz, columns, where)


def assets(n: int = 0, hz: int = 10, columns: Sequence[str] = ()) -> Topic[Table]:
    """Sums and means of all assets, or of the n of the greatest turnover."""
    return _table("assets", n, hz, columns)


def asset(asset: str, hz: int = 10, columns: Sequence[str] = ()) -> Topic[Table]:
    """An asset's instruments."""
    return _table(f"asset:{asset}", 0, hz, columns)


def trades(id: str, n: int = 0, hz: int = 10) -> Topic[Events[Trade]]:
    """A market's trades; the newest n to begin with."""
    return _events(f"trades:{id}", Trade, n, hz)


def candles(id: str, tf: str = "1m", n: int = 0, hz: int = 10) -> Topic[Events[Candle]]:
    """A market's candles as they close; the newest n to begin with."""
    return _events(f"candles:{id}:{tf}", Candle, n, hz)


def liquidations(n: int = 0, hz: int = 10) -> Topic[Events[Liquidation]]:
    """Forced orders of all markets; the newest n to begin with."""
    return _events("liquidations", Liquidation, n, hz)


def book(id: str, n: int = 0, hz: int = 10) -> Topic[Book]:
    """An order book, n levels a side."""
    return Topic(f"book:{id}", lambda: BookState(f"book:{id}"), n, hz)


def status() -> Topic[Status]:
    """How the server is doing, once a second."""
    return Topic("status", lambda: RecordState("status", Status), hz=1)


def overview() -> Topic[Overview]:
    """The market at a glance, once a second."""
    return Topic("overview", lambda: RecordState("overview", Overview), hz=1)


def account() -> Topic[Accounts]:
    """Own accounts, whenever they change and every second; needs the role trader."""
    return Topic("account", lambda: RecordState("account", Accounts))


ALL: tuple[Callable[..., Topic[Any]], ...] = (
    markets, market, board, assets, asset, trades, candles, liquidations, book, status, overview, account,
)  # fmt: skip
