"""Mids of assets that trade on several venues, tick by tick, and who leads whom."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from crosstape.kernels.leadlag import lead_lag

F64 = NDArray[np.float64]
TICKS = 3_000
MOST_ROWS = 64
MOST_LAG = 20
TICK_MS = 100.0


class LeadLag:
    """Five minutes of mids on the 100 ms grid of ticks, and the last answers.

    pairs   (leader row, row): the leader is the asset's busiest
    lags, errors   by row, ms; + = the asset's busiest row moves first
    """

    def __init__(self) -> None:
        self.pairs: list[tuple[int, int]] = []
        self.rows: list[int] = []
        self.mids: F64 = np.full((TICKS, MOST_ROWS), np.nan)
        self.pos = 0
        self.lags: dict[int, float] = {}
        self.errors: dict[int, float] = {}

    def follow(self, pairs: list[tuple[int, int]]) -> None:
        """Sample these from now on; what is not followed any more is forgotten."""
        rows: list[int] = []
        kept: list[tuple[int, int]] = []
        for leader, row in pairs:
            new = [r for r in (leader, row) if r not in rows]
            if len(rows) + len(new) > MOST_ROWS:
                break
            rows += new
            kept.append((leader, row))
        if set(rows) == set(self.rows):
            rows = self.rows
        if rows != self.rows:
            self.rows = rows
            self.mids[:] = np.nan
            self.lags, self.errors = {}, {}
        self.pairs = kept

    def sample(self, bid: F64, ask: F64) -> None:
        """Take the tick's quotes; (rows of the state)."""
        if self.rows:
            self.mids[self.pos, : len(self.rows)] = (bid[self.rows] + ask[self.rows]) * 0.5
            self.pos = (self.pos + 1) % TICKS

    def measure(self) -> Iterator[None]:
        """Answer again for every pair, a slice each."""
        order = (self.pos + np.arange(TICKS)) % TICKS
        place = {row: i for i, row in enumerate(self.rows)}
        for leader, row in self.pairs:
            a, b = self.mids[order, place[leader]], self.mids[order, place[row]]
            steps, error = lead_lag(a, b, MOST_LAG)
            self.lags[row], self.errors[row] = steps * TICK_MS, error * TICK_MS
            yield

    def column(self, answers: dict[int, float], n: int) -> F64:
        """Answers as a column of n rows."""
        out = np.full(n, np.nan)
        for row, value in answers.items():
            if row < n:
                out[row] = value
        return out
