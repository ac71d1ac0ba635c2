"""Plays a tape into a hub: pace, pause, step, and jumps in time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec

from crosstape.api.hub import Hub
from crosstape.app.deck import Deck
from crosstape.app.reel import Reel, beginning
from crosstape.engine.view import View
from crosstape.model.errors import TapeError
from crosstape.tape.summary import Summary, summarise

TOLD_S = 0.05
CATCHING_S = 0.25
REST_S = 0.1
# A longer wait is a hole of the tape; when further behind, time is not caught up.
HOLE_S, LATE_S = 2.0, 0.5
GROWS_S = 10.0


class Player:
    """Does what its deck says; begins at the tape's beginning, or at `at` (ns)."""

    def __init__(self, folder: Path, summary: Summary, hub: Hub, at: int | None = None) -> None:
        self.deck = Deck(hub, beginning(summary), summary.last_ts, at)
        self._folder, self._hub = folder, hub
        self._reel = Reel(folder, summary.first_seq, hub.interest)
        self._told, self._untold = 0.0, False

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._play())

    async def _play(self) -> None:
        deck = self.deck
        while True:
            try:
                if deck.target is not None:
                    await self._seek(deck.target, deck.seeks)
                elif deck.state == "playing" or deck.steps:
                    await self._advance()
                else:
                    await self._rest()
            except TapeError as error:
                deck.fail(str(error))

    async def _seek(self, target: int, number: int) -> None:
        deck = self.deck
        if not self._reel.reaches(target):
            await self._reel.begin(target)
            first = self._reel.still() or await self._reel.next_view()
            self._hub.rewind(self._reel.minutes.of)
            if first is not None:
                self._hub.publish(first)
            self._hub.repaint()
        start = self._reel.ts
        while number == deck.seeks and (view := await self._reel.next_view(target)) is not None:
            deck.progress = min((view.ts - start) / max(target - start, 1), 1.0)
            self._publish(view, CATCHING_S)
        if number == deck.seeks:
            deck.target, deck.progress, deck.steps = None, 1.0, 0
            deck.pace_anew()
            self._untold = False
            # What topics of events were not told on the way is in the snapshot.
            self._hub.repaint()

    async def _advance(self) -> None:
        deck = self.deck
        stepping, deck.steps = deck.steps > 0, max(deck.steps - 1, 0)
        view = await self._reel.next_view()
        if view is None:
            deck.state = "ended"
            return
        if not stepping:
            await self._pace(view)
        self._publish(view, 0.0 if stepping else TOLD_S)

    async def _pace(self, view: View) -> None:
        (wall, ts), speed = self.deck.origin, self.deck.speed
        wait = wall + (view.ts - ts) * 1e-9 / speed - time.perf_counter()
        if not ts or not -LATE_S < wait < HOLE_S / min(speed, 1.0):
            self.deck.origin = (time.perf_counter(), view.ts)
        elif wait > 0:
            await self.deck.wait(wait)

    async def _rest(self) -> None:
        """Stay; a book that somebody wants is taken from where the tape stands."""
        view = self._hub.view
        if self._untold:
            self._untold = False
            self._hub.repaint()
        if view is not None:
            fresh = self._reel.books(self._hub.interest() - view.books.keys())
            if fresh:
                books = {**view.books, **fresh}
                self._hub.publish(msgspec.structs.replace(view, books=books, events=()))
                self._hub.repaint()
        await self.deck.wait(REST_S)

    def _publish(self, view: View, every_s: float) -> None:
        now = time.perf_counter()
        tell = now - self._told >= every_s
        if tell:
            self._told = now
        self._untold = not tell
        self._hub.publish(view, tell)

    async def _follow(self) -> None:
        """A tape that is still written grows."""
        size = -1
        while True:
            now = await asyncio.to_thread(_size, self._folder)
            if size >= 0 and now != size:
                try:
                    self.deck.end = (await asyncio.to_thread(summarise, self._folder)).last_ts
                except TapeError:
                    now = size
            size = now
            await asyncio.sleep(GROWS_S)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.tape"))
