"""The cache keeps answers for their time, asks a source once, and never lets its server's trouble out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.errors import ConfigError, StoreError
from crosstape.store.cache.backend import pack, unpack
from crosstape.store.cache.cache import Cache, _backend, open_cache
from crosstape.store.cache.kinds import KINDS, MOST_KEY, key_of, kinds_of
from crosstape.store.cache.settings import CacheSettings
from support.servers import CacheServer, cache_server

SERVERS = {"redis": "redis-server", "memcached": "memcached"}
BOUND_S = 30.0


class Exchange:
    """A source that counts how often it is asked."""

    def __init__(self, answer: bytes = b"answer") -> None:
        self.answer, self.asked = answer, 0
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> bytes:
        self.asked += 1
        await self.open.wait()
        return self.answer


@pytest.fixture(params=["redis", "memcached"])
def server(request: pytest.FixtureRequest) -> Iterator[CacheServer]:
    yield from cache_server(SERVERS[request.param])


def settings_of(server: CacheServer, **more: Any) -> CacheSettings:
    backend: Any = next(name for name, program in SERVERS.items() if program == server.program)
    return CacheSettings(backend=backend, url=server.url, **more)


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., Cache]]:
    caches = []

    def make(settings: CacheSettings, **more: Any) -> Cache:
        caches.append(open_cache(settings, **more))
        return caches[-1]

    yield make
    for cache in caches:
        await cache.close()


@pytest.fixture(params=["memory", "redis", "memcached"])
def settings(request: pytest.FixtureRequest) -> Iterator[CacheSettings]:
    if request.param == "memory":
        yield CacheSettings()
        return
    for server in cache_server(SERVERS[request.param]):
        yield settings_of(server)


async def kept(cache: Cache, entries: int = 1) -> None:
    """Waits until so many answers are kept: the one who asked has it earlier."""
    async with asyncio.timeout(BOUND_S):
        while cache.stats().total_entries < entries:
            await asyncio.sleep(0.005)


async def test_an_answer_is_asked_for_once_and_then_kept(
    settings: CacheSettings, opened: Callable[..., Cache]
) -> None:
    cache, exchange = opened(settings), Exchange(bytes(range(256)))
    for _ in range(3):
        assert await cache.get("ticker", ["kraken:BTC/USD"], exchange) == exchange.answer
        await kept(cache)
    assert await cache.get("ticker", ["kraken:ETH/USD"], exchange) == exchange.answer
    stats = cache.stats()
    assert exchange.asked == 2
    assert (stats.total_hits, stats.misses, stats.hit_rate) == (2, 2, 0.5)
    assert stats.kinds == {"ticker": {"hits": 2, "misses": 2}}


async def test_a_large_answer_is_compressed_and_comes_back_whole(
    settings: CacheSettings, opened: Callable[..., Cache]
) -> None:
    cache, exchange = opened(settings), Exchange(b"[1795000000000,100.5,101.5,99.5,100.0,12.25]," * 2_000)
    for _ in range(2):
        assert await cache.get("ohlcv", ["kraken:BTC/USD", "1m"], exchange) == exchange.answer
        await kept(cache)
    stats = cache.stats()
    assert (exchange.asked, stats.compressed_entries, stats.total_hits) == (1, 1, 1)
    assert stats.compression_ratio > 10
    assert stats.size_bytes < len(exchange.answer) / 10


async def test_an_answer_outlives_its_time_by_nothing(
    settings: CacheSettings, opened: Callable[..., Cache]
) -> None:
    import msgspec

    cache, exchange = opened(msgspec.structs.replace(settings, ttl_s={"ticker": 1.0})), Exchange()
    await cache.get("ticker", ["x"], exchange)
    async with asyncio.timeout(BOUND_S):
        while exchange.asked < 2:
            await asyncio.sleep(0.02)
            await cache.get("ticker", ["x"], exchange)
        while cache.busy:
            await asyncio.sleep(0.005)
    assert cache.stats().expired_entries == 1


async def test_everybody_shares_one_question(settings: CacheSettings, opened: Callable[..., Cache]) -> None:
    cache, exchange = opened(settings), Exchange()
    exchange.open.clear()
    asking = [asyncio.create_task(cache.get("prices", ["SOL"], exchange)) for _ in range(50)]
    async with asyncio.timeout(BOUND_S):
        while not exchange.asked:
            await asyncio.sleep(0.005)
    asking[0].cancel()
    exchange.open.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError), "who left has left"
    assert answers[1:] == [b"answer"] * 49, "and took nothing from the others"
    assert exchange.asked == 1


async def test_what_the_source_raises_is_raised_and_not_kept(
    settings: CacheSettings, opened: Callable[..., Cache]
) -> None:
    cache, asked = opened(settings), 0

    async def down() -> bytes:
        nonlocal asked
        asked += 1
        raise StoreError("the exchange is down")

    for _ in range(2):
        with pytest.raises(StoreError, match="the exchange is down"):
            await cache.get("balances", ["kraken"], down)
    assert asked == 2


async def test_a_killed_server_costs_the_user_nothing_and_is_used_again_when_back(
    server: CacheServer, opened: Callable[..., Cache]
) -> None:
    cache, exchange = opened(settings_of(server)), Exchange()
    await cache.get("ohlcv", ["a", "1m"], exchange)
    await kept(cache)
    assert await cache.get("ohlcv", ["a", "1m"], exchange) == b"answer"
    server.kill()
    async with asyncio.timeout(BOUND_S):
        while cache.stats().passed_by < 50:
            assert await cache.get("ohlcv", ["a", "1m"], exchange) == b"answer"
            await asyncio.sleep(0)
    stats = cache.stats()
    assert stats.state == "open"
    assert exchange.asked > 50, "the source answered"
    assert stats.errors <= 3, "the dead server was passed by, not asked each time"
    server.start()
    hits = stats.total_hits
    async with asyncio.timeout(BOUND_S):
        while cache.stats().total_hits == hits:
            assert await cache.get("ohlcv", ["a", "1m"], exchange) == b"answer"
            await asyncio.sleep(0.02)
    assert cache.stats().state == "closed"


async def test_a_frozen_server_is_passed_by_after_one_timeout(
    server: CacheServer, opened: Callable[..., Cache]
) -> None:
    cache, exchange = opened(settings_of(server, read_timeout_s=0.2)), Exchange()
    await cache.get("ohlcv", ["a", "1m"], exchange)
    await kept(cache)
    server.freeze()
    async with asyncio.timeout(BOUND_S):
        while cache.stats().passed_by < 50:
            assert await cache.get("ohlcv", ["a", "1m"], exchange) == b"answer"
            await asyncio.sleep(0)
    assert 1 <= cache.stats().timeouts <= 2
    server.thaw()
    hits = cache.stats().total_hits
    async with asyncio.timeout(BOUND_S):
        while cache.stats().total_hits == hits:
            assert await cache.get("ohlcv", ["a", "1m"], exchange) == b"answer"
            await asyncio.sleep(0.02)


async def test_a_server_that_never_was_is_no_error(opened: Callable[..., Cache]) -> None:
    for backend, url in (("redis", "redis://127.0.0.1:1/0"), ("memcached", "memcached://127.0.0.1:1")):
        cache, exchange = opened(CacheSettings(backend=backend, url=url)), Exchange()
        assert await cache.get("ticker", ["x"], exchange) == b"answer"
        assert (cache.stats().errors, cache.stats().total_entries) == (1, 0)


async def test_foreign_bytes_under_our_key_are_not_answered(
    server: CacheServer, opened: Callable[..., Cache]
) -> None:
    cache, exchange = opened(settings_of(server)), Exchange()
    key = "crosstape:ticker:x"
    other = _backend(settings_of(server), time.monotonic)
    assert other is not None
    await other.put(key, b"\x07 something else", 60.0)
    await other.close()
    assert await cache.get("ticker", ["x"], exchange) == b"answer"
    assert cache.stats().errors == 1


async def test_memory_is_bounded_and_the_least_used_goes(opened: Callable[..., Cache]) -> None:
    cache = opened(CacheSettings(memory_mb=0.01, compress_over=1 << 20))
    exchange = Exchange(b"x" * 3_000)
    for name in ("a", "b", "c", "a", "d"):
        await cache.get("ticker", [name], exchange)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    stats = cache.stats()
    assert (stats.total_entries, stats.evicted_entries) == (3, 1)
    assert stats.size_bytes <= 0.01 * (1 << 20)
    before = exchange.asked
    await cache.get("ticker", ["a"], exchange)
    assert exchange.asked == before, "a was used last but one, b went"
    await cache.get("ticker", ["b"], exchange)
    assert exchange.asked == before + 1


async def test_times_of_every_kind_hold_on_the_caches_own_clock(opened: Callable[..., Cache]) -> None:
    now = 0.0
    cache = opened(CacheSettings(), now=lambda: now)
    for kind in KINDS:
        exchange = Exchange()
        parts = ["x"] * kind.pattern.count("{")
        for at, asked in ((0.0, 1), (kind.ttl_s * 0.99, 1), (kind.ttl_s * 1.01, 2)):
            now = at
            await cache.get(kind.name, parts, exchange)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert exchange.asked == asked, (kind.name, at)
        await cache.close()


def test_the_shipped_times_are_those_that_were_asked_for() -> None:
    assert {kind.name: kind.ttl_s for kind in KINDS} == {
        "dashboard": 30, "overview": 30, "confluence": 30, "indicators": 60, "system": 60, "ticker": 5,
        "ohlcv": 300, "alerts": 3600, "prices": 5, "pools": 30, "signals": 1, "balances": 30, "portfolio": 60,
        "strategies": 10,
    }  # fmt: skip
    assert [kind.name for kind in KINDS if kind.packed] == ["pools"]


@given(
    st.lists(st.text(max_size=300), min_size=2, max_size=2),
    st.lists(st.text(max_size=300), min_size=2, max_size=2),
)
def test_keys_are_plain_short_and_one_to_one(one: list[str], other: list[str]) -> None:
    kind = kinds_of({})["ohlcv"]
    first, second = key_of(kind, one), key_of(kind, other)
    assert (first == second) == (one == other)
    assert len(first) <= MOST_KEY
    assert first.isascii()
    assert not any(c.isspace() or ord(c) < 33 for c in first)


@given(st.binary(max_size=5_000), st.integers(0, 5_000))
def test_what_is_packed_comes_back(value: bytes, over: int) -> None:
    assert unpack(pack(value, over)) == value


@given(st.binary(max_size=200))
def test_bytes_that_are_not_ours_never_crash(kept: bytes) -> None:
    if kept[:1] == b"\x01":
        assert unpack(kept) == kept[1:]
    else:
        with pytest.raises(StoreError, match="the cache holds"):
            unpack(kept)


def test_wrong_settings_name_the_key() -> None:
    for settings, named in (
        (CacheSettings(backend="redis"), "cache.url"),
        (CacheSettings(backend="redis", url="http://x"), "cache.url"),
        (CacheSettings(backend="memcached", url="127.0.0.1"), "cache.url"),
        (CacheSettings(ttl_s={"tickers": 1.0}), "cache.ttl_s.tickers"),
    ):
        with pytest.raises(ConfigError, match=named):
            open_cache(settings)
