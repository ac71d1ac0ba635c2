"""Volatility estimators over sums that the state keeps."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
YEAR_S = 31_536_000.0


def realised_vol(sum_squares: F64, seconds: float) -> F64:
    """Annualised volatility from the sum of squared log returns seen in `seconds`; a fraction (0.5 = 50 %).

    >>> realised_vol(np.array([1e-4]), 3600.0).round(3).tolist()
    [0.936]
    """
    return np.sqrt(np.maximum(sum_squares, 0.0) * (YEAR_S / seconds))


def parkinson(sum_squared_ranges: F64, seconds: float) -> F64:
    """Annualised Parkinson (1980) volatility from the sum of ln(high/low)² of the bars seen in `seconds`.

    >>> parkinson(np.array([4 * math.log(2) * 1e-4]), 3600.0).round(3).tolist()
    [0.936]
    """
    return realised_vol(sum_squared_ranges / (4.0 * math.log(2.0)), seconds)


def wilder(average: F64, value: F64, bars: F64, period: int) -> F64:
    """Next Wilder average: the plain mean while `bars` (including this one) <= period, then smoothing.

    `bars` counts the values so far per column; a NaN value leaves the average as it was.

    >>> a = wilder(np.array([np.nan]), np.array([2.0]), np.array([1.0]), 2)
    >>> a = wilder(a, np.array([4.0]), np.array([2.0]), 2)
    >>> wilder(a, np.array([5.0]), np.array([3.0]), 2).tolist()
    [4.0]
    """
    weight = np.minimum(np.maximum(bars, 1.0), float(period))
    base = np.where(np.isnan(average), 0.0, average)
    moved = base + (value - base) / weight
    return np.where(np.isnan(value), average, moved)


def percentile_of_last(history: F64, now: F64) -> F64:
    """Share of `history` (samples, rows; NaN = none) at or below `now`, in [0, 1]; NaN with no sample.

    >>> percentile_of_last(np.array([[1.0], [2.0], [3.0], [np.nan]]), np.array([2.0])).round(4).tolist()
    [0.6667]
    """
    known = (~np.isnan(history)).sum(axis=0)
    below = (history <= now).sum(axis=0)
    return np.where(known > 0, below / np.maximum(known, 1), np.nan) + np.where(np.isnan(now), np.nan, 0.0)
