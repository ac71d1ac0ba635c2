"""Whose 24 h figure is shown: the venue's until our own window is full."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstape.state.at import At
from crosstape.state.fields import LIVE

F64 = NDArray[np.float64]
ENOUGH = 0.99


def day_coverage(at: At) -> F64:
    """Share of the last 24 h in which the row's stream was live."""
    return np.minimum(at.total(LIVE, 86400) / 86400.0, 1.0)


def day_or_own(at: At, own: F64, venues: F64) -> F64:
    """Our own figure where the window is full or the venue sent none, the venue's elsewhere."""
    return np.where((day_coverage(at) >= ENOUGH) | np.isnan(venues), own, venues)
