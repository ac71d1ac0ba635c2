"""What every column promises: a shape, a dtype, a unit, a sentence, and NaN where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from crosstape.metrics import COLUMNS, METRICS, Column
from crosstape.metrics.price import change, last
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.state.at import At
from crosstape.state.catalogue import Catalogue
from crosstape.state.state import State

COUNTS_FROM_ZERO = {"coverage", "day_source"}


@pytest.fixture(scope="module")
def empty() -> At:
    state = State(16)
    for n in range(5):
        state.list(Instrument("bybit-linear", f"X{n}USDT", InstrumentKind.PERP, f"X{n}", "USDT", "USDT"))
    ts = 1_795_000_000_000_000_000
    state.ts = ts
    return At(state, ts, Catalogue(state.table, state.identity))


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: c.name)
def test_column(column: Column, empty: At) -> None:
    with np.errstate(all="ignore"):
        values = column.compute(empty)
    assert values.shape == (5,)
    assert values.dtype == np.float64
    assert column.unit
    assert len(column.doc) > 5
    if column.metric not in COUNTS_FROM_ZERO:
        assert np.isnan(values).all(), "nothing was ever said, so nothing is known"


def test_no_column_hands_out_the_state_itself(empty: At) -> None:
    for column in COLUMNS:
        with np.errstate(all="ignore"):
            values = column.compute(empty)
        assert not np.shares_memory(values, empty._now), column.name


def test_names_are_unique() -> None:
    assert len({c.name for c in COLUMNS}) == len(COLUMNS)
    assert len(COLUMNS) > 100
    assert all(metric.windows or metric.column for metric in METRICS)


def test_an_unknown_window_names_those_there_are() -> None:
    with pytest.raises(KeyError, match="change has no window '2m'; it has 1m, 5m"):
        change["2m"]
    assert last.column.name == "last"
