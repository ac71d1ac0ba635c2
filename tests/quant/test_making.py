"""Market making in figures: identities, published numbers, and cases one can reckon by hand."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crosstape.model.event import Side
from crosstape.model.execution import Execution, ExecutionKind, Liquidity
from crosstape.quant import making
from crosstape.quant.quoting import HORIZONS_S, Making, sessions, statistics
from quant.test_pnl import needs_values, reference

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
BTC = "bybit-linear:BTCUSDT"
prices = st.floats(0.01, 1e6)


def fill(ts: int, side: Side, price: float, size: float = 1, fee: str = "0", **more: Any) -> Execution:
    given = {"ts": ts, "instrument": BTC, "side": side, "price": Decimal(str(price)), "size": Decimal(str(size)),
             "fee": Decimal(fee), "liquidity": Liquidity.MAKER}  # fmt: skip
    return Execution(**(given | more))


def no_mids(*_: Any) -> Any:
    return np.zeros(0, np.int64), np.zeros(0)


@needs_values
def test_the_published_markout() -> None:
    case = reference("markout_identity")
    given_, expected = case["inputs"], case["expected"]
    found = making.spreads(*(np.array([float(given_[name])]) for name in ("side", "fill", "mid0", "mid_h")))
    for name, value in found._asdict().items():
        assert value[0] == pytest.approx(expected[f"{name}_bps"], abs=1e-9)


@given(st.sampled_from([1.0, -1.0]), prices, prices, prices)
def test_effective_is_realised_and_impact(side: float, price: float, mid: float, later: float) -> None:
    found = making.spreads(*(np.array([x]) for x in (side, price, mid, later)))
    scale = max(1.0, *(abs(float(x[0])) for x in found))
    assert abs(float(found.effective[0] - found.realised[0] - found.impact[0])) <= 1e-9 * scale


@given(
    st.lists(st.integers(0, 100), max_size=20),
    st.lists(st.integers(0, 100), max_size=20, unique=True),
    st.integers(0, 50),
)
def test_the_last_mid_is_what_looking_back_finds(at: list[int], times: list[int], stale: int) -> None:
    times.sort()
    values = np.arange(float(len(times)))
    found = making.last_at(np.array(at, np.int64), np.array(times, np.int64), values, stale)
    for moment, value in zip(at, found.tolist(), strict=True):
        before = [n for n, ts in enumerate(times) if ts <= moment]
        if before and moment - times[before[-1]] <= stale:
            assert value == before[-1]
        else:
            assert math.isnan(value)


@given(arrays(np.float64, st.integers(2, 30), elements=st.integers(-5, 5).map(float)))
def test_inventory_is_what_each_second_says(sizes: Any) -> None:
    times = np.arange(sizes.size, dtype=np.int64) * SECOND
    found = making.inventory(times, sizes)
    assert found.mean == pytest.approx(sizes[:-1].mean())
    assert found.rms == pytest.approx(float(np.sqrt((sizes[:-1] ** 2).mean())))
    assert found.largest == np.abs(sizes).max()


def test_half_life_of_a_known_process() -> None:
    rng, values = np.random.default_rng(7), [0.0]
    for shock in rng.normal(size=100_000):
        values.append(0.9 * values[-1] + shock)
    assert making.half_life(np.array(values)) == pytest.approx(math.log(0.5) / math.log(0.9), rel=0.05)
    assert math.isnan(making.half_life(np.array([1.0, -1.0] * 20)))
    assert math.isnan(making.half_life(np.ones(30)))


def test_value_at_risk_is_the_quantile_of_losses() -> None:
    profits = np.random.default_rng(7).normal(size=100_000)
    assert making.value_at_risk(profits, 0.95) == pytest.approx(1.6449, abs=0.02)
    assert making.value_at_risk(np.ones(30), 0.95) == 0.0
    assert math.isnan(making.value_at_risk(np.ones(19), 0.95))


# A maker sells at 101 and buys at 99 around a mid of 100; then the mid goes to 99.5.
TURN = [fill(100 * SECOND, Side.SELL, 101, 2, "-0.1"), fill(110 * SECOND, Side.BUY, 99, 2, "0.02")]
TIMES = np.arange(90, 500, dtype=np.int64) * SECOND
MIDS = np.where(TIMES < 105 * SECOND, 100.0, 99.5)


def known(instrument: str, since: int, until: int) -> Any:
    assert instrument == BTC
    chosen = (since <= TIMES) & (until > TIMES)
    return TIMES[chosen], MIDS[chosen]


def test_a_round_turn() -> None:
    told = statistics(TURN, Making(), known)
    (row,) = told["rows"]
    assert told["horizons_s"] == HORIZONS_S == (1, 5, 60, 300)
    assert (row["gross"], row["fees"], row["rebates"]) == (4.0, 0.02, 0.1)
    assert row["net"] == pytest.approx(4.08)
    assert (row["volume"], row["maker_share"], row["mids"]) == (400.0, 1.0, 2)
    sold, bought = 202.0, 198.0
    captured = (1e4 * 1 / 100 * sold + 1e4 * 0.5 / 99.5 * bought) / 400
    assert row["spread_captured_bps"] == pytest.approx(captured)
    # Five seconds on, the sale has gained half a unit; nothing moved after the purchase.
    after = (1e4 * 1.5 / 100 * sold + 1e4 * 0.5 / 99.5 * bought) / 400
    assert row["markout_bps"][1:3] == pytest.approx([after, after])
    for markout, adverse in zip(row["markout_bps"], row["adverse_selection_bps"], strict=True):
        assert markout + adverse == pytest.approx(captured)
    assert row["adverse_selection_share"][1] == pytest.approx((captured - after) / captured)
    assert (row["inventory"], row["inventory_mean"], row["inventory_max"]) == (0.0, -2.0, 2.0)
    assert row["prices"] == "mids"


def test_without_mids_what_needs_them_is_not_known() -> None:
    (row,) = statistics(TURN, Making(), no_mids)["rows"]
    assert row["prices"] == "fills"
    assert row["mids"] == 0
    assert math.isnan(row["spread_captured_bps"])
    assert all(math.isnan(value) for value in row["markout_bps"])
    assert row["gross"] == 4.0


def test_a_pause_ends_a_session_and_inventory_goes_on() -> None:
    rows = [fill(0, Side.BUY, 100, 3), fill(MINUTE, Side.BUY, 100, 3), fill(100 * MINUTE, Side.SELL, 90, 6),
            fill(101 * MINUTE, Side.BUY, 0, 0, "1", kind=ExecutionKind.FUNDING)]  # fmt: skip
    newest, oldest = sessions(rows, Making(gap_s=600, max_inventory=5, max_loss=50), no_mids)["rows"]
    assert (oldest["executions"], oldest["inventory"], oldest["net"]) == (2, 6.0, 0.0)
    assert (oldest["inventory_limit_breached"], oldest["loss_limit_breached"]) == (1, False)
    assert (newest["executions"], newest["inventory"], newest["gross"], newest["net"]) == (1, 0.0, -60.0, -61.0)
    assert (newest["max_drawdown"], newest["loss_limit_breached"]) == (-61.0, True)
    assert len(sessions(rows, Making(gap_s=6_000), no_mids)["rows"]) == 1


def test_risk_of_the_inventory_follows_the_mids() -> None:
    rows = [fill(0, Side.BUY, 100, 2), fill(200 * MINUTE, Side.SELL, 100, 1)]
    times = np.arange(0, 201 * 60, dtype=np.int64) * SECOND
    rises = np.where(times // MINUTE % 2 == 0, 100.0, 99.0)
    (row,) = statistics(rows, Making(), lambda *_: (times, rises))["rows"]
    assert row["inventory_var_95_1m"] == 2.0
    assert row["inventory_pnl"] == pytest.approx(2.0)
    inverse = [fill(0, Side.BUY, 100, 2, inverse=True), fill(200 * MINUTE, Side.SELL, 100, 1, inverse=True)]
    (row,) = statistics(inverse, Making(), lambda *_: (times, rises))["rows"]
    assert row["inventory_var_95_1m"] == pytest.approx(2 * (1 / 99 - 1 / 100))
    assert row["currency"] == "BTC"


def test_nothing_is_nothing() -> None:
    assert statistics([], Making(), no_mids)["rows"] == sessions([], Making(), no_mids)["rows"] == []
    (row,) = statistics([fill(5, Side.BUY, 100)], Making(), no_mids)["rows"]
    assert (row["inventory"], row["net"]) == (1.0, 0.0)
