"""Real captures through the real machine: no gap, and the rebuilt top is what bookTicker says at the same id."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from crosstape.engine.machine import Machine
from crosstape.model.event import Continuity
from crosstape.model.frame import Frame, Kind
from crosstape.venues.binance import BINANCE
from support.captured import captured
from support.shared import SHARED, needs_shared

pytestmark = needs_shared
CAPTURES = SHARED / "data" / "binance" / "hftbacktest"
Top = tuple[float, float, float, float]


class Compared:
    """Folds frames, and sets each top of the book against the bookTicker of the same update id."""

    def __init__(self, market: str, native: str) -> None:
        self.machine = Machine((BINANCE,))
        self.market, self.native = market, native
        self.quotes: dict[int, Top] = {}
        self.tops: dict[int, Top] = {}
        self.wrong: list[tuple[int, Top, Top]] = []
        self.compared = self.deltas = 0

    def fold(self, frames: Iterator[Frame]) -> None:
        for frame in frames:
            self.machine.step(frame)
            if frame.kind is Kind.DATA:
                self._look(frame.payload)

    def _look(self, payload: bytes) -> None:
        if b'@bookTicker"' in payload[:60]:
            said = json.loads(payload)["data"]
            self.quotes[said["u"]] = (float(said["b"]), float(said["B"]), float(said["a"]), float(said["A"]))
            self._compare(said["u"])
        elif b"@depth" in payload[:60]:
            self.deltas += 1
            book = self.machine.state.books[self.row]
            if book is not None and book.synced:
                self.tops[book.last] = book.top()
                self._compare(book.last)

    def _compare(self, update: int) -> None:
        if update in self.quotes and update in self.tops:
            top, quote = self.tops.pop(update), self.quotes.pop(update)
            self.compared += 1
            if top != quote:
                self.wrong.append((update, top, quote))

    @property
    def row(self) -> int:
        return self.machine.state.table.by_market[self.market][self.native]

    @property
    def source(self) -> str:
        return f"{self.market}/0"


DAYS = {
    "spot": ("binance-spot", "BTCUSDT", ("spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz")),
    "usdm": ("binance-usdm", "BTCUSDT", ("usdm/btcusdt_20240808.gz",)),
    "coinm": ("binance-coinm", "BTCUSD_PERP", ("cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz")),
}
# How many updates a bookTicker and a depth message end at the same id: so many tops can be compared.
COMPARABLE = {"spot": 1072, "usdm": 629, "coinm": 1885}


@pytest.mark.parametrize("name", DAYS)
def test_no_gap_and_the_same_top(name: str) -> None:
    market, native, files = DAYS[name]
    compared = Compared(market, native)
    for n, file in enumerate(files):
        compared.fold(captured(CAPTURES / file, market, continues=n > 0, seq=n * 10**7))
    state = compared.machine.state
    said = [event.what for _, event in state.events if isinstance(event, Continuity)]
    source = state.sources[compared.source]
    assert (source.gaps, source.errors) == (0, 0)
    assert said.count("Gap") == 0
    assert said.count("Snapshot") == 1
    book = state.books[compared.row]
    assert book is not None
    assert book.synced
    assert not compared.wrong
    assert compared.compared == COMPARABLE[name]
