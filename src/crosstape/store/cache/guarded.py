"""A backend whose trouble is counted and never let out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from crosstape.model.errors import StoreError
from crosstape.store.cache.backend import Backend, pack, unpack
from crosstape.store.cache.circuit import Circuit
from crosstape.store.cache.kinds import CacheKind
from crosstape.store.cache.settings import CacheSettings
from crosstape.store.cache.statistics import Statistics


class Guarded:
    """What is not kept, cannot be read or comes too late is None; what cannot be kept is not.

    While the backend fails it is passed by; a probe in the background finds out when it is back.
    """

    def __init__(
        self, backend: Backend | None, settings: CacheSettings, counts: Statistics, now: Callable[[], float]
    ) -> None:
        self._backend, self._settings, self._counts = backend, settings, counts
        self._circuit = Circuit(now)
        self._probing: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """closed: in use; open: passed by."""
        return "open" if self._circuit.open else "closed"

    async def read(self, key: str) -> bytes | None:
        """What is kept under the key."""
        if self._backend is None or self._passed_by():
            return None
        try:
            async with asyncio.timeout(self._settings.read_timeout_s):
                kept = await self._backend.get(key)
        except (TimeoutError, StoreError) as error:
            self._trouble(error)
            return None
        self._circuit.good()
        try:
            return unpack(kept) if kept is not None else None
        except StoreError:
            self._counts.errors += 1
            return None

    async def write(self, kind: CacheKind, key: str, value: bytes) -> None:
        """Keep it for the time of its kind."""
        if self._backend is None or self._circuit.open:
            return
        kept = pack(value, 0 if kind.packed else self._settings.compress_over)
        try:
            async with asyncio.timeout(self._settings.read_timeout_s):
                gone = await self._backend.put(key, kept, kind.ttl_s)
        except (TimeoutError, StoreError) as error:
            self._trouble(error)
            return
        self._counts.stored(key, len(value), kept, kind.ttl_s, gone)

    async def close(self) -> None:
        """Let go of the backend."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        if self._backend is not None:
            await self._backend.close()

    def _passed_by(self) -> bool:
        if not self._circuit.open:
            return False
        self._counts.passed_by += 1
        if self._circuit.probe_is_due and (self._probing is None or self._probing.done()):
            self._circuit.probing()
            self._probing = asyncio.ensure_future(self._probe())
        return True

    async def _probe(self) -> None:
        assert self._backend is not None
        try:
            async with asyncio.timeout(self._settings.read_timeout_s):
                await self._backend.get(f"{self._settings.prefix}:probe")
        except (TimeoutError, StoreError) as error:
            self._trouble(error)
        else:
            self._circuit.good()

    def _trouble(self, error: Exception) -> None:
        if isinstance(error, TimeoutError):
            self._counts.timeouts += 1
        else:
            self._counts.errors += 1
        self._circuit.bad()
