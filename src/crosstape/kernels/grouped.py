"""Best, sum and median over groups of rows.

Groups are given as an order of rows and where each group starts in it (`starts`, ascending, none empty).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Rows = NDArray[np.intp]


def highest(values: F64, order: Rows, starts: Rows) -> tuple[F64, Rows]:
    """Highest value of each group and the first row that has it; NaN and -1 where a group has none.

    >>> v, r = highest(np.array([1.0, 3.0, np.nan]), np.array([0, 1, 2]), np.array([0, 2]))
    >>> v.tolist(), r.tolist()
    ([3.0, nan], [1, -1])
    """
    inside = values[order]
    filled = np.where(np.isnan(inside), -np.inf, inside)
    best = np.maximum.reduceat(filled, starts)
    sizes = np.diff(np.append(starts, order.size))
    hit = np.flatnonzero((filled == np.repeat(best, sizes)) & (filled > -np.inf))
    rows = np.full(starts.size, -1, np.intp)
    groups = np.repeat(np.arange(starts.size), sizes)[hit]
    rows[groups[::-1]] = order[hit][::-1]
    return np.where(np.isfinite(best), best, np.nan), rows


def lowest(values: F64, order: Rows, starts: Rows) -> tuple[F64, Rows]:
    """Lowest value of each group and the first row that has it; NaN and -1 where a group has none."""
    best, rows = highest(-values, order, starts)
    return -best, rows


def sums(values: F64, order: Rows, starts: Rows) -> F64:
    """Sum of each group's known values; NaN where none is known.

    >>> sums(np.array([1.0, np.nan, 2.0]), np.array([0, 1, 2]), np.array([0, 2])).tolist()
    [1.0, 2.0]
    """
    inside = values[order]
    known = ~np.isnan(inside)
    total = np.add.reduceat(np.where(known, inside, 0.0), starts)
    return np.where(np.add.reduceat(known.astype(np.intp), starts) > 0, total, np.nan)


def medians(values: F64, order: Rows, starts: Rows) -> F64:
    """Median of each group's known values; NaN where none is known.

    >>> medians(np.array([1.0, 5.0, np.nan, 2.0]), np.array([0, 1, 2, 3]), np.array([0, 3])).tolist()
    [3.0, 2.0]
    """
    inside = values[order]
    sizes = np.diff(np.append(starts, order.size))
    group = np.repeat(np.arange(starts.size), sizes)
    ordered = inside[np.lexsort((inside, group))]
    known = np.add.reduceat((~np.isnan(inside)).astype(np.intp), starts)
    low = starts + np.maximum(known - 1, 0) // 2
    high = starts + np.maximum(known, 1) // 2
    middle = (ordered[low] + ordered[np.minimum(high, starts + np.maximum(known - 1, 0))]) * 0.5
    return np.where(known > 0, middle, np.nan)
