"""What a book holds and what it costs to fill, over padded level matrices.

A side is (prices, sizes), each (rows, levels), best level first, padded with NaN prices and 0 sizes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def profile(
    prices: F64, sizes: F64, mid: F64, bands_bps: tuple[float, ...], notionals: tuple[float, ...]
) -> tuple[F64, NDArray[np.bool_], F64]:
    """What one side of several books holds, and what taking it costs.

    depth   (bands, rows): quote value resting within so many bps of mid; NaN where the last known level still lies
            inside the band
    known   (bands, rows): whether the side was known that far (False: TRUNCATED)
    impact  (notionals, rows): average fill of so much quote currency walked through the side, bps away from mid,
            >= 0; NaN where the known levels do not hold that much

    >>> p, s = np.array([[101.0, 102.0]]), np.array([[1.0, 10.0]])
    >>> depth, known, impact = profile(p, s, np.array([100.0]), (100.0, 500.0), (101.0,))
    >>> depth[:, 0].tolist(), known[:, 0].tolist(), impact[:, 0].round(6).tolist()
    ([101.0, nan], [True, False], [100.0])
    """
    rows = np.arange(prices.shape[0])
    missing = np.isnan(prices)
    last = np.maximum(prices.shape[1] - missing.sum(axis=1) - 1, 0)
    values = np.where(missing, 0.0, prices * sizes)
    # One column of zeros in front: what the levels before level k hold.
    value = _before(values)
    size = _before(sizes)
    distance = np.abs(prices - mid[:, None])
    depth, known = np.empty((len(bands_bps), rows.size)), np.empty((len(bands_bps), rows.size), bool)
    for i, bps in enumerate(bands_bps):
        far = mid * (bps / 1e4)
        inside = (distance <= far[:, None]).sum(axis=1)
        known[i] = distance[rows, last] > far
        depth[i] = np.where(known[i], value[rows, inside], np.nan)
    impact = np.empty((len(notionals), rows.size))
    for i, notional in enumerate(notionals):
        level = (value[:, 1:] < notional * (1 - 1e-12)).sum(axis=1)
        filled = level <= last
        level = np.minimum(level, last)
        quantity = size[rows, level] + (notional - value[rows, level]) / prices[rows, level]
        impact[i] = np.where(filled, 1e4 * np.abs(notional / quantity / mid - 1.0), np.nan)
    return depth, known, impact


def _before(levels: F64) -> F64:
    out = np.zeros((levels.shape[0], levels.shape[1] + 1))
    np.cumsum(levels, axis=1, out=out[:, 1:])
    return out


def imbalance(bids: F64, asks: F64) -> F64:
    """(bids - asks) / (bids + asks) in [-1, 1]; + = more resting bids; NaN where both are 0.

    >>> imbalance(np.array([3.0]), np.array([1.0])).tolist()
    [0.5]
    """
    total = bids + asks
    return (bids - asks) / np.where(total > 0, total, np.nan)
