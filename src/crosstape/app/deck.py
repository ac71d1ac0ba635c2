"""The buttons of a replay, and what it shows of itself."""

from __future__ import annotations

import asyncio
import time

from crosstape.api.hub import Hub
from crosstape.api.ports import ReplayStatus


class Deck:
    """Implements the API's `Player`; `app.player` does what it says, between two views.

    target   where to be, ns; None = there
    seeks    counts seeks: one that is under way notices the next
    steps    views still to go on by
    state    playing paused ended failed
    origin   (wall s, tape ns) from which playing is paced; (…, 0) = from the next view
    """

    def __init__(self, hub: Hub, start: int, end: int, at: int | None) -> None:
        self._hub, self.start, self.end = hub, start, end
        self.target: int | None = start if at is None else at
        self.seeks, self.steps = 0, 0
        self.state, self.error, self.speed, self.progress = "paused", "", 1.0, 0.0
        self.origin = (0.0, 0)
        self._woken = asyncio.Event()

    def status(self) -> ReplayStatus:
        """As of now."""
        state = "seeking" if self.target is not None else self.state
        at = self._hub.view.ts if self._hub.view is not None else self.start
        return ReplayStatus(at, self.start, max(self.end, at), self.speed, self.progress, state, self.error)

    def play(self) -> None:
        """Go on."""
        self._turn("playing")

    def pause(self) -> None:
        """Stay here."""
        self._turn("paused")

    def seek(self, ts: int) -> None:
        """Be at `ts`; what was playing goes on from there."""
        self.target, self.progress = ts, 0.0
        self.seeks += 1
        self._turn("playing" if self.state == "playing" else "paused")

    def step(self) -> None:
        """One view on."""
        self._turn("paused")
        self.steps += 1

    def set_speed(self, speed: float) -> None:
        """Times real time."""
        self.speed = speed
        self._turn(self.state)

    def fail(self, reason: str) -> None:
        """The tape cannot be read on from here."""
        self.target, self.steps, self.progress = None, 0, 1.0
        self.state, self.error = "failed", reason

    def _turn(self, state: str) -> None:
        self.state, self.error = state, ""
        self.pace_anew()
        self._woken.set()

    def pace_anew(self) -> None:
        """Playing is paced from the next view on."""
        self.origin = (time.perf_counter(), 0)

    async def wait(self, seconds: float) -> None:
        """So long, or until a button is pressed."""
        self._woken.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
