"""How much prices move."""

from __future__ import annotations

import numpy as np

from crosstape.kernels import volatility as kernel
from crosstape.metrics.column import F64, Cadence, metric
from crosstape.state.at import At
from crosstape.state.fields import HL2, LAST, LIVE, R2
from crosstape.state.rings import ATR_BARS

ALL = ("1m", "5m", "15m", "1h", "4h", "24h")
MIN_SAMPLES = 12


@metric("annual", *ALL)
def realised_vol(at: At, seconds: int) -> F64:
    """Annualised, from squared log returns on a 1 s grid (1m, 5m) or a 1 min grid, over the live time."""
    seen = np.minimum(at.total(LIVE, seconds), seconds)
    scale = seconds / np.where(seen > 0.25 * seconds, seen, np.nan)
    return kernel.realised_vol(at.total(R2, seconds) * scale, seconds)


@metric("annual", "1h", "4h", "24h")
def parkinson(at: At, seconds: int) -> F64:
    """Annualised Parkinson volatility of one-minute high-low ranges, over the time the row was live."""
    seen = np.minimum(at.total(LIVE, seconds), seconds)
    scale = seconds / np.where(seen > 0.25 * seconds, seen, np.nan)
    return kernel.parkinson(at.total(HL2, seconds) * scale, seconds)


@metric("fraction", cadence=Cadence.SECOND)
def atr_pct(at: At) -> F64:
    """Wilder's ATR of 14 five-minute bars over the last price; NaN before 14 bars."""
    atr, bars = at.atr
    return np.where(bars >= ATR_BARS, atr, np.nan) / at[LAST]


@metric("share", cadence=Cadence.MINUTE)
def vol_percentile(at: At) -> F64:
    """Rank of the last hour's volatility among its own values of the last 24 h, in [0, 1]; NaN before an hour."""
    history = at.vol_history.astype(np.float64)
    known = (~np.isnan(history)).sum(axis=0)
    rank = kernel.percentile_of_last(history, history[-1])
    return np.where(known >= MIN_SAMPLES, rank, np.nan)
