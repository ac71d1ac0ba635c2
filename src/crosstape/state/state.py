"""The state: every row's newest figures, its past, its book and its bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstape.model.event import AnyEvent
from crosstape.model.instrument import Instrument
from crosstape.state.bars import Bars
from crosstape.state.book import Book
from crosstape.state.check import Check
from crosstape.state.fields import (
    CELL_SIZE,
    EMPTY_CELL,
    NOW_SIZE,
)
from crosstape.state.hole import Hole
from crosstape.state.identity import Identity
from crosstape.state.leadlag import LeadLag
from crosstape.state.owned import Owned
from crosstape.state.pulse import Pulse
from crosstape.state.rings import Rings
from crosstape.state.seen import Seen
from crosstape.state.source import Source
from crosstape.state.table import Table, place, undescribed
from crosstape.wire.effect import Effect

F64 = NDArray[np.float64]
FIRST_LARGE = 25_000.0


class State:
    """Written by `state.apply` a message at a time, read by columns through `state.at.At` on a tick.

    cells     a Python list a row (`state.fields`), written by messages
    now       (NOW_SIZE, capacity): the cells as of the last tick
    usd       (rows) dollars a unit of quote as of the last second, NaN = no rate
    dirty     rows changed since the last tick; touched: since the open second began
    depth     (DEPTH_SIZE, capacity): what the last depth pass found
    opened    (capacity): seconds since the epoch when the row's stream came up, inf while it is down
    gap_s, crossed_s   when its last gap was seen, since when its quote is crossed
    halved    its open interest was published for both sides; resyncing: its book waits for a snapshot
    lossy     its liquidations come from a stream that leaves some out; sampled: its books come as pictures
    trading, touching   how often each row trades, and its quote or book changes
    seen      by row: the trades it has had lately; holes: rows whose trades are being made up for
    own       own accounts by their source
    unproven  ids of its book were left out, and the venue is known to do so; doubts: such rows, not yet checked
    checks    by row: what its book looked like while the venue's own picture of it is asked for
    repaired_s   when part of its past last came from REST; skewed: its venue's clock and ours disagree
    events, effects    since the last tick: what goes into the view, what the shell is asked to do
    """

    def __init__(self, capacity: int = 256) -> None:
        self.table = Table()
        self.identity = Identity()
        self.leadlag = LeadLag()
        self.trading, self.touching = Pulse(capacity), Pulse(capacity)
        self.rings = Rings(capacity)
        self.now: F64 = np.full((NOW_SIZE, capacity), np.nan)
        self.cells: list[list[float]] = []
        self.bars: list[Bars] = []
        self.books: list[Book | None] = []
        self.quoted: list[bool] = []
        self.seen: list[Seen] = []
        self.holes: dict[int, Hole] = {}
        self.checks: dict[int, Check] = {}
        self.doubts: dict[int, int] = {}
        self.large_at: list[float] = []
        self.dirty: set[int] = set()
        self.touched: set[int] = set()
        self.book_dirty: set[int] = set()
        self.depth_dirty: set[int] = set()
        self.open_bars: set[int] = set()
        self.sources: dict[str, Source] = {}
        self.own: dict[str, Owned] = {}
        self.events: list[tuple[int, AnyEvent]] = []
        self.effects: list[Effect] = []
        self.late_trades = self.ts = self.second = 0
        self.usd: F64 = np.zeros(0)
        self.depth: F64 = np.full((DEPTH_SIZE, capacity), np.nan)
        self.opened: F64 = np.full(capacity, np.inf)
        self.gap_s: F64 = np.full(capacity, -np.inf)
        self.crossed_s: F64 = np.full(capacity, np.inf)
        self.halved = np.zeros(capacity, bool)
        self.resyncing = np.zeros(capacity, bool)
        self.lossy = np.zeros(capacity, bool)
        self.sampled = np.zeros(capacity, bool)
        self.unproven = np.zeros(capacity, bool)
        self.skewed = np.zeros(capacity, bool)
        self.repaired_s: F64 = np.full(capacity, -np.inf)
        self._reset_now(slice(None))

    @property
    def capacity(self) -> int:
        """Rows there is room for."""
        return int(self.now.shape[1])

    @property
    def rows(self) -> int:
        """Rows handed out so far, freed ones included."""
        return len(self.table)

    def list(self, instrument: Instrument) -> int:
        """The instrument's row, made when it has none."""
        known = self.table.by_market.get(instrument.market, {}).get(instrument.native)
        fold = self.table.folds[known] if known is not None else None
        row, new = self.table.put(instrument)
        if not new and self.table.folds[row] != fold:
            self._refold(row)
        if new:
            if row >= self.capacity:
                self.reserve(max(row + 64, self.capacity + self.capacity // 4))
            self._start_row(row)
        return row

    def _refold(self, row: int) -> None:
        """Its sizes mean something else than was thought: what was gathered so far is forgotten."""
        self.cells[row] = EMPTY_CELL.copy()
        self.bars[row] = Bars()
        self.rings.clear(row)
        self.identity.of.pop(row, None)
        self.dirty.add(row)

    def row_of(self, market: str, native: str) -> int:
        """The row of a native symbol; one that no catalogue described yet gets a row and a flag."""
        row = self.table.by_market.setdefault(market, {}).get(native)
        return row if row is not None else self.list(undescribed(market, native))

    def free(self, row: int) -> None:
        """Empty a row for the next instrument."""
        self.table.drop(row)
        self.identity.of.pop(row, None)
        self.holes.pop(row, None)
        self.checks.pop(row, None)
        self.doubts.pop(row, None)
        self.rings.clear(row)
        self._reset_now(row)
        self.depth[:, row] = np.nan
        for name, empty in FLAGS:
            getattr(self, name)[row] = empty
        for pulse in (self.trading, self.touching):
            pulse.clear(row)
        self._start_row(row)
        for rows in (self.dirty, self.touched, self.book_dirty, self.depth_dirty, self.open_bars):
            rows.discard(row)

    def _start_row(self, row: int) -> None:
        place(self.cells, row, EMPTY_CELL.copy())
        place(self.bars, row, Bars())
        place(self.books, row, None)
        place(self.quoted, row, False)
        place(self.seen, row, Seen())
        place(self.large_at, row, FIRST_LARGE)

    def _reset_now(self, rows: slice | int) -> None:
        empty = np.array(EMPTY_CELL)
        self.now[:CELL_SIZE, rows] = empty[:, None] if isinstance(rows, slice) else empty
        self.now[CELL_SIZE:, rows] = 0.0

    def reserve(self, capacity: int) -> None:
        """Room for at least this many rows, in one step."""
        old = self.capacity
        if capacity <= old:
            return
        for name in ("now", "depth"):
            array = getattr(self, name)
            wider = np.full((array.shape[0], capacity), np.nan)
            wider[:, :old] = array
            setattr(self, name, wider)
        self._reset_now(slice(old, None))
        for name, empty in FLAGS:
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.full(capacity - old, empty, array.dtype)]))
        self.rings.grow(capacity)
        for pulse in (self.trading, self.touching):
            pulse.grow(capacity)


# What the depth pass leaves a row: quote value within 10 and 50 bps a side, imbalances, impacts.
BID_10, ASK_10, BID_50, ASK_50, BUY_10K, SELL_10K, BUY_100K, SELL_100K, TRUNCATED = range(9)
DEPTH_SIZE = 9
FLAGS = (
    ("opened", np.inf), ("gap_s", -np.inf), ("crossed_s", np.inf),
    ("halved", False), ("resyncing", False), ("lossy", False),
    ("sampled", False), ("unproven", False), ("skewed", False), ("repaired_s", -np.inf),
)  # fmt: skip
