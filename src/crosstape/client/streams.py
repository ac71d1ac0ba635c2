"""Endpoints about what users bring in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from crosstape.client.endpoints import V1, Request, query_of
from crosstape.client.results import Past, Row, Rows

# A file of a million rows, or an exchange that lets one wait.
LONGEST_S = 600.0


class Stream(msgspec.Struct, frozen=True, rename={"from_ms": "from", "to_ms": "to"}):
    """A named set of what was imported, fetched or pushed; `symbol` "" = several."""

    id: int
    name: str
    source: str
    kind: str
    symbol: str = ""
    origin: str = ""
    count: int = 0
    from_ms: int = 0
    to_ms: int = 0


class Streams(msgspec.Struct, frozen=True):
    """All of them."""

    streams: tuple[Stream, ...]
    total: int
    date_range: dict[str, int]


class Imported(msgspec.Struct, frozen=True):
    """What came of an import. `new` rows were not there before; `bad` ones are in the file `rejects`."""

    streams: tuple[Stream, ...]
    layout: str
    rows: int
    new: int
    bad: int
    rejects: str
    reasons: tuple[Row, ...] = ()


class Fetched(msgspec.Struct, frozen=True):
    """What came of a fetch."""

    stream: Stream
    rows: int
    new: int


class Pushed(msgspec.Struct, frozen=True):
    """What became of ticks: how many were not there before, how many of those went into the live machine."""

    accepted: int
    new: int
    live: int


def history(q: str = "", limit: int = 0, offset: int = 0) -> Request[Rows[Past]]:
    """Instruments that were imported, fetched or pushed, the newest data first."""
    return Request(Rows[Past], f"{V1}/history", "", query_of({"q": q, "limit": limit, "offset": offset}))


def streams() -> Request[Streams]:
    """Everything that was imported, fetched or pushed."""
    return Request(Streams, f"{V1}/streams")


def one_stream(stream: int | str) -> Request[Stream]:
    """One stream."""
    return Request(Stream, f"{V1}/streams/{{stream}}", str(stream))


def stream_trades(stream: int | str, limit: int = 0, since_ms: float = 0) -> Request[Rows[Row]]:
    """A stream's trades or own fills, oldest first."""
    query = query_of({"limit": limit, "since_ms": int(since_ms)})
    return Request(Rows[Row], f"{V1}/streams/{{stream}}/trades", str(stream), query)


def end_stream(stream: int | str) -> Request[Row]:
    """Forget a stream and what came with it."""
    return Request(Row, f"{V1}/streams/{{stream}}", str(stream), method="DELETE")


def import_file(
    body: bytes,
    file: str = "",
    kind: str = "",
    market: str = "",
    symbol: str = "",
    map: str = "",
    into: str = "",
) -> Request[Imported]:
    """Import a file's bytes; `file` is its name, `map` what its columns are: "price=px,size=qty"."""
    given = {"file": file, "kind": kind, "market": market, "symbol": symbol, "map": map, "into": into}
    where = f"{V1}/streams/file"
    return Request(Imported, where, query=query_of(given), method="POST", body=body, timeout_s=LONGEST_S)


def preview_file(
    body: bytes,
    file: str = "",
    kind: str = "",
    market: str = "",
    symbol: str = "",
    map: str = "",
    into: str = "",
) -> Request[Row]:
    """What `import_file` would do: layout, columns, first rows, bad ones, what is not sure; keeps nothing."""
    asked = import_file(body, file, kind, market, symbol, map, into)
    where = f"{V1}/streams/preview"
    return Request(Row, where, query=asked.query, method="POST", body=body, timeout_s=LONGEST_S)


def push_tick(
    symbol: str, timestamp: float | str, price: float, size: float, side: str = "", id: str = ""
) -> Request[Pushed]:
    """Push one tick of the market `push`; answered when it is on the disk."""
    told = {"symbol": symbol, "timestamp": timestamp, "price": price, "size": size, "side": side, "id": id}
    return Request(Pushed, f"{V1}/ticks", method="POST", body=msgspec.json.encode(told))


def push_ticks(ticks: Sequence[Row]) -> Request[Pushed]:
    """Push several: dicts with what `push_tick` takes."""
    return Request(Pushed, f"{V1}/ticks/batch", method="POST", body=msgspec.json.encode({"ticks": list(ticks)}))


def fetch_history(
    exchange: str, symbol: str, timeframe: str = "", since_ms: int = 0, limit: int = 500
) -> Request[Fetched]:
    """Fetch trades, or candles of a timeframe, of any exchange that ccxt knows, and keep them."""
    told: dict[str, Any] = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe, "since_ms": since_ms,
                            "limit": limit}  # fmt: skip
    body = msgspec.json.encode(told)
    return Request(Fetched, f"{V1}/streams/api", method="POST", body=body, timeout_s=LONGEST_S)
