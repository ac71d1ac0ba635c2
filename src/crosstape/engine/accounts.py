"""The completeness ledger as the fold keeps it: per source, what came and what was lost in the running hour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstape.model.event import Tally
from crosstape.state.fields import LAG, STREAMED
from crosstape.state.hour import COUNTED, HOUR_NS, Hour
from crosstape.state.source import Source
from crosstape.state.state import State
from crosstape.state.table import Table

SECOND_NS = 1_000_000_000
# A message from the future, or one that even at best comes this late, means that a clock is wrong.
EARLY_S, LATE_S = -0.25, 3.0
# The smallest lag of this many seconds is compared.
SKEW_EVERY_S = 10


def account(state: State, shards: Shards, last: tuple[int, int], ts: int) -> None:
    """Once a second: lags, seconds without a stream, clocks; on the hour the tallies of the one that ended.

    last   the newest tick the figures were of when this was last done, and when that was
    """
    seen, before = last
    began = ts - ts % HOUR_NS
    _lags(state, shards, seen * 1e-9)
    for source in state.sources.values():
        lost = source.streams and source.opens and (not source.is_open or source.silent)
        if source.hour.began != began:
            if source.hour.began:
                source.hour.lost_s += max(source.hour.began + HOUR_NS - before, 0) / SECOND_NS if lost else 0.0
                state.events.append((-1, tally(source)))
            # What a source began with belongs to its first hour.
            first = not source.hour.began
            source.hour = Hour(began, [0 if first else _count(source, name) for name in COUNTED])
        if lost and before:
            source.hour.lost_s += (ts - max(before, began)) / SECOND_NS


def _count(source: Source, name: str) -> int:
    value: int = getattr(source, name)
    return value


def tally(source: Source) -> Tally:
    """The running hour of a source as one record."""
    hour = source.hour
    counts = {name: _count(source, name) - base for name, base in zip(COUNTED, hour.base, strict=True)}
    return Tally("", hour.began, source.name, hour.lost_s, hour.quantile_ms(0.5), hour.quantile_ms(0.99),
                 -hour.least_ms, **counts)  # fmt: skip


class Shards:
    """Which shard each row is on, as numbers; taken anew when the table changes."""

    def __init__(self) -> None:
        self.version = -1
        self.names: list[str] = []
        self.code: NDArray[np.intp] = np.zeros(0, np.intp)

    def of(self, table: Table) -> NDArray[np.intp]:
        """Number of every row's shard in `names`."""
        if self.version != table.version or self.code.size != len(table):
            self.version, self.names = table.version, sorted(set(table.shards))
            number = {name: n for n, name in enumerate(self.names)}
            self.code = np.array([number[name] for name in table.shards], np.intp)
        return self.code


def _lags(state: State, shards: Shards, since: float) -> None:
    """Of every row that spoke since the last look one lag, for its shard's main source; and whether the venue's
    clock can be right."""
    n = state.rows
    code, spoke = shards.of(state.table), state.now[STREAMED, :n] >= since
    for number in np.unique(code[spoke]).tolist():
        source = state.sources.get(shards.names[number])
        if source is None:
            continue
        rows = np.flatnonzero(spoke & (code == number))
        lags = state.now[LAG, rows]
        source.hour.add_lags(lags * 1e3)
        least = float(np.fmin.reduce(lags))
        # An unknown lag says nothing against a clock.
        wrong = least < EARLY_S or least > LATE_S
        source.skew = min(source.skew + 1, SKEW_EVERY_S) if wrong else max(source.skew - 1, 0)
        state.skewed[rows] = source.skew >= SKEW_EVERY_S // 2
