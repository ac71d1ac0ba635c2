"""crosstape's side: the machine itself, fed frames."""

from __future__ import annotations

from collections.abc import Sequence

from bench.sides import PRUNE, Books, Top, Trades
from crosstape.engine.machine import Machine
from crosstape.model.frame import Frame, Kind
from crosstape.state.apply import set_top
from crosstape.state.fields import ASK, ASK_SIZE, BID, BID_SIZE, BOUGHT, HIGH, LAST, LOW, SOLD, TRADES
from crosstape.state.tick import _folded_top
from crosstape.venues import VENUES
from crosstape.wire.request import Request

SOURCE = "bybit-linear/0"
TS = 1_795_000_000_000_000_000


def _framed(messages: Sequence[bytes]) -> list[Frame]:
    return [Frame(i + 9, TS + i * 1_000, SOURCE, 1, Kind.DATA, "", 0, "", m) for i, m in enumerate(messages)]


class Ours:
    """Frames into `Machine.feed`: decode, continuity, state, bars, events."""

    name = "crosstape"

    def __init__(self, catalogue: Sequence[bytes], messages: Sequence[bytes]) -> None:
        self.machine = Machine(VENUES)
        key = Request("instruments", "/v5/market/instruments-info", (("category", "linear"),)).key()
        for i, page in enumerate(catalogue):
            self.machine.feed(Frame(i, TS, "bybit-linear/instruments", 0, Kind.ANSWER, key, 200, "", page))
        self.machine.feed(Frame(8, TS, SOURCE, 1, Kind.OPEN, "", 0, "", b""))
        self.frames = _framed(messages)
        self.reads, self.total = 0, 0.0

    def trades(self, messages: Sequence[bytes]) -> None:
        """Events leave as they would with each view."""
        machine, feed = self.machine, self.machine.feed
        for i, frame in enumerate(self.frames):
            feed(frame)
            if i % 500 == 499:
                machine.state.events = []
        self._healthy()

    def books(self, messages: Sequence[bytes], every: int) -> None:
        """Every so often the tops of the changed rows; removed levels are dropped as the depth pass does."""
        feed = self.machine.feed
        changed = self.machine.state.book_dirty
        for i, frame in enumerate(self.frames, 1):
            feed(frame)
            if i % every == 0:
                self._sample(prune=i % (every * PRUNE) == 0 and every > 1)
                changed.clear()
        self._sample(prune=False)
        changed.clear()
        self._healthy()

    def _healthy(self) -> None:
        source = self.machine.state.sources[SOURCE]
        assert not source.errors and not source.gaps, source

    def _sample(self, prune: bool) -> None:
        state = self.machine.state
        for row in state.book_dirty:
            book = state.books[row]
            if book is None:
                continue
            top = _folded_top(state, row, book)
            set_top(state, row, top)
            fold = state.table.folds[row]
            self.reads += 1
            self.total += (top[0] + top[2]) * (1.0 if fold is None else fold.multiplier)
        if prune:
            for row in state.depth_dirty:
                if (book := state.books[row]) is not None:
                    book.prune()
            state.depth_dirty.clear()

    def quotes(self, messages: Sequence[bytes]) -> None:
        """Best bid and offer messages: the cell has the top after each."""
        feed = self.machine.feed
        for frame in self.frames:
            feed(frame)
        self._healthy()

    def traded(self) -> Trades:
        """Cells hold the open second, which is the whole run: no TICK closed it. Multipliers are taken back."""
        out: Trades = {}
        state = self.machine.state
        for native, row in state.table.by_market["bybit-linear"].items():
            cell, fold = state.cells[row], state.table.folds[row]
            if cell[TRADES]:
                scale = 1.0 if fold is None else fold.multiplier
                out[native] = (cell[BOUGHT], cell[SOLD], int(cell[TRADES]), cell[LAST] * scale,
                               cell[HIGH] * scale, cell[LOW] * scale)  # fmt: skip
        return out

    def booked(self) -> Books:
        """Native levels."""
        state = self.machine.state
        books, tops = {}, {}
        for native, row in state.table.by_market["bybit-linear"].items():
            book, cell, fold = state.books[row], state.cells[row], state.table.folds[row]
            scale = 1.0 if fold is None else fold.multiplier
            top: Top = (cell[BID] * scale, cell[BID_SIZE] / scale, cell[ASK] * scale, cell[ASK_SIZE] / scale)
            if book is not None:
                book.prune()
                books[native] = (book.bids, book.asks)
            if top[0] == top[0]:
                tops[native] = top
        return Books(books, tops, self.reads, self.total)
