"""What a cache says about itself."""

from __future__ import annotations

import msgspec


class CacheStats(msgspec.Struct, frozen=True):
    """Counts since the start, and what is kept now. Times ms since the epoch, 0 = none; NaN = no request yet.

    backend             memory, redis, memcached or none; `state`: closed (in use), open (its server is passed by)
    total_entries       kept now that this process put; size_bytes: as kept; compressed_entries: of them
    compression_ratio   plain bytes by kept bytes of the compressed entries
    total_requests      hits and misses; hit_rate: share of hits, 0 to 1; avg_hits: by entry that is kept
    shared              requests that waited for another's answer instead of asking for their own
    timeouts, errors    of the cache's server; passed_by: requests that did not ask it because its circuit was open
    expired_entries     that outlived their time; evicted_entries: that went to make room
    avg_response_time   ms a request took, misses with their source; avg_hit_time: hits alone
    kinds               hits and misses by kind of answer
    """

    backend: str
    state: str
    total_entries: int
    total_hits: int
    misses: int
    total_requests: int
    hit_rate: float
    avg_hits: float
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
    compression_ratio: float
    avg_response_time: float
    avg_hit_time: float
    kinds: dict[str, dict[str, int]]
