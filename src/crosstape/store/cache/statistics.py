"""Counts of a cache, and a list of what it keeps."""

from __future__ import annotations

import heapq
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from crosstape.model.caching import CacheStats
from crosstape.store.cache.backend import PACKED

MOST_LISTED = 50_000


class Entry(msgspec.Struct):
    """One answer that is kept. Times of the cache's clock; sizes in bytes."""

    stored: float
    expires: float
    plain: int
    kept: int
    packed: bool
    hits: int = 0


class Statistics:
    """Of this process: other processes that share a server count for themselves.

    At most MOST_LISTED entries are listed; beyond, the oldest leave the list (not the cache).
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._ends: list[tuple[float, str]] = []
        self._hits: Counter[str] = Counter()
        self._misses: Counter[str] = Counter()
        self._spent = self._spent_on_hits = 0.0
        self._expired = self._evicted = 0
        self.shared = self.timeouts = self.errors = self.passed_by = 0

    def count(self, kind: str, key: str, hit: bool, seconds: float) -> None:
        """One request: answered from the cache, or by the source."""
        self._spent += seconds
        if not hit:
            self._misses[kind] += 1
            return
        self._hits[kind] += 1
        self._spent_on_hits += seconds
        if (entry := self._entries.get(key)) is not None:
            entry.hits += 1

    def stored(self, key: str, plain: int, kept: bytes, ttl_s: float, gone: Iterable[str]) -> None:
        """An answer is kept now, and these are no more."""
        now = self._now()
        self._expire(now)
        # One that is put again while it is listed ended by the server's own clock.
        self._expired += self._entries.pop(key, None) is not None
        self._entries[key] = Entry(now, now + ttl_s, plain, len(kept), kept[:1] == PACKED)
        heapq.heappush(self._ends, (now + ttl_s, key))
        for name in gone:
            self._evicted += self._entries.pop(name, None) is not None
        if len(self._entries) > MOST_LISTED:
            self._entries.popitem(last=False)

    def _expire(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            _, key = heapq.heappop(self._ends)
            entry = self._entries.get(key)
            if entry is not None and entry.expires <= now:
                del self._entries[key]
                self._expired += 1

    def read(self, backend: str, state: str) -> CacheStats:
        """As of now."""
        now, wall = self._now(), time.time()
        self._expire(now)
        entries = list(self._entries.values())
        packed = [entry for entry in entries if entry.packed]
        hits, misses = self._hits.total(), self._misses.total()
        total = hits + misses
        stamps = [int((wall - (now - entry.stored)) * 1e3) for entry in entries]
        return CacheStats(
            backend=backend, state=state, total_entries=len(entries), total_hits=hits, misses=misses,
            total_requests=total, hit_rate=_share(hits, total),
            avg_hits=_share(sum(entry.hits for entry in entries), len(entries)),
            shared=self.shared, timeouts=self.timeouts, errors=self.errors, passed_by=self.passed_by,
            expired_entries=self._expired, evicted_entries=self._evicted,
            size_bytes=sum(entry.kept for entry in entries),
            oldest_entry=min(stamps, default=0), newest_entry=max(stamps, default=0),
            compressed_entries=len(packed),
            compression_ratio=_share(sum(e.plain for e in packed), sum(e.kept for e in packed)),
            avg_response_time=_share(self._spent * 1e3, total),
            avg_hit_time=_share(self._spent_on_hits * 1e3, hits),
            kinds={kind: {"hits": self._hits[kind], "misses": self._misses[kind]}
                   for kind in sorted({*self._hits, *self._misses})},
        )  # fmt: skip


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
