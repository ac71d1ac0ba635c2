"""The terminal dashboard against a real server whose views stand still."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from crosstape.client import AsyncClient
from crosstape.tui.app import Desk
from crosstape.tui.page import Page
from support.served import Notebook, Stage, staged

PATIENCE_S = 120.0
SNAPSHOTS = Path(__file__).parent / "snapshots"
SIZE = (150, 40)


@pytest.fixture
def notebook() -> Notebook:
    return Notebook({"see": "viewer"})


@pytest.fixture
async def stage(notebook: Notebook) -> AsyncIterator[Stage]:
    async with staged(ledger=notebook, ticks=30) as stage:
        yield stage


class Seat:
    """A dashboard, and somebody in front of it."""

    def __init__(self, app: Desk, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def text(self) -> str:
        """What is on the screen; the server's port, which differs, as PORT."""
        strips = self.app.screen._compositor.render_strips()
        lines = ["".join(segment.text for segment in strip).rstrip() for strip in strips]
        return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", "\n".join(lines))

    async def until(self, done: Callable[[], bool]) -> None:
        """Waits for it, with the dashboard alive."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not done():
                    await self.pilot.pause(0.05)
        except TimeoutError:
            raise AssertionError(f"did not come about; on the screen:\n{self.text}") from None

    async def reads(self, *words: str) -> None:
        """Waits until all of that is on the screen."""
        await self.until(lambda: all(word in self.text for word in words))

    async def page(self, heading: str) -> Page:
        """Waits for a page to be seen."""
        await self.until(lambda: isinstance(self.app.screen, Page) and self.app.screen.heading == heading)
        screen = self.app.screen
        assert isinstance(screen, Page)
        return screen


@contextlib.asynccontextmanager
async def seated(url: str, key: str = "", **options: Any) -> AsyncIterator[Seat]:
    """The clock stands still unless `clock` is given."""
    options.setdefault("clock", lambda: 0.0)
    async with AsyncClient(url, key, timeout_s=60) as client:
        app = Desk(client, **options)
        async with app.run_test(size=SIZE) as pilot:
            yield Seat(app, pilot)


@pytest.fixture
async def seat(stage: Stage) -> AsyncIterator[Seat]:
    async with seated(f"http://127.0.0.1:{stage.port}") as seat:
        await seat.reads("bybit-linear:BTCUSDT")
        yield seat


def same_as_kept(name: str, text: str) -> None:
    """Compare with the kept picture; CROSSTAPE_KEEP_SNAPSHOTS=1 keeps this one instead."""
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("CROSSTAPE_KEEP_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    assert text + "\n" == path.read_text(), f"{path.name} differs; on the screen:\n{text}"
