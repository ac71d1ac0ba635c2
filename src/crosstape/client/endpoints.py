"""Every endpoint as a function that says what to ask and what comes back; nothing is sent here.

Parameters have the API's names; several values are a comma-separated text or a sequence. A limit of 0 is the
server's own page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypedDict, TypeVar, Unpack
from urllib.parse import quote, urlencode

import msgspec

from crosstape.client import results
from crosstape.client.results import (
    Asset,
    Book,
    Candles,
    Columns,
    Filtering,
    Health,
    Instrument,
    Kpi,
    Liquidation,
    Market,
    Markets,
    Overview,
    Prefs,
    Quality,
    Ranked,
    Ready,
    Replay,
    Row,
    Rows,
    Session,
    Status,
    Tape,
    Trade,
)

T = TypeVar("T")
Words = str | Sequence[str]
V1 = "/api/v1"


class Request(msgspec.Struct, Generic[T], frozen=True):
    """One thing to ask.

    answer      the type that comes back
    template    the path as OpenAPI has it
    timeout_s   it may take so long; the client's own limit where that is longer
    """

    answer: Any
    template: str
    name: str = ""
    query: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    body: bytes = b""
    timeout_s: float = 0.0

    @property
    def target(self) -> str:
        """Path and query, percent-encoded."""
        before, brace, rest = self.template.partition("{")
        path = before + quote(self.name, safe=":") + rest.partition("}")[2] if brace else self.template
        return f"{path}?{urlencode(self.query)}" if self.query else path

    def read(self, body: bytes) -> T:
        """The answer; msgspec.ValidationError for what is none."""
        found: Any = body if self.answer is bytes else msgspec.json.decode(body, type=self.answer)
        return found  # type: ignore[no-any-return]


class Filters(TypedDict, total=False):
    """Which instruments, and which page of them."""

    market: Words
    venue: Words
    kind: Words
    base: Words
    quote: Words
    tier: Words
    q: str
    min_turnover_usd: float
    quality_not: Words
    limit: int
    offset: int


def query_of(given: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """What was given, as text; what is empty is the server's default."""
    return tuple((name, _text(value)) for name, value in given.items() if value)


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


def _ask(answer: type[T], template: str, given: Mapping[str, object] = {}, name: str = "") -> Request[T]:
    return Request(answer, template, name, query_of(given))


def _tell(answer: type[T], method: str, template: str, body: object = None, name: str = "") -> Request[T]:
    return Request(answer, template, name, (), method, msgspec.json.encode(body) if body is not None else b"")


def health() -> Request[Health]:
    """The process answers; no key needed."""
    return _ask(Health, "/health")


def ready() -> Request[Ready]:
    """Whether answers can be relied on; Refused with the reasons where not."""
    return _ask(Ready, "/ready")


def status() -> Request[Status]:
    """Sources, hosts, recording, clients, and which metrics work."""
    return _ask(Status, f"{V1}/status")


def quality(hours: int = 24, source: str = "", market: str = "") -> Request[Quality]:
    """The completeness ledger by source and hour, the running hour last."""
    return _ask(Quality, f"{V1}/quality", {"hours": hours, "source": source, "market": market})


def kpis() -> Request[Rows[Kpi]]:
    """The figures the server answers for, against their targets."""
    return _ask(Rows[Kpi], f"{V1}/kpis")


def venues() -> Request[Rows[Row]]:
    """Capabilities of every venue, and how its markets are doing."""
    return _ask(Rows[Row], f"{V1}/venues")


def filters() -> Request[Filtering]:
    """The words that filters take."""
    return _ask(Filtering, f"{V1}/filters")


def columns(q: str = "") -> Request[Columns]:
    """Every column with unit and definition; every quality flag with its meaning."""
    return _ask(Columns, f"{V1}/columns", {"q": q})


def instruments(**filters: Unpack[Filters]) -> Request[Rows[Instrument]]:
    """Full instrument records, by id."""
    return _ask(Rows[Instrument], f"{V1}/instruments", filters)


def markets(sort: str = "", fields: Words = (), **filters: Unpack[Filters]) -> Request[Markets]:
    """Instruments with the columns asked for (`fields="all"`: every one), sorted; `-` in front: descending."""
    return _ask(Markets, f"{V1}/markets", {"sort": sort, "fields": fields, **filters})


def market(id: str) -> Request[Market]:
    """One instrument: its record and every column."""
    return _ask(Market, f"{V1}/markets/{{id}}", name=id)


def book(id: str, depth: int = 0) -> Request[Book]:
    """The order book as of the newest tick."""
    return _ask(Book, f"{V1}/markets/{{id}}/book", {"depth": depth}, id)


def trades(id: str, limit: int = 0, since_ms: float = 0) -> Request[Rows[Trade]]:
    """The newest trades, newest first."""
    return _ask(Rows[Trade], f"{V1}/markets/{{id}}/trades", {"limit": limit, "since_ms": int(since_ms)}, id)


def candles(id: str, tf: str = "1m", limit: int = 0, since_ms: float = 0) -> Request[Candles]:
    """Closed candles, oldest first."""
    given = {"tf": tf, "limit": limit, "since_ms": int(since_ms)}
    return _ask(Candles, f"{V1}/markets/{{id}}/candles", given, id)


def series(id: str, fields: Words = (), limit: int = 0, since_ms: float = 0) -> Request[Rows[Row]]:
    """A few columns, one sample a minute, oldest first."""
    given = {"fields": fields, "limit": limit, "since_ms": int(since_ms)}
    return _ask(Rows[Row], f"{V1}/markets/{{id}}/series", given, id)


def boards() -> Request[Rows[results.Board]]:
    """Every board: what it ranks, which way, and what may stand on it."""
    return _ask(Rows[results.Board], f"{V1}/boards")


def board(name: str, fields: Words = (), **filters: Unpack[Filters]) -> Request[Ranked]:
    """One board, best first; filters rank it anew among the rows that pass."""
    return _ask(Ranked, f"{V1}/boards/{{name}}", {"fields": fields, **filters}, name)


def leaderboard(name: str, fields: Words = (), **filters: Unpack[Filters]) -> Request[Ranked]:
    """The same as `board`, under its other path."""
    return _ask(Ranked, f"{V1}/leaderboards/{{name}}", {"fields": fields, **filters}, name)


def assets(q: str = "", sort: str = "", limit: int = 0, offset: int = 0) -> Request[Rows[Row]]:
    """Sums and means over all instruments of an asset."""
    return _ask(Rows[Row], f"{V1}/assets", {"q": q, "sort": sort, "limit": limit, "offset": offset})


def asset(asset: str, fields: Words = ()) -> Request[Asset]:
    """One asset: its sums, and its instruments side by side."""
    return _ask(Asset, f"{V1}/assets/{{asset}}", {"fields": fields}, asset)


def asset_candles(asset: str, tf: str = "1m", limit: int = 0, since_ms: float = 0) -> Request[Candles]:
    """Candles of the asset's first-choice venue, or of the next one while that is down."""
    given = {"tf": tf, "limit": limit, "since_ms": int(since_ms)}
    return _ask(Candles, f"{V1}/assets/{{asset}}/candles", given, asset)


def overview() -> Request[Overview]:
    """The market at a glance: breadth, totals, every market, the largest assets, funding side by side."""
    return _ask(Overview, f"{V1}/overview")


def spreads(
    q: str = "", sort: str = "", min_venues: int = 0, limit: int = 0, offset: int = 0
) -> Request[Rows[Row]]:
    """Best prices of an asset's perps across venues, edges after fees, divergence, perp over spot."""
    given = {"q": q, "sort": sort, "min_venues": min_venues, "limit": limit, "offset": offset}
    return _ask(Rows[Row], f"{V1}/spreads", given)


def funding(
    q: str = "", sort: str = "", min_venues: int = 0, limit: int = 0, offset: int = 0
) -> Request[Rows[Row]]:
    """Funding of every perp of an asset, made comparable."""
    given = {"q": q, "sort": sort, "min_venues": min_venues, "limit": limit, "offset": offset}
    return _ask(Rows[Row], f"{V1}/funding", given)


def liquidations(
    id: str = "", market: str = "", side: str = "", min_usd: float = 0.0, limit: int = 0, since_ms: float = 0
) -> Request[Rows[Liquidation]]:
    """Forced orders, newest first; `side="SELL"`: longs that were closed."""
    given = {"id": id, "market": market, "side": side, "min_usd": min_usd, "limit": limit,
             "since_ms": int(since_ms)}  # fmt: skip
    return _ask(Rows[Liquidation], f"{V1}/liquidations", given)


def prefs() -> Request[Prefs]:
    """What this user's dashboard saved."""
    return _ask(Prefs, f"{V1}/prefs")


def put_prefs(prefs: Mapping[str, Any]) -> Request[Prefs]:
    """Replace what this user's dashboard saved."""
    return _tell(Prefs, "PUT", f"{V1}/prefs", dict(prefs))


def tapes() -> Request[Rows[Tape]]:
    """What is recorded there and can be replayed."""
    return _ask(Rows[Tape], f"{V1}/tapes")


def replay() -> Request[Replay]:
    """Where a replay is; Refused (409) by a server that is none."""
    return _ask(Replay, f"{V1}/replay")


def control(op: str, at: float | str | None = None, speed: float | None = None) -> Request[Replay]:
    """Move a replay: op = play, pause, seek (to `at`: ms, or ISO 8601), step, speed."""
    given = {"op": op, "at": at, "speed": speed}
    told = {name: value for name, value in given.items() if value is not None}
    return _tell(Replay, "POST", f"{V1}/replay", told)


def replays() -> Request[Rows[Session]]:
    """The replays that run."""
    return _ask(Rows[Session], f"{V1}/replays")


def open_replay(tape: str, at: float | str | None = None) -> Request[Session]:
    """Replay a tape from a moment on; a client of it: Client(url + session.base)."""
    return _tell(Session, "POST", f"{V1}/replays", {"tape": tape} | ({"at": at} if at is not None else {}))


def one_replay(replay: str) -> Request[Session]:
    """One replay that runs."""
    return _ask(Session, f"{V1}/replays/{{replay}}", name=replay)


def end_replay(replay: str) -> Request[Session]:
    """End a replay."""
    return _tell(Session, "DELETE", f"{V1}/replays/{{replay}}", name=replay)
