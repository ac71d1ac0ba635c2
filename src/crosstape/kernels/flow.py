"""Trading flow: shares, surges, order flow imbalance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def share(part: F64, rest: F64) -> F64:
    """part / (part + rest) in [0, 1]; NaN where the sum is 0.

    >>> share(np.array([3.0, 0.0]), np.array([1.0, 0.0])).tolist()
    [0.75, nan]
    """
    total = part + rest
    return np.clip(part / np.where(total > 0, total, np.nan), 0.0, 1.0)


def median_and_mad(history: F64) -> tuple[F64, F64]:
    """Median of each column and median absolute deviation of its logarithm (NaN where a value is 0).

    history: (windows, rows), oldest first. The log MAD is scaled by 1.4826 to a standard deviation.

    >>> m, s = median_and_mad(np.array([[1.0], [2.0], [4.0]]))
    >>> m.tolist(), s.round(4).tolist()
    ([2.0], [1.0277])
    """
    ordered = np.sort(history, axis=0)
    median = _middle(ordered)
    logs = np.log(np.where(ordered > 0, ordered, np.nan))
    spread = np.sort(np.abs(logs - _middle(logs)), axis=0)
    return median, 1.4826 * _middle(spread)


def _middle(ordered: F64) -> F64:
    n = ordered.shape[0]
    return np.asarray((ordered[(n - 1) // 2] + ordered[n // 2]) * 0.5)


def surge(now: F64, median: F64) -> F64:
    """Volume of this window over the median of the windows before; NaN where that median is 0.

    >>> surge(np.array([30.0]), np.array([10.0])).tolist()
    [3.0]
    """
    return now / np.where(median > 0, median, np.nan)


def surge_z(now: F64, median: F64, log_deviation: F64) -> F64:
    """Robust z of the log volume: (ln now - ln median) / scaled MAD. NaN where anything is 0.

    >>> surge_z(np.array([20.0]), np.array([10.0]), np.array([0.5])).round(4).tolist()
    [1.3863]
    """
    ratio = surge(now, median)
    scale = np.where(log_deviation > 0, log_deviation, np.nan)
    return np.log(np.where(ratio > 0, ratio, np.nan)) / scale


def ofi_increment(before: tuple[float, float, float, float], after: tuple[float, float, float, float]) -> float:
    """Order flow imbalance of one best-level change, base units, + = buying pressure.

    Both quotes are (bid, bid_size, ask, ask_size). Cont, Kukanov and Stoikov 2014, eq. 3.

    >>> ofi_increment((99.0, 1.0, 101.0, 1.0), (99.0, 3.0, 101.0, 1.0))
    2.0
    >>> ofi_increment((99.0, 1.0, 101.0, 1.0), (98.0, 5.0, 101.0, 1.0))
    -1.0
    """
    bid0, bid_size0, ask0, ask_size0 = before
    bid1, bid_size1, ask1, ask_size1 = after
    e = 0.0
    if bid1 >= bid0:
        e += bid_size1
    if bid1 <= bid0:
        e -= bid_size0
    if ask1 <= ask0:
        e -= ask_size1
    if ask1 >= ask0:
        e += ask_size0
    return e
