"""What a hit costs, and how many hits the shipped times give."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator

import numpy as np

from bench.figures import Figure, at_least, at_most, median, percentile, plain
from crosstape.store.cache.cache import Cache, open_cache
from crosstape.store.cache.kinds import KINDS
from crosstape.store.cache.settings import CacheSettings

TITLE = (
    "Hits: 5 000 reads one after the other of a 2 kB answer (compressed), median and p99, on this process's loop; "
    "Redis and memcached are real servers on 127.0.0.1. Hit rate: 500 keys drawn from Zipf(1.0), 50 requests/s, "
    "10 minutes on a virtual clock, from an empty cache, shipped times, in-process."
)
READS, WARM = 5_000, 200
KEYS, RATE, SECONDS = 500, 50, 600


def run() -> list[Figure]:
    """Hits, then hit rates."""
    return [*_hits(), *_rates()]


def _hits() -> list[Figure]:
    found = _hit("in-process", CacheSettings(), 0.2)
    with _served("redis-server", "--bind", "127.0.0.1", "--save", "", "--port") as port:
        found += _hit("Redis", CacheSettings(backend="redis", url=f"redis://127.0.0.1:{port}"), 1.0)
    with _served("memcached", "-l", "127.0.0.1", "-U", "0", "-u", "nobody", "-p") as port:
        found += _hit("memcached", CacheSettings(backend="memcached", url=f"memcached://127.0.0.1:{port}"), 1.0)
    return found


@contextlib.contextmanager
def _served(*command: str) -> Iterator[int]:
    """A server on a free port, which is its last argument."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([*command, str(port)], stdout=quiet, stderr=quiet)
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                break
            time.sleep(0.01)
        yield port
    finally:
        process.kill()
        process.wait()


def _hit(name: str, settings: CacheSettings, limit_ms: float) -> list[Figure]:
    taken = asyncio.run(_read(settings))
    p99 = f"p99 {percentile(taken, 0.99) * 1e3:.3f} ms"
    return [at_most(f"hit, {name}, median", median(taken) * 1e3, limit_ms, "ms", p99, digits=3)]


async def _read(settings: CacheSettings) -> list[float]:
    cache, taken = open_cache(settings), []
    body = b"[1795000000000,100.5,101.5,99.5,100.0,12.25]," * 45

    async def source() -> bytes:
        return body

    try:
        for n in range(READS + WARM):
            began = time.perf_counter()
            await cache.get("ohlcv", ("kraken/BTC/USD", "1m"), source)
            if n >= WARM:
                taken.append(time.perf_counter() - began)
            else:
                await asyncio.sleep(0.001)
        stats = cache.stats()
        assert stats.misses < WARM, stats
        assert not stats.errors, stats
    finally:
        await cache.close()
    return taken


def _rates() -> list[Figure]:
    candles = asyncio.run(_rate("ohlcv"))
    found = [at_least(f"hit rate, {KEYS} keys of candles (300 s)", 100 * candles, 95, "%")]
    for kind in ("balances", "ticker"):
        rate = asyncio.run(_rate(kind))
        seconds = next(k.ttl_s for k in KINDS if k.name == kind)
        note = f"the most such times can give in the long run: {100 * _ceiling(seconds):.1f} %"
        found.append(plain(f"hit rate, {KEYS} keys of {kind} ({seconds:g} s)", 100 * rate, "%", note))
    return found


async def _rate(kind: str) -> float:
    now = 0.0
    cache = open_cache(CacheSettings(), now=lambda: now)
    parts = {kind.name: kind.pattern.count("{") for kind in KINDS}

    async def source() -> bytes:
        return b"answer"

    weights = 1.0 / np.arange(1, KEYS + 1)
    ranks = np.random.default_rng(7).choice(KEYS, RATE * SECONDS, p=weights / weights.sum())
    for n, rank in enumerate(ranks.tolist()):
        now = n / RATE
        await cache.get(kind, [f"x{rank}"] * parts[kind], source)
        await _settled(cache)
    return cache.stats().hit_rate


async def _settled(cache: Cache) -> None:
    """The virtual clock moves on when what was asked is kept."""
    while cache.busy:
        await asyncio.sleep(0)


def _ceiling(seconds: float) -> float:
    """Share of hits in the long run: after each miss a key asked for at rate r has r * seconds hits on average."""
    weights = 1.0 / np.arange(1, KEYS + 1)
    rates = RATE * weights / weights.sum()
    misses = float((rates / (1 + rates * seconds)).sum())
    return 1 - misses / RATE
