"""Keeps one crashed task from taking the others with it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from crosstape.feeds.backoff import Backoff
from crosstape.feeds.failed import failed
from crosstape.feeds.settings import Ports

SECOND = 1_000_000_000
Work = Callable[[], Coroutine[Any, Any, None]]


class Log(Protocol):
    """What the feeds need of a logger."""

    def warning(self, event: str, **facts: Any) -> Any:
        """Something went wrong and was dealt with."""
        ...


def first_error(error: BaseException) -> BaseException:
    """The first real error inside nested groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Guard:
    """Runs work in tasks of their own: a crash is counted, logged, on the tape, and restarted with
    backoff. Where words of an error may be secrets (not `traced`) only its kind is told."""

    def __init__(self, ports: Ports, chance: random.Random, log: Log, traced: bool = True) -> None:
        self._ports, self._chance, self._log, self._traced = ports, chance, log, traced
        self.crashes: Counter[str] = Counter()

    async def keep(self, source: str, work: Work) -> None:
        """Run for ever; returns when the work itself returns."""
        clock, settings = self._ports.clock, self._ports.settings
        backoff = Backoff(self._chance, settings.backoff_first_s, settings.backoff_cap_s, settings.backoff_good_s)
        while True:
            started = clock.now()
            if await self.once(source, work):
                return
            backoff.lived((clock.now() - started) / SECOND)
            await clock.sleep(backoff.next())

    async def once(self, source: str, work: Work) -> bool:
        """Run to the end; False = it crashed."""
        task = asyncio.create_task(work(), name=source)
        try:
            # Looking at the finished task instead of catching: any error at all is a crash, none is
            # swallowed.
            await asyncio.wait({task})
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        error = None if task.cancelled() else task.exception()
        if error is None:
            return True
        error = first_error(error)
        self.crashes[source] += 1
        told, trace = (repr(error), error) if self._traced else (type(error).__name__, None)
        self._log.warning("feed crashed", source=source, error=told, exc_info=trace)
        failed(self._ports, source, "crash", told)
        return False
