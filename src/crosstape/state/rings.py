"""The past at three resolutions, slot-major, with running sums and running extremes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from crosstape.kernels.volatility import realised_vol, wilder
from crosstape.state.fields import BOUGHT, HL2, INDEX_OF_SUM, LIVE, R2, SOLD, SUMMED

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
_FIELDS = len(SUMMED)
_R2, _HL2 = INDEX_OF_SUM[R2], INDEX_OF_SUM[HL2]
_BOUGHT, _SOLD, _LIVE = INDEX_OF_SUM[BOUGHT], INDEX_OF_SUM[SOLD], INDEX_OF_SUM[LIVE]


class Ring:
    """`slots` closed slots of `step_s` seconds; slots float32, running sums float64.

    sums (fields, slots + 1, rows) · run (fields, windows, rows) · part (fields, rows): what closed finer slots
    have put into the open one · close, oi (slots + 1, rows) · high, low, and their running extremes over windows.
    One slot more than the longest window is kept, so that "as of a window ago" is always still there.
    """

    def __init__(self, step_s: int, slots: int, windows: tuple[int, ...], rows: int) -> None:
        self.step_s, self.slots, self.windows = step_s, slots, windows
        self.pos = 0
        self.filled = 0
        size = slots + 1
        self.sums: F32 = np.zeros((_FIELDS, size, rows), np.float32)
        self.run: F64 = np.zeros((_FIELDS, len(windows), rows))
        self.part: F64 = np.zeros((_FIELDS, rows))
        self.close: F64 = np.full((size, rows), np.nan)
        self.oi: F32 = np.full((size, rows), np.nan, np.float32)
        self.high: F64 = np.full((size, rows), -np.inf)
        self.low: F64 = np.full((size, rows), np.inf)
        self.top: F64 = np.full((len(windows), rows), -np.inf)
        self.bottom: F64 = np.full((len(windows), rows), np.inf)
        self.part_high: F64 = np.full(rows, -np.inf)
        self.part_low: F64 = np.full(rows, np.inf)

    def at(self, back: int) -> int:
        """Position of the slot closed `back` slots before the open one (1 = the newest closed)."""
        return (self.pos - back) % (self.slots + 1)

    def closed(self, n: int) -> NDArray[np.intp]:
        """Positions of the n newest closed slots, oldest first."""
        return (self.pos - np.arange(n, 0, -1)) % (self.slots + 1)

    def shut(self, close: F64, oi: F64, squares: F64) -> F32:
        """Close the open slot with what `part` holds; returns the stored sums. `squares` = the slot's r²."""
        values = self.part.astype(np.float32)
        values[_R2] = np.nan_to_num(squares)
        with np.errstate(all="ignore"):
            span = np.log(self.part_high / self.part_low)
        values[_HL2] = np.where(np.isfinite(span), span * span, 0.0)
        for w, n in enumerate(self.windows):
            self.run[:, w] += values - self.sums[:, self.at(n)].astype(np.float64)
        self.sums[:, self.pos] = values
        self.close[self.pos] = close
        self.oi[self.pos] = oi
        leaving_high = [self.high[self.at(n)].copy() for n in self.windows]
        leaving_low = [self.low[self.at(n)].copy() for n in self.windows]
        self.high[self.pos] = self.part_high
        self.low[self.pos] = self.part_low
        self.pos = (self.pos + 1) % (self.slots + 1)
        self.filled = min(self.filled + 1, self.slots)
        for w, n in enumerate(self.windows):
            self._extremes(w, n, leaving_high[w], leaving_low[w])
        self.part[:] = 0.0
        self.part_high[:] = -np.inf
        self.part_low[:] = np.inf
        return values

    def _extremes(self, w: int, n: int, gone_high: F64, gone_low: F64) -> None:
        """Running extremes after a slot came and one left; only rows whose extreme left are looked up again."""
        newest = self.at(1)
        np.maximum(self.top[w], self.high[newest], out=self.top[w])
        np.minimum(self.bottom[w], self.low[newest], out=self.bottom[w])
        again = np.flatnonzero((gone_high >= self.top[w]) & (gone_high > -np.inf))
        if again.size:
            self.top[w, again] = self.high[np.ix_(self.closed(n), again)].max(axis=0)
        again = np.flatnonzero((gone_low <= self.bottom[w]) & (gone_low < np.inf))
        if again.size:
            self.bottom[w, again] = self.low[np.ix_(self.closed(n), again)].min(axis=0)

    def refresh(self, field: int) -> None:
        """Sum one field again from its slots: what subtracting expired slots left behind is gone."""
        for w, n in enumerate(self.windows):
            self.run[field, w] = self.sums[field, self.closed(n)].sum(axis=0, dtype=np.float64)

    def amend(self, row: int, back: int, flows: Mapping[int, float], price: float) -> None:
        """Add to a slot that closed `back` slots before the open one; 0 = to what the open one has gathered."""
        if back > self.slots:
            return
        for field, amount in flows.items():
            i = INDEX_OF_SUM[field]
            if back == 0:
                self.part[i, row] += amount
                continue
            self.sums[i, self.at(back), row] += np.float32(amount)
            for w, n in enumerate(self.windows):
                self.run[i, w, row] += amount if back <= n else 0.0
        if back == 0:
            self.part_high[row] = max(self.part_high[row], price)
            self.part_low[row] = min(self.part_low[row], price)
            return
        self.high[self.at(back), row] = max(self.high[self.at(back), row], price)
        self.low[self.at(back), row] = min(self.low[self.at(back), row], price)
        for w, n in enumerate(self.windows):
            if back <= n:
                self.top[w, row] = max(self.top[w, row], price)
                self.bottom[w, row] = min(self.bottom[w, row], price)

    def grow(self, rows: int) -> None:
        """Room for `rows` rows; the new ones start empty."""
        for name, empty in _GROWN:
            old = getattr(self, name)
            new = np.full((*old.shape[:-1], rows), empty, old.dtype)
            new[..., : old.shape[-1]] = old
            setattr(self, name, new)

    def clear(self, row: int) -> None:
        """Forget one row."""
        for name, empty in _GROWN:
            getattr(self, name)[..., row] = empty


_GROWN = (
    ("sums", 0.0), ("run", 0.0), ("part", 0.0), ("close", np.nan), ("oi", np.nan), ("high", -np.inf),
    ("low", np.inf), ("top", -np.inf), ("bottom", np.inf), ("part_high", -np.inf), ("part_low", np.inf),
)  # fmt: skip

SURGE_WINDOWS = (60, 300, 900, 3600)
SURGE_HISTORY = 20
ATR_BARS = 14


class Rings:
    """The three resolutions and what is derived when their slots close."""

    def __init__(self, rows: int) -> None:
        self.second = Ring(1, 300, (60, 300), rows)
        self.minute = Ring(60, 240, (15, 60, 240), rows)
        self.five = Ring(300, 288, (288,), rows)
        self.usual: F64 = np.full((len(SURGE_WINDOWS), 2, rows), np.nan)
        self.vol_history: F32 = np.full((288, rows), np.nan, np.float32)
        self.atr: F64 = np.full(rows, np.nan)
        self.atr_bars: F64 = np.zeros(rows)

    @property
    def all(self) -> tuple[Ring, Ring, Ring]:
        """Finest first."""
        return self.second, self.minute, self.five

    def close_second(self, sums: F64, high: F64, low: F64, last: F64, oi: F64) -> None:
        """Close one second; `sums` follow SUMMED without R2 and HL2."""
        ring, minute = self.second, self.minute
        ring.part[: sums.shape[0]] = sums
        ring.part_high[:] = high
        ring.part_low[:] = low
        values = ring.shut(last, oi, log_return_squared(last, ring.close[ring.at(1)]))
        minute.part[: sums.shape[0]] += values[: sums.shape[0]]
        np.maximum(minute.part_high, high, out=minute.part_high)
        np.minimum(minute.part_low, low, out=minute.part_low)

    def close_minute(self, last: F64, oi: F64) -> None:
        """Close one minute out of its seconds."""
        ring, five = self.minute, self.five
        high, low = ring.part_high.copy(), ring.part_low.copy()
        values = ring.shut(last, oi, log_return_squared(last, ring.close[ring.at(1)]))
        five.part += values
        np.maximum(five.part_high, high, out=five.part_high)
        np.minimum(five.part_low, low, out=five.part_low)

    def close_five(self, last: F64, oi: F64) -> None:
        """Close five minutes out of their minutes; ATR and the volatility history move on."""
        ring = self.five
        before = ring.close[ring.at(1)]
        high, low = ring.part_high.copy(), ring.part_low.copy()
        with np.errstate(all="ignore"):
            true_range = np.fmax(high - low, np.fmax(np.abs(high - before), np.abs(low - before)))
        true_range[~np.isfinite(true_range)] = np.nan
        self.atr_bars += ~np.isnan(true_range)
        self.atr = wilder(self.atr, true_range, self.atr_bars, ATR_BARS)
        squares, ranges = ring.part[_R2].copy(), ring.part[_HL2].copy()
        position = ring.pos
        values = ring.shut(last, oi, squares)
        # Over five minutes both keep the sum of the minutes', so 24 h equals the sum of its minutes.
        ring.run[_HL2] += ranges - values[_HL2]
        ring.sums[_HL2, position] = ranges
        vol = realised_vol(self.minute.run[_R2, 1], 3600.0)
        live = self.minute.run[_LIVE, 1] > 1800.0
        self.vol_history[:-1] = self.vol_history[1:]
        self.vol_history[-1] = np.where(live, vol, np.nan)

    def amend(self, row: int, back_s: int, second: int, flows: Mapping[int, float], price: float) -> None:
        """A trade of the past, `back_s` before the open second `second`, is put where it would have been. Returns
        and ranges of closed slots stay what they were."""
        back = max(back_s, 1)
        when = second - back
        self.second.amend(row, back, flows, price)
        minutes = second // 60 - when // 60
        self.minute.amend(row, minutes, flows, price)
        if minutes:
            # The open five minutes have gathered closed minutes only.
            self.five.amend(row, second // 300 - when // 300, flows, price)

    def amend_oi(self, row: int, since: int, until: int, second: int, oi: float) -> None:
        """Open interest of [since, until), seconds since the epoch, into the slots that closed in it."""
        for ring in self.all:
            step, now = ring.step_s, second // ring.step_s
            first, last = max(-(-since // step), now - ring.slots), min((until - 1) // step, now)
            # The slot that closes at mark `m` is the one before the m-th.
            for mark in range(first, last + 1):
                ring.oi[ring.at(now + 1 - mark), row] = oi

    def refresh(self, step: int) -> None:
        """One small part of the exact recomputation: part `step` of `REFRESH_STEPS`."""
        ring = self.all[step % 3]
        ring.refresh(step // 3)

    def turnover_history(self, window_s: int, rows: slice) -> F64:
        """Turnover of the 20 windows before the open one, (20, rows), NaN where a window was not live at all."""
        ring = self.minute if window_s == 60 else self.five
        group = window_s // ring.step_s
        positions = ring.closed(SURGE_HISTORY * group)
        sums = ring.sums[:, :, rows]
        return _grouped(sums[_BOUGHT], sums[_SOLD], sums[_LIVE], positions, group)

    def grow(self, rows: int) -> None:
        """Room for `rows` rows."""
        for ring in self.all:
            ring.grow(rows)
        for name, empty in _DERIVED:
            old = getattr(self, name)
            new = np.full((*old.shape[:-1], rows), empty, old.dtype)
            new[..., : old.shape[-1]] = old
            setattr(self, name, new)

    def clear(self, row: int) -> None:
        """Forget one row."""
        for ring in self.all:
            ring.clear(row)
        for name, empty in _DERIVED:
            getattr(self, name)[..., row] = empty


_DERIVED = (("usual", np.nan), ("vol_history", np.nan), ("atr", np.nan), ("atr_bars", 0.0))
REFRESH_STEPS = 3 * _FIELDS


def _grouped(bought: F32, sold: F32, live: F32, positions: NDArray[np.intp], group: int) -> F64:
    rows = bought.shape[1]
    turnover = (bought[positions] + sold[positions]).astype(np.float64)
    seen = live[positions]
    if group > 1:
        turnover = turnover.reshape(-1, group, rows).sum(axis=1)
        seen = seen.reshape(-1, group, rows).sum(axis=1)
    turnover[seen <= 0] = np.nan
    return turnover


def log_return_squared(now: F64, before: F64) -> F64:
    """ln(now / before)², 0 where either is missing."""
    with np.errstate(all="ignore"):
        r = np.log(now / before)
    return np.where(np.isfinite(r), r * r, 0.0)
