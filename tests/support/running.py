"""Run a live crosstape until something is so, however slow the machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from crosstape.app.running import Live
from crosstape.engine.view import View

BOUND_S = 120.0


async def run_until(live: Live, views: list[View], done: Callable[[], bool], bound_s: float = BOUND_S) -> None:
    """Its views go to `views`. At the bound it ends as well: the test's own assertions then say what is missing."""
    running = asyncio.ensure_future(live.run(live.pump(views.append, frozenset)))
    loop = asyncio.get_running_loop()
    deadline = loop.time() + bound_s
    try:
        while not (running.done() or (views and done())) and loop.time() < deadline:
            await asyncio.sleep(0.05)
    finally:
        ended = running.done()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert not ended, "it stopped by itself"
