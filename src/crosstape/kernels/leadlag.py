"""Which of two prices moves first, and how sure that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def cross_correlation(a: F64, b: F64, most: int) -> F64:
    """Correlation of a[t] with b[t + lag] for lag = -most … most; (2 most + 1). NaN where either does not move.

    >>> x = np.array([0.0, 1.0, 0.0, -1.0, 0.0, 2.0, 0.0, 0.0])
    >>> int(np.argmax(cross_correlation(x, np.roll(x, 1), 2))) - 2
    1
    """
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    n = a.size
    out = np.empty(2 * most + 1)
    for i, lag in enumerate(range(-most, most + 1)):
        out[i] = a[: n - lag] @ b[lag:] if lag >= 0 else a[-lag:] @ b[: n + lag]
    return out / scale if scale > 0 else np.full(out.shape, np.nan)


def peak(correlation: F64) -> float:
    """Where the correlation is highest, in steps from the middle; refined by a parabola through the peak. NaN when
    it lies at an end or nothing is known.

    >>> round(float(peak(np.array([0.1, 0.5, 0.5, 0.1, 0.0]))), 3)
    -0.5
    """
    if np.isnan(correlation).any():
        return float("nan")
    i, most = int(np.argmax(correlation)), correlation.size // 2
    if i in (0, correlation.size - 1):
        return float("nan")
    left, top, right = correlation[i - 1 : i + 2]
    bend = left - 2 * top + right
    return float(i - most + (0.5 * (left - right) / bend if bend < 0 else 0.0))


def lead_lag(a: F64, b: F64, most: int, parts: int = 6) -> tuple[float, float]:
    """By how many steps a leads b (+ = a first), and its standard error from `parts` disjoint stretches.

    a, b: prices on one grid. NaN, NaN where they move too little to tell, or where the stretches do not agree well
    enough for any of them to have a peak within `most` steps.
    """
    with np.errstate(all="ignore"):
        x, y = np.diff(np.log(a)), np.diff(np.log(b))
    known = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(known, x, 0.0), np.where(known, y, 0.0)
    size = x.size // parts
    if size <= 4 * most:
        return float("nan"), float("nan")
    whole = peak(cross_correlation(x, y, most))
    found = [
        peak(cross_correlation(x[i * size : (i + 1) * size], y[i * size : (i + 1) * size], most))
        for i in range(parts)
    ]
    each = np.array([value for value in found if value == value])
    if each.size < max(parts // 2, 2) or whole != whole:
        return float("nan"), float("nan")
    return whole, float(each.std(ddof=1) / np.sqrt(each.size))
