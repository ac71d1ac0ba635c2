"""A tape served as if it were live: the same API, marked REPLAY, that can be moved in time."""

from __future__ import annotations

import asyncio
import hmac
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from crosstape import __version__
from crosstape.api.app import create_app
from crosstape.api.hub import Hub
from crosstape.api.ports import OperationsStatus, TapeStatus
from crosstape.api.routes_replay import stamp
from crosstape.api.server import serving
from crosstape.api.settings import ApiSettings
from crosstape.app.player import Player
from crosstape.app.reel import beginning
from crosstape.model.access import Grant, Written
from crosstape.model.errors import ConfigError
from crosstape.tape.summary import Summary, summarise
from crosstape.venues import VENUES


class Vitals:
    """How the process is doing; there are no feeds."""

    def __init__(self, folder: Path, summary: Summary) -> None:
        self._process, self._began = psutil.Process(), time.monotonic()
        self._process.cpu_percent()
        self._tape = TapeStatus(False, str(folder), summary.bytes, summary.segments)

    def status(self) -> OperationsStatus:
        """As of now."""
        return OperationsStatus(
            version=__version__, uptime_s=time.monotonic() - self._began, tape=self._tape,
            memory_bytes=self._process.memory_info().rss, memory_percent=self._process.memory_percent(),
            cpu_percent=self._process.cpu_percent(),
        )  # fmt: skip


class Nothing:
    """No executions."""

    def count(self, stream: int = 0, instrument: str = "") -> int:
        """None."""
        return 0

    def every(self, stream: int = 0, instrument: str = "") -> tuple[()]:
        """None."""
        return ()


class InMemory:
    """A ledger that writes nothing: preferences last as long as the replay, and there is one key."""

    def __init__(self, key: str) -> None:
        self._key, self._prefs = key, dict[str, dict[str, Any]]()

    @property
    def executions(self) -> Nothing:
        """A tape has market data; own executions are in the ledger of the server that recorded it."""
        return Nothing()

    def prefs_get(self, user: str) -> dict[str, Any]:
        """What was put."""
        return self._prefs.get(user, {})

    def prefs_put(self, user: str, prefs: dict[str, Any]) -> None:
        """One user's; there is hardly more than one."""
        self._prefs = {user: prefs}

    def completeness(self, source: str, since: int, until: int) -> tuple[()]:
        """Only the running hour of a replay is known, and the tape tells that."""
        return ()

    def key_grant(self, key: str) -> Grant | None:
        """The one key may do all."""
        right = self._key and hmac.compare_digest(key.encode(), self._key.encode())
        return Grant(0, "replay", "admin") if right else None

    def audit_put(self, rows: Sequence[Written]) -> None:
        """A replay writes nothing; whoever asked for it is in the log of the server that started it."""

    def audit(self, since: int = 0, until: int = 0, who: str = "", limit: int = 100) -> tuple[()]:
        """Nothing is written here."""
        return ()


async def serve_replay(
    folder: Path, at: int | None, port: int, say: Callable[[str], None], key: str = "", parent: bool = False
) -> None:
    """Until SIGINT or SIGTERM, or with `parent` until standard input closes. Loopback only.

    ConfigError for a time outside the tape, TapeError for a tape that cannot be read.
    """
    summary = await asyncio.to_thread(summarise, folder)
    start, end = beginning(summary), summary.last_ts
    if at is not None and not start // 1_000_000 * 1_000_000 <= at <= end:
        raise ConfigError(f"--at: not on the tape; allowed: {stamp(start)} … {stamp(end)}")
    hub = Hub()
    player = Player(folder, summary, hub, at)
    settings = ApiSettings(host="127.0.0.1", port=port, mode="replay", require_key=bool(key))
    app = create_app(hub, Vitals(folder, summary), VENUES, InMemory(key), settings, player=player.deck)
    async with serving(app, settings) as bound:
        say(f"replay of {folder.name} is at http://{settings.host}:{bound}/")
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(player.run())
            try:
                await _told_to_stop(parent)
            finally:
                playing.cancel()


async def _told_to_stop(parent: bool) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if parent:
        loop.add_reader(sys.stdin.fileno(), lambda: stop.set() if not sys.stdin.buffer.read(1) else None)
    try:
        await stop.wait()
    finally:
        if parent:
            loop.remove_reader(sys.stdin.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
