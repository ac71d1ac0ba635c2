"""Endpoints about other exchanges through ccxt, and the cache of what they said."""

from __future__ import annotations

from typing import Any

import msgspec

from crosstape.client.endpoints import V1, Request, query_of
from crosstape.client.results import Number


class CacheStats(msgspec.Struct, frozen=True):
    """The cache since the server's start; times in ms."""

    backend: str
    state: str
    total_entries: int
    total_hits: int
    misses: int
    total_requests: int
    hit_rate: Number
    avg_hits: Number
    shared: int
    timeouts: int
    errors: int
    passed_by: int
    expired_entries: int
    evicted_entries: int
    size_bytes: int
    oldest_entry: int
    newest_entry: int
    compressed_entries: int
    compression_ratio: Number
    avg_response_time: Number
    avg_hit_time: Number
    kinds: dict[str, dict[str, int]] = {}


class Candles(msgspec.Struct, frozen=True):
    """Candles of another exchange: start ms, open, high, low, close, volume."""

    exchange: str
    symbol: str
    timeframe: str
    rows: tuple[tuple[Number, ...], ...]
    fetched_ms: int


class Ticker(msgspec.Struct, frozen=True):
    """ccxt's unified ticker of another exchange."""

    exchange: str
    ticker: dict[str, Any]
    fetched_ms: int


class Holding(msgspec.Struct, frozen=True):
    """What an account holds of one asset."""

    asset: str
    free: Number = None
    used: Number = None
    total: Number = None


class Balance(msgspec.Struct, frozen=True):
    """What the account of an exchange holds."""

    exchange: str
    rows: tuple[Holding, ...]
    fetched_ms: int


def ohlcv(
    exchange: str = "", symbol: str = "", timeframe: str = "", since_ms: float = 0, limit: int = 0
) -> Request[Candles]:
    """Candles of any exchange that ccxt knows, oldest first."""
    given = {
        "exchange": exchange,
        "symbol": symbol,
        "timeframe": timeframe,
        "since_ms": int(since_ms),
        "limit": limit,
    }
    return Request(Candles, f"{V1}/ohlcv", query=query_of(given))


def ticker(exchange: str = "", symbol: str = "") -> Request[Ticker]:
    """The newest ticker of any exchange that ccxt knows."""
    return Request(Ticker, f"{V1}/ticker", query=query_of({"exchange": exchange, "symbol": symbol}))


def balance(exchange: str = "") -> Request[Balance]:
    """What the account of an exchange holds."""
    return Request(Balance, f"{V1}/balance", query=query_of({"exchange": exchange}))


def cache_stats() -> Request[CacheStats]:
    """How well the cache of slow and remote answers does."""
    return Request(CacheStats, f"{V1}/cache/stats")
