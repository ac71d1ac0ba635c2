"""crosstape's sides: its decoder as a library, and the machine itself, fed frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench.sides import PRUNE, Books, Top, Trades
from crosstape.engine.machine import Machine
from crosstape.model.event import BookDelta, BookSnapshot, Side
from crosstape.model.frame import Frame, Kind
from crosstape.state.apply_book import set_top
from crosstape.state.book import Applied, Book
from crosstape.state.fields import ASK, ASK_SIZE, BID, BID_SIZE, BOUGHT, HIGH, LAST, LOW, SOLD, TRADES
from crosstape.state.tick import _folded_top
from crosstape.venues import VENUES
from crosstape.venues.bybit.stream import decode
from crosstape.wire.request import Request
from crosstape.wire.venue import BookRule

SOURCE = "bybit-linear/0"
BUY = Side.BUY
TS = 1_795_000_000_000_000_000


# Typed loosely: which events a topic carries is known here.
read: Callable[[bytes], Sequence[Any]] = decode


def _framed(messages: Sequence[bytes]) -> list[Frame]:
    return [Frame(i + 9, TS + i * 1_000, SOURCE, 1, Kind.DATA, "", 0, "", m) for i, m in enumerate(messages)]


class Library:
    """What the others are asked for and no more: `venues.bybit` decodes, the caller accumulates."""

    name = "crosstape's decoder"

    def __init__(self, catalogue: Sequence[bytes], messages: Sequence[bytes]) -> None:
        self.messages = list(messages)
        self.sums: dict[str, list[float]] = {}
        self.kept: dict[str, Book] = {}
        self.changed: dict[str, Book] = {}
        self.tops: dict[str, Top] = {}
        self.reads, self.total = 0, 0.0

    def trades(self, messages: Sequence[bytes]) -> None:
        """Events into six sums an instrument."""
        sums = self.sums
        for message in self.messages:
            for trade in read(message):
                price, size = trade.price, trade.size
                own = sums.get(trade.symbol)
                if own is None:
                    own = sums[trade.symbol] = [0.0, 0.0, 0, price, price, price]
                own[0 if trade.taker is BUY else 1] += price * size
                own[2] += 1
                own[3] = price
                if price > own[4]:
                    own[4] = price
                if price < own[5]:
                    own[5] = price

    def books(self, messages: Sequence[bytes], every: int) -> None:
        """Events into books, tops read every so often."""
        kept, changed = self.kept, self.changed
        for i, message in enumerate(self.messages, 1):
            for event in read(message):
                book = kept.get(event.symbol)
                if book is None:
                    book = kept[event.symbol] = Book()
                if type(event) is BookDelta:
                    assert book.update(event, BookRule.STEP) is Applied.YES
                elif type(event) is BookSnapshot:
                    book.replace(event)
                changed[event.symbol] = book
            if i % every == 0:
                self._sample(prune=i % (every * PRUNE) == 0 and every > 1)
        self._sample(prune=False)

    def _sample(self, prune: bool) -> None:
        for symbol, book in self.changed.items():
            top = self.tops[symbol] = book.top()
            self.reads += 1
            self.total += top[0] + top[2]
            if prune:
                book.prune()
        self.changed.clear()

    def quotes(self, messages: Sequence[bytes]) -> None:
        """The newest quote an instrument."""
        tops = self.tops
        for message in self.messages:
            for quote in read(message):
                tops[quote.symbol] = quote.bid, quote.bid_size, quote.ask, quote.ask_size

    def traded(self) -> Trades:
        """As summed."""
        return {s: (b, so, int(n), la, hi, lo) for s, (b, so, n, la, hi, lo) in self.sums.items()}

    def booked(self) -> Books:
        """As kept."""
        for book in self.kept.values():
            book.prune()
        books = {symbol: (book.bids, book.asks) for symbol, book in self.kept.items()}
        return Books(books, self.tops, self.reads, self.total)


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
        assert not source.errors, source
        assert not source.gaps, source

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
