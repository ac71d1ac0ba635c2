"""The cache in memcached, over pooled connections. Its client waits, so it is called in threads of its own."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

from crosstape.model.errors import ConfigError, StoreError

T = TypeVar("T")
# The server's own limit for one value, less what it keeps beside it.
MOST_VALUE = (1 << 20) - 1_024
PORT = 11_211
# Beyond thirty days memcached takes a time for a date.
MOST_TTL_S = 30 * 86_400


class Memcached:
    """A `Backend`. Values above a megabyte are not kept: the server refuses them."""

    def __init__(self, url: str, connections: int, timeout_s: float) -> None:
        try:
            from pymemcache.client.base import PooledClient
            from pymemcache.exceptions import MemcacheError
        except ImportError as error:
            raise ConfigError(
                "cache.backend = memcached needs one more package: install crosstape[cache]"
            ) from error
        self._client: Any = PooledClient(
            _address(url), connect_timeout=timeout_s, timeout=timeout_s, no_delay=True, max_pool_size=connections
        )
        self._failure = MemcacheError
        self._threads = ThreadPoolExecutor(connections, "memcached")

    async def get(self, key: str) -> bytes | None:
        """What was put, if its time is not over."""
        found: bytes | None = await self._call(lambda: self._client.get(key))
        return found

    async def put(self, key: str, value: bytes, ttl_s: float) -> Sequence[str]:
        """Keep it, for whole seconds: memcached knows no fractions; rounded down, but not to none."""
        if len(value) > MOST_VALUE:
            return (key,)
        seconds = min(max(math.floor(ttl_s), 1), MOST_TTL_S)
        await self._call(lambda: self._client.set(key, value, expire=seconds, noreply=False))
        return ()

    async def close(self) -> None:
        """Close every connection."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _call(self, ask: Callable[[], T]) -> T:
        def twice() -> T:
            try:
                return ask()
            except (ConnectionError, EOFError, self._failure):
                # A pooled connection that slept through the server's restart fails on first use, and only then.
                return ask()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, twice)
        except TimeoutError:
            raise
        except (OSError, EOFError, RuntimeError, self._failure) as error:
            raise StoreError(f"memcached: {' '.join(str(error).split())[:200]}") from error


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port or PORT
    except ValueError:
        port = 0
    if parts.scheme != "memcached" or not parts.hostname or not port:
        raise ConfigError("cache.url: not an address of memcached, such as memcached://127.0.0.1:11211")
    return parts.hostname, port
