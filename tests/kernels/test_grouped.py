"""Grouped best, sum and median against plain loops."""

from __future__ import annotations

import math
import statistics

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crosstape.kernels.grouped import highest, lowest, medians, sums

VALUE = st.one_of(st.floats(-5, 5), st.just(math.nan), st.just(1.0))
GROUPS = st.lists(st.lists(VALUE, min_size=1, max_size=6), min_size=1, max_size=6)


@given(GROUPS, st.randoms(use_true_random=False))
def test_against_loops(groups: list[list[float]], chance: object) -> None:
    flat = [value for group in groups for value in group]
    places = list(range(len(flat)))
    chance.shuffle(places)  # type: ignore[attr-defined]
    values = np.empty(len(flat))
    values[places] = flat
    order, starts = np.array(places), np.cumsum([0, *(len(g) for g in groups[:-1])])
    best, rows = highest(values, order, starts)
    worst, low_rows = lowest(values, order, starts)
    total, middle = sums(values, order, starts), medians(values, order, starts)
    for i, group in enumerate(groups):
        known = [v for v in group if not math.isnan(v)]
        if not known:
            assert math.isnan(best[i])
            assert rows[i] == low_rows[i] == -1
            assert math.isnan(total[i])
            assert math.isnan(middle[i])
            continue
        assert best[i] == max(known)
        assert values[rows[i]] == max(known)
        assert worst[i] == min(known)
        assert values[low_rows[i]] == min(known)
        assert math.isclose(total[i], sum(known), abs_tol=1e-12)
        assert math.isclose(middle[i], statistics.median(known), abs_tol=1e-12)
