"""What a book holds and what it costs to fill, over padded level matrices.

A side is (prices, sizes), each (rows, levels), best level first, padded with NaN prices and 0 sizes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def depth_within(prices: F64, sizes: F64, mid: F64, bps: float) -> tuple[F64, NDArray[np.bool_]]:
    """Quote value resting within `bps` of mid, and whether the side was known that far (False: TRUNCATED).

    The value is NaN where the last known level still lies inside the band.

    >>> p, s = np.array([[100.0, 99.0]]), np.array([[1.0, 2.0]])
    >>> depth_within(p, s, np.array([100.0]), 50.0)[0].tolist()
    [100.0]
    """
    far = mid * (bps / 1e4)
    inside = np.abs(prices - mid[:, None]) <= far[:, None]
    value = np.where(inside, prices * sizes, 0.0).sum(axis=1)
    known = _last_distance(prices, mid) > far
    return np.where(known, value, np.nan), known


def _last_distance(prices: F64, mid: F64) -> F64:
    """Distance from mid to the last known level, per row; 0 for an empty side."""
    distance = np.abs(prices - mid[:, None])
    return np.asarray(np.max(np.where(np.isnan(distance), 0.0, distance), axis=1))


def imbalance(bids: F64, asks: F64) -> F64:
    """(bids - asks) / (bids + asks) in [-1, 1]; + = more resting bids; NaN where both are 0.

    >>> imbalance(np.array([3.0]), np.array([1.0])).tolist()
    [0.5]
    """
    total = bids + asks
    return (bids - asks) / np.where(total > 0, total, np.nan)


def impact_bps(prices: F64, sizes: F64, mid: F64, notional: float) -> F64:
    """Average fill of `notional` (quote currency) walked through one side, bps away from mid, >= 0.

    NaN where the known levels do not hold that much.

    >>> p, s = np.array([[101.0, 102.0]]), np.array([[1.0, 10.0]])
    >>> impact_bps(p, s, np.array([100.0]), 101.0).round(6).tolist()
    [100.0]
    """
    values = np.where(np.isnan(prices), 0.0, prices * sizes)
    before = np.cumsum(values, axis=1) - values
    taken = np.clip(notional - before, 0.0, values)
    quantity = np.where(values > 0, taken / np.where(np.isnan(prices), 1.0, prices), 0.0).sum(axis=1)
    filled = taken.sum(axis=1) >= notional * (1 - 1e-12)
    average = notional / np.where(quantity > 0, quantity, np.nan)
    return np.where(filled, 1e4 * np.abs(average / mid - 1.0), np.nan)
