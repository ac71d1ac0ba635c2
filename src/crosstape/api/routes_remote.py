"""Endpoints about other exchanges, asked through ccxt and kept for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

from msgspec import Meta

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError
from crosstape.api.ports import Exchanges
from crosstape.api.query import Millis, Query
from crosstape.api.tables import to_json
from crosstape.model.errors import ConfigError, RemoteError

Name = Annotated[str, Meta(min_length=1, max_length=40, pattern="^[a-z0-9_]+$")]
MOST = 1_000
Symbol = Annotated[str, Meta(min_length=1, max_length=80)]


class OfExchange(Query, frozen=True):
    """An exchange."""

    exchange: Name = "kraken"


class OfSymbol(OfExchange, frozen=True):
    """One of its symbols, as ccxt writes it."""

    symbol: Symbol = "BTC/USD"


class Ohlcv(OfSymbol, frozen=True):
    """Candles of it."""

    timeframe: Annotated[str, Meta(min_length=1, max_length=10)] = "1m"
    since_ms: Millis = 0
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 500


async def ohlcv(context: Context, ask: Ask[Ohlcv]) -> Answer:
    """Candles of any exchange that ccxt knows, oldest first: [start ms, open, high, low, close, volume]."""
    q = ask.query

    async def source(exchanges: Exchanges) -> dict[str, Any]:
        rows = await exchanges.ohlcv(q.exchange, q.symbol, q.timeframe, q.since_ms, q.limit)
        return {"exchange": q.exchange, "symbol": q.symbol, "timeframe": q.timeframe, "rows": rows}

    parts = (f"{q.exchange}/{q.symbol}", f"{q.timeframe}/{q.since_ms}/{q.limit}")
    return await _answered(context, "ohlcv", parts, source)


async def ticker(context: Context, ask: Ask[OfSymbol]) -> Answer:
    """The newest ticker of any exchange that ccxt knows, in its unified words."""
    q = ask.query

    async def source(exchanges: Exchanges) -> dict[str, Any]:
        return {"exchange": q.exchange, "ticker": await exchanges.ticker(q.exchange, q.symbol)}

    return await _answered(context, "ticker", (f"{q.exchange}/{q.symbol}",), source)


async def balance(context: Context, ask: Ask[OfExchange]) -> Answer:
    """What the account of an exchange holds, by asset: free, used, total."""
    q = ask.query

    async def source(exchanges: Exchanges) -> dict[str, Any]:
        found = await exchanges.balance(q.exchange)
        return {"exchange": q.exchange, "rows": [{"asset": name, **parts} for name, parts in found.items()]}

    return await _answered(context, "balances", (q.exchange,), source)


async def _answered(
    context: Context,
    kind: str,
    parts: Sequence[str],
    ask: Callable[[Exchanges], Coroutine[Any, Any, dict[str, Any]]],
) -> Answer:
    """Asked through the cache; `fetched_ms` says how old it is."""
    exchanges, cache = context.exchanges, context.cache
    if exchanges is None or cache is None:
        raise ApiError(503, "no_exchanges", "no other exchange is asked here: a replay has only its tape")

    async def source() -> bytes:
        return to_json(await ask(exchanges) | {"fetched_ms": time.time_ns() // 1_000_000})

    try:
        return Answer(await cache.get(kind, parts, source))
    except ConfigError as error:
        name, _, message = str(error).partition(": ")
        named = name if name in ("exchange", "symbol", "timeframe") else ""
        raise ApiError(404, "not_found", message if named else str(error), named) from error
    except RemoteError as error:
        raise ApiError(502, "remote", str(error)) from error
