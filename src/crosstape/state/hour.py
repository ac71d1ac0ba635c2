"""One hour of one source as the completeness ledger tells it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

HOUR_NS = 3_600_000_000_000
# Lags by powers of ten from a tenth of a millisecond on, sixteen classes a power; the first takes what is less.
PER_POWER, POWERS, LEAST_MS = 16, 6, 0.1
CLASSES = PER_POWER * POWERS + 1
COUNTED = ("frames", "bytes", "gaps", "repaired", "duplicates", "errors")


@dataclass(slots=True)
class Hour:
    """began    the hour's first ns, 0 = none yet; base: what the source's counters stood at then
    lost_s      seconds without a live stream; lags: how many samples in each class; least_ms: the smallest lag
    """

    began: int = 0
    base: list[int] = field(default_factory=lambda: [0] * len(COUNTED))
    lost_s: float = 0.0
    lags: list[int] = field(default_factory=list)
    least_ms: float = float("nan")

    def add_lags(self, lags_ms: NDArray[np.float64]) -> None:
        """Take samples; NaN says nothing."""
        known = lags_ms[~np.isnan(lags_ms)]
        if not known.size:
            return
        counts = np.bincount(classes(known), minlength=CLASSES).tolist()
        self.lags = [a + b for a, b in zip(self.lags, counts, strict=True)] if self.lags else counts
        least = float(known.min())
        self.least_ms = least if not self.least_ms <= least else self.least_ms

    def quantile_ms(self, share: float) -> float:
        """The lag below which this share of the samples lies, to a seventh of itself; NaN without samples."""
        total = sum(self.lags)
        if not total:
            return float("nan")
        passed = np.cumsum(self.lags)
        place = int(np.searchsorted(passed, share * total))
        return 0.0 if place == 0 else LEAST_MS * 10.0 ** ((place - 0.5) / PER_POWER)


def classes(lags_ms: NDArray[np.float64]) -> NDArray[np.intp]:
    """The class of each lag."""
    with np.errstate(all="ignore"):
        place = np.floor(PER_POWER * np.log10(lags_ms / LEAST_MS)) + 1.0
    return np.asarray(np.clip(np.nan_to_num(place, nan=0.0, neginf=0.0), 0, CLASSES - 1), np.intp)
