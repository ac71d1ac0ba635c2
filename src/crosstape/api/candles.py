"""Closed candles by instrument and timeframe, compact; our own win over the venue's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from crosstape.model.event import Candle
from crosstape.state.bars import TIMEFRAMES

# Starts are whole minutes, volumes need no more than 24 bits; prices keep all of theirs.
RECORD = np.dtype(
    [("minute", "<u4"), ("repaired", "<u4"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"), ("close", "<f8"),
     ("volume", "<f4"), ("turnover", "<f4"), ("trades", "<f4"), ("bought", "<f4")]
)  # fmt: skip
Records = NDArray[np.void]
Before = Callable[[int], Sequence[Candle]]
# Timeframes that are kept, with how many; the others are merged out of these when read.
KEPT = {60: 240, 900: 96, 3600: 168, 86400: 90}
BUILT_FROM = {180: 60, 300: 60, 1800: 900, 7200: 3600, 14400: 3600, 21600: 3600, 43200: 3600}
BUDGET = 950_000
MINUTE_NS = 60_000_000_000
EMPTY = np.zeros(0, RECORD)
ROWS_A_TICK = 32


class Candles:
    """Grown on demand. All of `KEPT` up to 1 600 rows; beyond that every row's share of the budget shrinks.

    before   what a row had before anything was added; asked for when the row is first read
    """

    def __init__(self, budget: int = BUDGET, before: Before | None = None) -> None:
        self._budget, self._before = budget, before
        self._asked: set[int] = set()
        self._kept: dict[int, dict[int, Records]] = {}
        self._waiting: dict[int, list[Candle]] = {}

    def add(self, row: int, candle: Candle) -> None:
        """Take one; it is filed when read, or a few rows a tick."""
        if candle.timeframe_s in KEPT:
            self._waiting.setdefault(row, []).append(candle)

    def file_some(self, most: int = ROWS_A_TICK) -> None:
        """File what waits, of a few rows: thousands close in the same tick."""
        for row in list(self._waiting)[:most]:
            self._file(row)

    def of(self, row: int, timeframe: str, most: int) -> Records:
        """Closed candles, oldest first."""
        if self._before is not None and row not in self._asked:
            self._asked.add(row)
            if past := self._before(row):
                self._waiting[row] = [*past, *self._waiting.get(row, ())]
        if row in self._waiting:
            self._file(row)
        seconds = TIMEFRAMES[timeframe]
        series = self._kept.get(row, {})
        if seconds in KEPT:
            return series.get(seconds, EMPTY)[-most:]
        fine = BUILT_FROM[seconds]
        return _whole(series.get(fine, EMPTY), fine, seconds)[-most:]

    def drop(self, row: int) -> None:
        """The row belongs to another instrument now."""
        self._asked.add(row)
        self._kept.pop(row, None)
        self._waiting.pop(row, None)

    @property
    def bytes(self) -> int:
        """Held in arrays."""
        return sum(records.nbytes for series in self._kept.values() for records in series.values())

    def _file(self, row: int) -> None:
        series = self._kept.setdefault(row, {})
        share = min(1.0, self._budget / (len(self._kept) * sum(KEPT.values())))
        fresh: dict[int, list[Candle]] = {}
        for candle in self._waiting.pop(row):
            fresh.setdefault(candle.timeframe_s, []).append(candle)
        for seconds, candles in fresh.items():
            bound = max(int(KEPT[seconds] * share), 8)
            series[seconds] = merged(series.get(seconds, EMPTY), records(candles))[-bound:].copy()
        if any(candle.repaired for candle in fresh.get(60, ())):
            for seconds in (900, 3600):
                bound = max(int(KEPT[seconds] * share), 8)
                built = _whole(series[60], 60, seconds, repaired_only=True)
                series[seconds] = merged(series.get(seconds, EMPTY), built, newer_wins=True)[-bound:].copy()


def records(candles: Iterable[Candle]) -> Records:
    """Events as rows of the array."""
    return np.array(
        [
            (c.ts_event // MINUTE_NS, c.repaired, c.open, c.high, c.low, c.close, c.volume, c.turnover, c.trades,
             c.taker_buy_volume)
            for c in candles
        ],
        RECORD,
    )  # fmt: skip


def merged(old: Records, new: Records, newer_wins: bool = False) -> Records:
    """By start. Of two with the same start: ours when it has trades, else the newer."""
    if old.size and new.size == 1 and new["minute"][0] > old["minute"][-1]:
        return np.concatenate([old, new])
    both = np.concatenate([old, new])
    rank = np.zeros(both.size) if newer_wins else (both["repaired"] == 0) & (both["trades"] > 0)
    order = np.lexsort((np.arange(both.size), rank, both["minute"]))
    both = both[order]
    last = np.ones(both.size, bool)
    last[:-1] = both["minute"][1:] != both["minute"][:-1]
    kept: Records = both[last]
    return kept


def _whole(fine: Records, step: int, seconds: int, repaired_only: bool = False) -> Records:
    """Longer candles out of short ones: those whose whole span the short ones reach over."""
    if not fine.size:
        return EMPTY
    span, minutes = seconds // 60, step // 60
    bucket = fine["minute"] // span
    starts = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))
    ends = np.append(starts[1:], fine.size) - 1
    out = fine[starts].copy()
    out["minute"] = bucket[starts] * span
    out["high"] = np.maximum.reduceat(fine["high"], starts)
    out["low"] = np.minimum.reduceat(fine["low"], starts)
    out["close"] = fine["close"][ends]
    out["repaired"] = np.maximum.reduceat(fine["repaired"], starts)
    for name in ("volume", "turnover", "trades", "bought"):
        out[name] = np.add.reduceat(fine[name], starts)
    # The first may have lost its beginning to the bound, the last is still open unless its end is there.
    whole = out["minute"] >= fine["minute"][0]
    whole &= out["minute"] + span <= fine["minute"][-1] + minutes
    if repaired_only:
        whole &= out["repaired"] > 0
    found: Records = out[whole]
    return found
