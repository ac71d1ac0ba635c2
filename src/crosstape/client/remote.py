"""Endpoints about other exchanges through ccxt, and the cache of what they said."""

from __future__ import annotations

import msgspec

from crosstape.client.endpoints import V1, Request
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


def cache_stats() -> Request[CacheStats]:
    """How well the cache of slow and remote answers does."""
    return Request(CacheStats, f"{V1}/cache/stats")
