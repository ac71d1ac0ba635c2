"""What a soak sees of a running crosstape: memory, continuity, trades; bounded itself."""

from __future__ import annotations

import asyncio
from collections import Counter

import psutil

from crosstape.app.running import Live
from crosstape.engine.view import View
from crosstape.model.event import Continuity, Trade

SAMPLE_S = 2.0
# Ids kept of each instrument, to see one that comes again: more than a reconnect can repeat, and soon full.
IDS = 300
NUMBERED = ("binance-usdm", "okx-swap")


class Numbers:
    """The trades of one instrument that counts them: which of its numbers never came."""

    def __init__(self) -> None:
        self.first = self.last = self.came = 0

    def take(self, number: int) -> None:
        """One more."""
        self.first = self.first or number
        self.first, self.last = min(self.first, number), max(self.last, number)
        self.came += 1


class Watch:
    """Takes every view. `resyncs`: seconds from each gap to the book in sync."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.said: Counter[str] = Counter()
        self.samples: list[tuple[int, int]] = []
        self.resyncs: list[float] = []
        self.numbers: dict[str, Numbers] = {}
        self.trades = self.views = self.twice = 0
        self._open: dict[str, int] = {}
        self._down = 0
        self._outages: list[float] = []
        self._ids: dict[int, dict[str, None]] = {}
        self._process = psutil.Process()
        self._view: View | None = None

    async def sample(self) -> None:
        """Memory, every two real seconds, until cancelled."""
        while True:
            self.samples.append((self.live.clock.now(), self._process.memory_info().rss))
            await asyncio.sleep(SAMPLE_S)

    def see(self, view: View) -> None:
        """One view."""
        self._view = view
        self.views += 1
        for row, event in view.events:
            if type(event) is Trade:
                self._trade(view, row, event)
            elif type(event) is Continuity:
                self._continuity(view, row, event)
        if self._down and self.unsynced() == 0:
            self._outages.append((view.ts - self._down) * 1e-9)
            self._down = 0

    def _trade(self, view: View, row: int, event: Trade) -> None:
        self.trades += 1
        ids = self._ids.setdefault(row, {})
        self.twice += event.id in ids
        ids[event.id] = None
        if len(ids) > IDS:
            del ids[next(iter(ids))]
        instrument = view.rows.instruments[row]
        if instrument is not None and instrument.market in NUMBERED and event.id.isdigit():
            self.numbers.setdefault(instrument.id, Numbers()).take(int(event.id))

    def _continuity(self, view: View, row: int, event: Continuity) -> None:
        self.said[event.what] += 1
        instrument = view.rows.instruments[row] if row >= 0 else None
        if event.what == "Closed" and not self._down:
            self._down = event.ts_event
        if instrument is None:
            return
        if event.what == "Gap":
            self._open.setdefault(instrument.id, event.ts_event)
        elif event.what == "Resumed" and (since := self._open.pop(instrument.id, 0)):
            self.resyncs.append((event.ts_event - since) * 1e-9)

    @property
    def errors(self) -> int:
        """Messages that could not be read."""
        return sum(source.errors for source in self.live.machine.state.sources.values())

    def books(self) -> int:
        """How many there are."""
        return sum(book is not None for book in self.live.machine.state.books)

    def unsynced(self) -> int:
        """How many of them are out of sync."""
        return sum(book is not None and not book.synced for book in self.live.machine.state.books)

    def unanswered(self) -> int:
        """How many rows still wait for trades that they may have missed."""
        return sum(not hole.answered for hole in self.live.machine.state.holes.values())

    def lacking(self) -> list[tuple[str, int]]:
        """Which instruments' numbers have holes, and how many are in them."""
        return [(name, lost) for name, n in self.numbers.items() if (lost := n.last - n.first + 1 - n.came) > 0]

    def longest_outage(self) -> float:
        """Seconds from a lost connection until every book was in sync again."""
        return max(self._outages, default=float("nan"))


def missing_trades(watch: Watch) -> tuple[int, int]:
    """(trades of numbered instruments that never came, how many there were)."""
    there = sum(n.last - n.first + 1 for n in watch.numbers.values())
    came = sum(n.came for n in watch.numbers.values()) - watch.twice
    return max(there - came, 0), there
