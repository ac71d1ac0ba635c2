"""Prices and their changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def mid(bid: F64, ask: F64) -> F64:
    """Mid price; NaN where a side is missing.

    >>> mid(np.array([99.0]), np.array([101.0])).tolist()
    [100.0]
    """
    return (bid + ask) * 0.5


def microprice(bid: F64, bid_size: F64, ask: F64, ask_size: F64) -> F64:
    """Size-weighted mid: leans to the side with less resting size. NaN where a side is missing or both are 0.

    >>> microprice(np.array([99.0]), np.array([3.0]), np.array([101.0]), np.array([1.0])).tolist()
    [100.5]
    """
    return (ask * bid_size + bid * ask_size) / _positive(bid_size + ask_size)


def spread_bps(bid: F64, ask: F64) -> F64:
    """Spread over mid, bps; NaN where a side is missing or the book is crossed.

    >>> spread_bps(np.array([99.95, 101.0]), np.array([100.05, 100.0])).round(6).tolist()
    [10.0, nan]
    """
    return np.where(ask > bid, 2e4 * (ask - bid) / (ask + bid), np.nan)


def change(now: F64, before: F64) -> F64:
    """Simple change as a fraction; NaN where either is missing or `before` is not positive.

    >>> change(np.array([110.0, 1.0]), np.array([100.0, 0.0])).round(6).tolist()
    [0.1, nan]
    """
    return now / _positive(before) - 1.0


def velocity_bps(now: F64, before: F64, seconds: float) -> F64:
    """Speed of the log price, bps a second; + is up.

    >>> velocity_bps(np.array([101.0]), np.array([100.0]), 60.0).round(4).tolist()
    [1.6584]
    """
    return 1e4 * np.log(_positive(now) / _positive(before)) / seconds


def basis_bps(price: F64, reference: F64) -> F64:
    """Premium of a perp or future over its reference (index), bps; + = above.

    >>> basis_bps(np.array([100.1]), np.array([100.0])).round(6).tolist()
    [10.0]
    """
    return 1e4 * (price / _positive(reference) - 1.0)


def simple_apr(fraction: F64, seconds: F64) -> F64:
    """A return earned over `seconds`, simply annualised over 365 days; NaN where seconds <= 0.

    >>> simple_apr(np.array([0.01]), np.array([86400.0])).round(6).tolist()
    [3.65]
    """
    return fraction * 31_536_000.0 / _positive(seconds)


def _positive(x: F64) -> F64:
    """x where > 0, else NaN, so that no division warns or lies."""
    return np.where(x > 0, x, np.nan)
