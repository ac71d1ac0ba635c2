"""What an operator can set about the cache, and the defaults."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class CacheSettings(msgspec.Struct, frozen=True):
    """Answers of others that are kept for a while. What this process holds in memory anyway is not cached.

    backend          memory = in this process; redis and memcached need `url` and crosstape[cache];
                     none = keep nothing
    url              redis://host:port/number, memcached://host:port
    prefix           in front of every key, so that several can share a server
    memory_mb        what `memory` may hold; the least recently used go first
    compress_over    bytes of an answer above which it is compressed with zstd
    read_timeout_s   a server that does not answer within this is passed by and the source asked
    connections      to the server, at most
    ttl_s            seconds by kind, where they shall differ from the shipped ones: {ticker = 2}
    """

    backend: Literal["memory", "redis", "memcached", "none"] = "memory"
    url: str = ""
    prefix: Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]{1,40}$")] = "crosstape"
    memory_mb: Annotated[float, Meta(gt=0)] = 64.0
    compress_over: Annotated[int, Meta(ge=0)] = 1_024
    read_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 2.0
    connections: Annotated[int, Meta(ge=1, le=1_000)] = 16
    ttl_s: dict[str, Annotated[float, Meta(gt=0)]] = {}
