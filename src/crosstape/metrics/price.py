"""Prices and how they move."""

from __future__ import annotations

import numpy as np

from crosstape.kernels import price as kernel
from crosstape.metrics.column import F64, metric
from crosstape.metrics.day import day_or_own
from crosstape.state.at import At
from crosstape.state.fields import (
    ASK,
    ASK_SIZE,
    BID,
    BID_SIZE,
    DAY_CHANGE,
    DAY_HIGH,
    DAY_LOW,
    INDEX,
    LAST,
    MARK,
)

ALL = ("1m", "5m", "15m", "1h", "4h", "24h")


@metric("price")
def last(at: At) -> F64:
    """Last trade; the venue's ticker until the first trade is streamed."""
    return at[LAST].copy()


@metric("price")
def mid(at: At) -> F64:
    """(bid + ask) / 2."""
    return kernel.mid(at[BID], at[ASK])


@metric("price")
def microprice(at: At) -> F64:
    """Size-weighted mid."""
    return kernel.microprice(at[BID], at[BID_SIZE], at[ASK], at[ASK_SIZE])


@metric("price")
def mark(at: At) -> F64:
    """The venue's mark price."""
    return at[MARK].copy()


@metric("price")
def index(at: At) -> F64:
    """The venue's index price."""
    return at[INDEX].copy()


@metric("fraction", *ALL)
def change(at: At, seconds: int) -> F64:
    """Last over the last price a window ago, minus 1. 24 h: the venue's figure until coverage is 99 %."""
    own = kernel.change(at[LAST], at.price_ago(seconds))
    return day_or_own(at, own, at[DAY_CHANGE]) if seconds == 86400 else own


@metric("bps/s", "1m", "5m", "15m", "1h")
def velocity(at: At, seconds: int) -> F64:
    """Speed of the log price over the window."""
    return kernel.velocity_bps(at[LAST], at.price_ago(seconds), seconds)


@metric("bps/s2")
def acceleration(at: At) -> F64:
    """Velocity of the last minute minus that of the minute before, per second."""
    ago = at.price_ago(60)
    before = kernel.velocity_bps(ago, at.price_ago(120), 60.0)
    return (kernel.velocity_bps(at[LAST], ago, 60.0) - before) / 60.0


@metric("price", *ALL)
def high(at: At, seconds: int) -> F64:
    """Highest trade of the window. 24 h: the venue's figure until coverage is 99 %."""
    own = at.highest(seconds)
    return day_or_own(at, own, at[DAY_HIGH]) if seconds == 86400 else own


@metric("price", *ALL)
def low(at: At, seconds: int) -> F64:
    """Lowest trade of the window. 24 h: the venue's figure until coverage is 99 %."""
    own = at.lowest(seconds)
    return day_or_own(at, own, at[DAY_LOW]) if seconds == 86400 else own


@metric("fraction", "1h", "4h", "24h")
def from_high(at: At, seconds: int) -> F64:
    """Last over the highest trade of the window, minus 1; <= 0."""
    return np.minimum(kernel.change(at[LAST], high.function(at, seconds)), 0.0)


@metric("fraction", "1h", "4h", "24h")
def from_low(at: At, seconds: int) -> F64:
    """Last over the lowest trade of the window, minus 1; >= 0."""
    return np.maximum(kernel.change(at[LAST], low.function(at, seconds)), 0.0)
