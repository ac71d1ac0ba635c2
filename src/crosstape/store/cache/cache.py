"""The cache: asks its backend, asks the source where that has nothing, never lets the backend's trouble out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from crosstape.model.caching import CacheStats
from crosstape.model.errors import ConfigError
from crosstape.store.cache.backend import Backend
from crosstape.store.cache.guarded import Guarded
from crosstape.store.cache.kinds import CacheKind, key_of, kinds_of
from crosstape.store.cache.memory import Memory
from crosstape.store.cache.settings import CacheSettings
from crosstape.store.cache.statistics import Statistics

Source = Callable[[], Coroutine[Any, Any, bytes]]
Flight = asyncio.Task[tuple[bytes, bool]]
MOST_FLIGHTS = 1_000


class Cache:
    """Keeps answers, as bytes, for the time of their kind.

    Requests for one key at one time share one question to backend and source. A server that fails or does not
    answer in time is passed by: the source answers, and a probe in the background finds out when the server is
    back. At most MOST_FLIGHTS questions are under way; requests beyond ask their source and keep nothing.
    """

    def __init__(
        self, backend: Backend | None, settings: CacheSettings, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._kinds = settings, kinds_of(settings.ttl_s)
        self._counts = Statistics(now)
        self._kept = Guarded(backend, settings, self._counts, now)
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, kind: str, parts: Sequence[str], source: Source) -> bytes:
        """The answer of these parts; `source` is asked where none is kept, and what it raises is raised here."""
        began, of = time.perf_counter(), self._kinds[kind]
        key = f"{self._settings.prefix}:{key_of(of, parts)}"
        hit = False
        try:
            flight = self._flights.get(key)
            if flight is None or not _joinable(flight):
                if len(self._flights) >= MOST_FLIGHTS:
                    return await source()
                flight = self._depart(of, key, source)
            else:
                self._counts.shared += 1
                await asyncio.sleep(0)
            # Shielded: who leaves must not take the answer from those who wait for it too.
            answer, hit = await asyncio.shield(flight)
            return answer
        finally:
            self._counts.count(kind, key, hit, time.perf_counter() - began)

    def stats(self) -> CacheStats:
        """As of now."""
        return self._counts.read(self._settings.backend, self._kept.state)

    @property
    def busy(self) -> bool:
        """Questions are under way, or answers are being kept."""
        return bool(self._flights)

    async def close(self) -> None:
        """Give up what is under way and let go of the backend."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._kept.close()

    def _depart(self, kind: CacheKind, key: str, source: Source) -> Flight:
        flight = asyncio.ensure_future(self._answer(key, source))
        self._flights[key] = flight
        task = asyncio.ensure_future(self._keep(kind, key, flight))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return flight

    async def _answer(self, key: str, source: Source) -> tuple[bytes, bool]:
        kept = await self._kept.read(key)
        return (kept, True) if kept is not None else (await source(), False)

    async def _keep(self, kind: CacheKind, key: str, flight: Flight) -> None:
        """Who waits has the answer before it is kept; until then it counts as under way, so nobody asks again."""
        try:
            await asyncio.wait({flight})
            if not _failed(flight) and not (found := flight.result())[1]:
                await self._kept.write(kind, key, found[0])
        finally:
            flight.cancel()
            if self._flights.get(key) is flight:
                del self._flights[key]


def _failed(flight: Flight) -> bool:
    return flight.done() and (flight.cancelled() or flight.exception() is not None)


def _joinable(flight: Flight) -> bool:
    """Under way, or answered by the source and not kept yet."""
    return not flight.done() or not (_failed(flight) or flight.result()[1])


def open_cache(settings: CacheSettings, now: Callable[[], float] = time.monotonic) -> Cache:
    """The cache that is configured; nothing is connected yet. ConfigError: a wrong address or kind, no package."""
    if settings.backend != "memory" and settings.backend != "none" and not settings.url:
        raise ConfigError(f"cache.url: cache.backend = {settings.backend} needs the address of its server")
    return Cache(_backend(settings, now), settings, now)


def _backend(settings: CacheSettings, now: Callable[[], float]) -> Backend | None:
    match settings.backend:
        case "memory":
            return Memory(int(settings.memory_mb * (1 << 20)), now)
        case "redis":
            from crosstape.store.cache.redis import Redis

            return Redis(settings.url, settings.connections, settings.read_timeout_s)
        case "memcached":
            from crosstape.store.cache.memcached import Memcached

            return Memcached(settings.url, settings.connections, settings.read_timeout_s)
        case _:
            return None
