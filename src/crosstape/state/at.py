"""The state as a metric sees it: one tick, all rows, nothing to change."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from crosstape.state.catalogue import Catalogue
from crosstape.state.fields import HIGH, INDEX_OF_SUM, LIVE, LOW, OFI, SUMS_FROM_NOW
from crosstape.state.rings import SURGE_WINDOWS, Ring
from crosstape.state.state import State

F64 = NDArray[np.float64]
WINDOWS: dict[str, int] = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14400, "24h": 86400}
_PLACE = {60: (0, 0), 300: (0, 1), 900: (1, 0), 3600: (1, 1), 14400: (1, 2), 86400: (2, 0)}


class At:
    """Every answer is an array of `n` rows.

    usd            US dollars a unit of the row's quote currency, NaN = no rate on this tape
    to_expiry_s    seconds to expiry, NaN = does not expire
    listed_days    days since the listing, NaN = not known
    across         what the comparison across venues said last, by name

    Windows are exact in length: what the oldest slot shares with the
    window is taken in proportion, so a 15 m window is 15 minutes at every tick and not 15 to 16.
    """

    def __init__(self, state: State, ts: int, known: Catalogue) -> None:
        self.n = state.rows
        self.across: Mapping[str, F64] = {}
        self.ts = ts
        self.usd = known.usd[: self.n]
        self.to_expiry_s = known.expiry_s[: self.n] - ts * 1e-9
        self.listed_days = (ts * 1e-9 - known.listed_s[: self.n]) / 86400.0
        self._dark: dict[int, NDArray[np.bool_]] = {}
        self._totals: dict[tuple[int, int], F64] = {}
        self._state = state
        self._now = state.now[:, : self.n]
        rings = state.rings
        open_second = np.zeros((len(INDEX_OF_SUM), self.n))
        open_second[: len(SUMS_FROM_NOW)] = self._now[SUMS_FROM_NOW]
        minute = open_second + rings.minute.part[:, : self.n]
        self._open = (open_second, minute, minute + rings.five.part[:, : self.n])
        self._within = tuple((ts / 1e9) % ring.step_s / ring.step_s for ring in rings.all)

    def cross(self, name: str) -> F64:
        """An answer of the comparison across venues; NaN before the first one."""
        found = self.across.get(name)
        return np.full(self.n, np.nan) if found is None else found

    def __getitem__(self, field: int) -> F64:
        """Newest value of a cell field (`state.fields`); NaN = never said."""
        return np.asarray(self._now[field])

    def total(self, field: int, seconds: int) -> F64:
        """Sum of a summed field over the window; NaN where the row's stream was down all through it."""
        known = self._totals.get((field, seconds))
        if known is None:
            known = self._totals[field, seconds] = self._total(field, seconds)
            known.flags.writeable = False
        return known

    def _total(self, field: int, seconds: int) -> F64:
        k, w = _PLACE[seconds]
        ring, i = self._state.rings.all[k], INDEX_OF_SUM[field]
        oldest = ring.sums[i, ring.at(ring.windows[w]), : self.n]
        total = ring.run[i, w, : self.n] + self._open[k][i] - self._within[k] * oldest
        if field != OFI:
            total = np.maximum(total, 0.0)
        if field == LIVE:
            return np.asarray(total)
        if seconds not in self._dark:
            self._dark[seconds] = self.total(LIVE, seconds) < 1e-3
        return np.where(self._dark[seconds], np.nan, total)

    def price_ago(self, seconds: int) -> F64:
        """Last price as of the slot boundary at or just before `seconds` ago; NaN = not known."""
        ring, back = self._back(seconds)
        return np.asarray(ring.close[ring.at(back), : self.n])

    def oi_ago(self, seconds: int) -> F64:
        """Open interest as of the slot boundary at or just before `seconds` ago, base units."""
        ring, back = self._back(seconds)
        return ring.oi[ring.at(back), : self.n].astype(np.float64)

    def _back(self, seconds: int) -> tuple[Ring, int]:
        for ring in self._state.rings.all:
            if seconds <= ring.step_s * ring.slots:
                return ring, seconds // ring.step_s + 1
        raise ValueError(f"{seconds} s is longer than the longest window")

    def highest(self, seconds: int) -> F64:
        """Highest trade of the window (to one slot of its ring); NaN where nothing traded."""
        k, w = _PLACE[seconds]
        parts = [r.part_high[: self.n] for r in self._state.rings.all[1 : k + 1]]
        high = self._state.rings.all[k].top[w, : self.n]
        for part in (*parts, self._now[HIGH]):
            high = np.maximum(high, part)
        return np.where(np.isfinite(high), high, np.nan)

    def lowest(self, seconds: int) -> F64:
        """Lowest trade of the window (to one slot of its ring); NaN where nothing traded."""
        k, w = _PLACE[seconds]
        parts = [r.part_low[: self.n] for r in self._state.rings.all[1 : k + 1]]
        low = self._state.rings.all[k].bottom[w, : self.n]
        for part in (*parts, self._now[LOW]):
            low = np.minimum(low, part)
        return np.where(np.isfinite(low), low, np.nan)

    def usual_turnover(self, seconds: int) -> tuple[F64, F64]:
        """Median turnover of the 20 windows before, and the scaled MAD of its logarithm."""
        usual = self._state.rings.usual[SURGE_WINDOWS.index(seconds), :, : self.n]
        return usual[0], usual[1]

    def depth(self, slot: int) -> F64:
        """One figure of the last depth pass (`state.state`)."""
        return self._state.depth[slot, : self.n]

    @property
    def atr(self) -> tuple[F64, F64]:
        """Wilder's ATR over five-minute bars, price, and how many bars it has seen."""
        return self._state.rings.atr[: self.n], self._state.rings.atr_bars[: self.n]

    @property
    def vol_history(self) -> NDArray[np.float32]:
        """One-hour volatility at the last 288 five-minute closes, (288, rows), NaN = not known."""
        return self._state.rings.vol_history[:, : self.n]
