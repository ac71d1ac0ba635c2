"""Market making in figures: markouts of fills, inventory and its risk. Arrays in, arrays out; NaN = not known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
BPS = 1e4
MINUTE_NS = 60_000_000_000
FEWEST = 20


class Spreads(NamedTuple):
    """Of trades as their taker sees them, bps of the mid at the time: effective = realised + impact. A maker's are
    the negatives: what he captured, what he kept of it, and what the price then took (adverse selection)."""

    effective: F64
    realised: F64
    impact: F64


def spreads(side: F64, fill: F64, mid: F64, later: F64) -> Spreads:
    """`side` +1 bought, −1 sold; `mid` at the fill and `later` mids, all of one shape.

    >>> one = [np.array([x]) for x in (1.0, 100.05, 100.0, 100.03)]
    >>> [round(float(x[0]), 6) for x in spreads(*one)]
    [5.0, 2.0, 3.0]

    Source: Huang and Stoll (1996), Dealer versus auction markets.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = BPS * side / mid
        return Spreads(scale * (fill - mid), scale * (fill - later), scale * (later - mid))


def last_at(at: I64, times: I64, values: F64, stale_ns: int) -> F64:
    """The last value at or before each time (both ns, `times` ascending); NaN before the first, or when it is
    older than `stale_ns`.

    >>> last_at(np.array([5, 10, 99]), np.array([6, 10]), np.array([1.0, 2.0]), 50).tolist()
    [nan, 2.0, nan]
    """
    if not times.size:
        return np.full(at.shape, np.nan)
    found = np.searchsorted(times, at, side="right") - 1
    place = np.maximum(found, 0)
    known = (found >= 0) & (at - times[place] <= stale_ns)
    return np.where(known, values[place], np.nan)


def weighted(values: F64, weights: F64) -> float:
    """Mean of what is known.

    >>> weighted(np.array([1.0, np.nan, 4.0]), np.array([2.0, 5.0, 1.0]))
    2.0
    """
    known = ~np.isnan(values)
    total = float(weights[known].sum())
    return float((values[known] * weights[known]).sum()) / total if total > 0 else float("nan")


class Inventory(NamedTuple):
    """Of a position that changes in steps: time-weighted mean and root mean square, largest size, and the time in
    which half of it is gone, seconds (AR(1) of minutes; NaN = it does not revert)."""

    mean: float
    rms: float
    largest: float
    half_life_s: float


def inventory(times: I64, sizes: F64) -> Inventory:
    """`sizes[n]` is held from `times[n]` until the next; the last has no length.

    >>> inventory(np.array([0, 10, 30]), np.array([3.0, 0.0, 1.0]))[:3]
    (1.0, 1.7320508075688772, 3.0)
    """
    if not times.size:
        return Inventory(*[float("nan")] * 4)
    lengths = np.diff(times).astype(np.float64)
    total = float(lengths.sum())
    held = sizes[:-1]
    if total <= 0:
        return Inventory(float(sizes[-1]), abs(float(sizes[-1])), float(np.abs(sizes).max()), float("nan"))
    mean = float((held * lengths).sum()) / total
    rms = (float((held**2 * lengths).sum()) / total) ** 0.5
    return Inventory(mean, rms, float(np.abs(sizes).max()), half_life(minutes(times, sizes)[1]) * 60.0)


def minutes(times: I64, sizes: F64) -> tuple[I64, F64]:
    """(ends of the minutes, what was held then); at most the newest 100 000."""
    last = int(times[-1]) // MINUTE_NS * MINUTE_NS
    first = max(int(times[0]) // MINUTE_NS * MINUTE_NS + MINUTE_NS, last - 100_000 * MINUTE_NS)
    ends = np.arange(first, last + 1, MINUTE_NS, dtype=np.int64)
    return ends, last_at(ends, times, sizes, 2**62)


def half_life(values: F64) -> float:
    """Steps in which a deviation from the mean halves, by AR(1); NaN when too few or not reverting.

    >>> round(half_life(np.array([1.0, 0.9, 0.8, 0.9, 1.1, 1.0] * 10)), 1)
    0.5
    """
    if values.size < FEWEST:
        return float("nan")
    centred = values - values.mean()
    below = float((centred[:-1] ** 2).sum())
    phi = float((centred[1:] * centred[:-1]).sum()) / below if below > 0 else 0.0
    return float(np.log(0.5) / np.log(phi)) if 0.0 < phi < 1.0 else float("nan")


def value_at_risk(profits: F64, share: float) -> float:
    """The loss that `share` of the periods stay below, ≥ 0; NaN for fewer than 20. Historical, no distribution.

    >>> round(value_at_risk(np.arange(-50.0, 51.0), 0.95), 6)
    45.0
    """
    known = profits[~np.isnan(profits)]
    if known.size < FEWEST:
        return float("nan")
    return max(0.0, -float(np.quantile(known, 1.0 - share)))


def breaches(times: I64, sizes: F64, limit: float) -> tuple[int, float]:
    """(how often |size| went above the limit, seconds it was there); limit 0 = none.

    >>> breaches(np.array([0, 1_000_000_000, 3_000_000_000]), np.array([5.0, -9.0, 1.0]), 6.0)
    (1, 2.0)
    """
    if limit <= 0 or not times.size:
        return 0, 0.0
    above = np.abs(sizes) > limit
    crossed = above & ~np.concatenate([[False], above[:-1]])
    return int(crossed.sum()), float((np.diff(times) * above[:-1]).sum()) / 1e9
