"""Kinds of answers: how long each holds, and how its keys look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from string import Formatter
from urllib.parse import quote

import msgspec

from crosstape.model.errors import ConfigError

# memcached takes 250 bytes; the prefix is in front.
MOST_KEY = 200


class CacheKind(msgspec.Struct, frozen=True):
    """`pattern` names the parts of a key; `packed`: compressed whatever its size."""

    name: str
    pattern: str
    ttl_s: float
    packed: bool = False


KINDS: tuple[CacheKind, ...] = (
    CacheKind("dashboard", "dashboard:{name}", 30.0),
    CacheKind("overview", "overview:{market}", 30.0),
    CacheKind("confluence", "confluence:{symbol}:{timeframe}", 30.0),
    CacheKind("indicators", "indicators:{symbol}:{timeframe}", 60.0),
    CacheKind("system", "system:{name}", 60.0),
    CacheKind("ticker", "ticker:{symbol}", 5.0),
    CacheKind("ohlcv", "ohlcv:{symbol}:{timeframe}", 300.0),
    CacheKind("alerts", "alerts:{name}", 3_600.0),
    CacheKind("prices", "prices:{symbol}", 5.0),
    CacheKind("pools", "pools:{pool}", 30.0, packed=True),
    CacheKind("signals", "signals:{symbol}", 1.0),
    CacheKind("balances", "balances:{account}", 30.0),
    CacheKind("portfolio", "portfolio:{account}", 60.0),
    CacheKind("strategies", "strategies:{name}", 10.0),
)


def kinds_of(ttl_s: Mapping[str, float]) -> dict[str, CacheKind]:
    """Every kind by name, with the operator's times; ConfigError for a kind that does not exist."""
    known = {kind.name: kind for kind in KINDS}
    for name, seconds in ttl_s.items():
        if name not in known:
            raise ConfigError(f"cache.ttl_s.{name}: no such kind; allowed: {', '.join(known)}")
        known[name] = msgspec.structs.replace(known[name], ttl_s=seconds)
    return known


def key_of(kind: CacheKind, parts: Sequence[str]) -> str:
    """The key of these parts, printable and without blanks; a long one ends in a hash. ValueError: too few parts,
    or too many."""
    names = [name for _, name, _, _ in Formatter().parse(kind.pattern) if name]
    if len(names) != len(parts):
        raise ValueError(f"a key of {kind.name} has {len(names)} parts: {kind.pattern}")
    key = kind.pattern.format(**{n: quote(p, safe="/-_.~") for n, p in zip(names, parts, strict=True)})
    return key if len(key) <= MOST_KEY else f"{key[:130]}~{sha256(key.encode()).hexdigest()}"
