"""The cache in Redis, over pooled connections."""

from __future__ import annotations

from collections.abc import Sequence

from crosstape.model.errors import ConfigError, StoreError


class Redis:
    """A `Backend`. At most `connections` are open; who finds none free waits, within the read timeout."""

    def __init__(self, url: str, connections: int, timeout_s: float) -> None:
        try:
            import redis.asyncio as client
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import RedisError
        except ImportError as error:
            raise ConfigError("cache.backend = redis needs one more package: install crosstape[cache]") from error
        try:
            # Once more at once: a connection that slept through the server's restart fails on first use.
            self._pool = client.BlockingConnectionPool.from_url(
                url, max_connections=connections, timeout=timeout_s, socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 1),
                retry_on_error=[ConnectionError],
            )  # fmt: skip
        except ValueError as error:
            raise ConfigError(
                f"cache.url: not an address of Redis, such as redis://127.0.0.1:6379/0: {error}"
            ) from error
        self._client = client.Redis(connection_pool=self._pool)
        self._failure = RedisError

    async def get(self, key: str) -> bytes | None:
        """What was put, if its time is not over."""
        try:
            found = await self._client.get(key)
        except self._failure as error:
            raise _plain(error) from error
        return found if isinstance(found, bytes) else None

    async def put(self, key: str, value: bytes, ttl_s: float) -> Sequence[str]:
        """Keep it; Redis makes room by its own rule and does not say so."""
        try:
            await self._client.set(key, value, px=max(int(ttl_s * 1e3), 1))
        except self._failure as error:
            raise _plain(error) from error
        return ()

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        await self._pool.disconnect()


def _plain(error: Exception) -> Exception:
    if type(error).__name__ == "TimeoutError":
        return TimeoutError("Redis did not answer in time")
    return StoreError(f"Redis: {' '.join(str(error).split())[:200]}")
