"""Endpoints about streams: files and histories that users bring in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError, bad
from crosstape.api.ports import Streams
from crosstape.api.query import Query, Recent, Text, words
from crosstape.api.routes_remote import MOST, Name, Symbol
from crosstape.api.tables import Record, to_json
from crosstape.model.errors import ConfigError, RemoteError, StoreError

T = TypeVar("T")
TRADE = ("ts_ms", "id", "price", "size", "side", "trade_id")
FILL = ("ts_ms", "instrument", "side", "price", "size", "fee", "fee_asset", "liquidity", "kind", "trade_id",
        "order_id")  # fmt: skip
PAGE = 1_000


class File(Query, frozen=True):
    """A file to import."""

    file: Annotated[str, Meta(max_length=120)] = "file"
    kind: Literal["", "trades", "candles", "executions"] = ""
    market: Annotated[str, Meta(max_length=60, pattern="^[A-Za-z0-9_-]*$")] = ""
    symbol: Annotated[str, Meta(max_length=80)] = ""
    map: Annotated[str, Meta(max_length=1_000)] = ""
    into: Text = ""


class Fetching(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to fetch of another exchange: trades, or candles of a timeframe."""

    exchange: Name
    symbol: Symbol
    timeframe: Annotated[str, Meta(max_length=10)] = ""
    since_ms: Annotated[int, Meta(ge=0, le=10_000_000_000_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 500


async def streams(context: Context, ask: Ask[Query]) -> Answer:
    """Everything that was imported, fetched or pushed: counts and times (ms)."""
    rows = await _asked(context, lambda kept: kept.all())
    spans = [row for row in rows if row["count"]]
    ends = {
        "from": min((row["from"] for row in spans), default=0),
        "to": max((row["to"] for row in spans), default=0),
    }
    return Answer(to_json({"streams": rows, "total": len(rows), "date_range": ends}))


async def stream(context: Context, ask: Ask[Query]) -> Answer:
    """One stream."""
    return Answer(to_json(_there(ask.name, await _asked(context, lambda kept: kept.one(_number(ask.name))))))


async def trades(context: Context, ask: Ask[Recent]) -> Answer:
    """A stream's trades or own fills, oldest first, from `since_ms` on."""
    since, limit = ask.query.since_ms, min(ask.query.limit or PAGE, context.settings.max_page)
    rows = _there(ask.name, await _asked(context, lambda kept: kept.rows(_number(ask.name), since, limit), 409))
    return context.table(ask.query, rows, FILL if rows and "fee" in rows[0] else TRADE, stream=ask.name)


async def remove(context: Context, ask: Ask[Query]) -> Answer:
    """Forget a stream and what came with it."""
    if not await _asked(context, lambda kept: kept.remove(_number(ask.name))):
        raise _unknown(ask.name)
    return Answer(to_json({"removed": ask.name}))


async def load(context: Context, ask: Ask[File]) -> Answer:
    """Import a file, which is the body; answered when it is on the disk. The same again adds nothing."""
    told, q = _told(ask.query), ask.query
    return Answer(to_json(await _asked(context, lambda kept: kept.load(ask.body, q.file, told, q.into), 409)))


async def look(context: Context, ask: Ask[File]) -> Answer:
    """What importing a file would bring: its layout, columns, first rows, bad rows, and what is not sure."""
    told = _told(ask.query)
    return Answer(to_json(await _asked(context, lambda kept: kept.preview(ask.body, ask.query.file, told), 409)))


def _told(q: File) -> Record:
    pairs = [pair.partition("=") for pair in words(q.map)]
    if any(not sign or not column for _, sign, column in pairs):
        raise bad("map", f"{q.map[:100]!r} is no mapping", "FIELD=COLUMN, comma-separated: price=px,size=qty")
    columns = {field.strip(): column.strip() for field, _, column in pairs}
    return {"kind": q.kind, "market": q.market, "symbol": q.symbol, "columns": columns}


async def fetch(context: Context, ask: Ask[Query]) -> Answer:
    """Fetch trades or candles of any exchange that ccxt knows, and keep them."""
    try:
        q = msgspec.json.decode(ask.body, type=Fetching)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(
            400, "bad_body", str(error)[:200], "body", "exchange, symbol, timeframe, since_ms, limit"
        ) from error
    if context.exchanges is None:
        raise ApiError(503, "no_exchanges", "no other exchange is asked here: a replay has only its tape")
    rows: list[Any]
    try:
        if q.timeframe:
            rows = await context.exchanges.ohlcv(q.exchange, q.symbol, q.timeframe, q.since_ms, q.limit)
        else:
            rows = await context.exchanges.trades(q.exchange, q.symbol, q.since_ms, q.limit)
    except ConfigError as error:
        raise ApiError(404, "not_found", str(error)) from error
    except RemoteError as error:
        raise ApiError(502, "remote", str(error)) from error
    return Answer(
        to_json(await _asked(context, lambda kept: kept.keep(q.exchange, q.symbol, q.timeframe, rows), 409))
    )


async def _asked(context: Context, ask: Callable[[Streams], T], wrong: int = 400) -> T:
    kept = context.streams
    if kept is None:
        raise ApiError(503, "no_ledger", "nothing is kept here: there is no ledger, or this is a replay")
    try:
        return await asyncio.to_thread(ask, kept)
    except ConfigError as error:
        name, _, message = str(error).partition(": ")
        raise ApiError(wrong, "not_possible", message or name, name if message else "") from error
    except StoreError as error:
        raise ApiError(503, "store", str(error)) from error


def _number(name: str) -> int:
    return int(name) if name.isascii() and name.isdigit() and len(name) < 18 else 0


def _there(name: str, found: T | None) -> T:
    if found is None:
        raise _unknown(name)
    return found


def _unknown(name: str) -> ApiError:
    return ApiError(404, "not_found", f"no stream {name[:40]!r}", "stream", "see /api/v1/streams")
