"""Depth and impact against walking the book level by level."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.kernels.depth import profile

LEVELS = st.lists(st.tuples(st.floats(0.001, 3.0), st.floats(0.01, 50.0)), max_size=12)


def walked(levels: list[tuple[float, float]], mid: float, notional: float) -> float:
    left, quantity = notional, 0.0
    for price, size in levels:
        taken = min(left, price * size)
        quantity += taken / price
        left -= taken
        if left <= notional * 1e-12:
            return 1e4 * abs(notional / quantity / mid - 1)
    return math.nan


@given(st.lists(st.tuples(LEVELS, st.booleans()), min_size=1, max_size=5))
def test_against_a_walk(books: list[tuple[list[tuple[float, float]], bool]]) -> None:
    mid, width = 100.0, 12
    prices, sizes = np.full((len(books), width), np.nan), np.zeros((len(books), width))
    sides = []
    for i, (drawn, bids) in enumerate(books):
        steps = np.cumsum([step for step, _ in drawn])
        side = [(mid - s if bids else mid + s, size) for s, (_, size) in zip(steps, drawn, strict=True)]
        sides.append(side)
        for k, (price, size) in enumerate(side):
            prices[i, k], sizes[i, k] = price, size
    depth, known, impact = profile(prices, sizes, np.full(len(books), mid), (10.0, 200.0), (1_000.0, 20_000.0))
    for i, side in enumerate(sides):
        for b, bps in enumerate((10.0, 200.0)):
            far = mid * (bps / 1e4)
            beyond = any(abs(price - mid) > far for price, _ in side)
            assert known[b, i] == beyond
            held = sum(price * size for price, size in side if abs(price - mid) <= far)
            assert depth[b, i] == pytest.approx(held if beyond else math.nan, rel=1e-9, nan_ok=True)
        for n, notional in enumerate((1_000.0, 20_000.0)):
            want = walked(side, mid, notional)
            assert impact[n, i] == pytest.approx(want, rel=1e-6, abs=1e-6, nan_ok=True)
