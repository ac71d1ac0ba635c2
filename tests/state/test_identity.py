"""Who is the same asset: metadata and price join, the ticker alone never does, correlation can only split."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.state.identity import Identity
from crosstape.state.state import State
from crosstape.state.table import Table


def perp(market: str, native: str, base: str, multiplier: float = 1.0) -> Instrument:
    return Instrument(market, native, InstrumentKind.PERP, base, "USDT", "USDT", multiplier)


def joined(*listed: tuple[Instrument, float]) -> tuple[Identity, list[str]]:
    table, identity = Table(), Identity()
    for instrument, _ in listed:
        table.put(instrument)
    prices = np.array([price for _, price in listed])
    identity.join(table, prices, np.arange(len(listed), 0.0, -1.0))
    return identity, [identity.asset(row) for row in range(len(listed))]


CASES = [
    # the same coin under three native names, folded to one unit
    ([(perp("bybit-linear", "1000PEPEUSDT", "PEPE", 1000), 2.0e-5), (perp("hyperliquid", "kPEPE", "PEPE", 1000), 2.01e-5)],
     ["PEPE", "PEPE"]),
    ([(perp("bybit-linear", "SHIB1000USDT", "SHIB", 1000), 9e-6), (perp("binance-usdm", "1000SHIBUSDT", "SHIB", 1000), 9.1e-6)],
     ["SHIB", "SHIB"]),
    ([(perp("bybit-linear", "10000SATSUSDT", "SATS", 1e4), 2e-7), (perp("binance-usdm", "1000SATSUSDT", "SATS", 1e3), 2.02e-7)],
     ["SATS", "SATS"]),
    ([(perp("bybit-linear", "1000000BABYDOGEUSDT", "BABYDOGE", 1e6), 1e-9),
      (perp("binance-usdm", "1MBABYDOGEUSDT", "BABYDOGE", 1e6), 1.01e-9)], ["BABYDOGE", "BABYDOGE"]),
    # the same ticker, another coin
    ([(perp("bybit-linear", "CATUSDT", "CAT"), 0.00001), (perp("binance-usdm", "1000CATUSDT", "CAT", 1000), 0.000012)],
     ["CAT", "CAT@binance-usdm"]),
    ([(perp("bybit-linear", "NEIROUSDT", "NEIRO"), 0.0004), (perp("okx-swap", "NEIRO-USDT-SWAP", "NEIRO"), 0.04)],
     ["NEIRO", "NEIRO@okx-swap"]),
    ([(perp("bybit-linear", "NEIROUSDT", "NEIRO"), 0.0004), (perp("binance-usdm", "NEIROETHUSDT", "NEIROETH"), 0.0004)],
     ["NEIRO", "NEIROETH"]),
    # bridged bitcoin by another name
    ([(perp("bybit-linear", "BTCUSDT", "BTC"), 91000.0), (perp("hyperliquid-spot", "@142", "UBTC"), 91010.0)],
     ["BTC", "BTC"]),
    # one stock on two HIP-3 dexes, one of them mispriced
    ([(perp("hyperliquid", "xyz:TSLA", "TSLA"), 400.0), (perp("hyperliquid", "flx:TSLA", "TSLA"), 401.0),
      (perp("hyperliquid", "km:TSLA", "TSLA"), 40.0)], ["TSLA", "TSLA", "TSLA@hyperliquid"]),
    # no price yet: no asset yet
    ([(perp("bybit-linear", "BTCUSDT", "BTC"), 91000.0), (perp("okx-swap", "BTC-USDT-SWAP", "BTC"), math.nan)],
     ["BTC", ""]),
]  # fmt: skip


@pytest.mark.parametrize(("listed", "assets"), CASES, ids=lambda x: str(x)[:40])
def test_join(listed: list[tuple[Instrument, float]], assets: list[str]) -> None:
    identity, found = joined(*listed)
    assert found == assets
    assert all(identity.reason(row) for row in range(len(listed)))


def test_reasons_say_how_far_the_price_is() -> None:
    identity, _ = joined(
        (perp("a-x", "X", "X"), 100.0), (perp("b-x", "X", "X"), 101.0), (perp("c-x", "X", "X"), 250.0)
    )
    assert identity.reason(0) == "X, the first with a price"
    assert identity.reason(1) == "X, price +1.00% from the asset's median"
    assert identity.reason(2).startswith("kept apart: 2.488 ×")


def test_a_join_sticks_when_prices_drift() -> None:
    table, identity = Table(), Identity()
    table.put(perp("a-x", "X", "X"))
    table.put(perp("b-x", "X", "X"))
    identity.join(table, np.array([100.0, 101.0]), np.ones(2))
    assert not identity.join(table, np.array([100.0, 150.0]), np.ones(2))
    assert [identity.asset(0), identity.asset(1)] == ["X", "X"]


def test_a_freed_row_is_forgotten_before_the_next_one_sits_in_it() -> None:
    state = State(4)
    row = state.list(perp("a-x", "X", "X"))
    state.identity.join(state.table, np.array([100.0]), np.ones(1))
    state.free(row)
    assert state.list(perp("b-x", "Y", "Y")) == row
    assert state.identity.asset(row) == ""
    state.identity.join(state.table, np.array([5.0]), np.ones(1))
    assert state.identity.asset(row) == "Y"


def test_correlation_splits_after_a_day() -> None:
    table, identity = Table(), Identity()
    for market in ("a-x", "b-x", "c-x"):
        table.put(perp(market, "X", "X"))
    identity.join(table, np.array([100.0, 100.5, 101.0]), np.array([3.0, 2.0, 1.0]))
    chance = np.random.default_rng(1)
    moves = chance.normal(0, 0.001, (289, 1))
    own = chance.normal(0, 0.001, (289, 3))
    closes = 100 * np.exp(
        np.cumsum(np.hstack([moves, moves, 0 * moves]) + own * np.array([0.1, 0.1, 1.0]), axis=0)
    )
    short = closes.copy()
    short[:150, 2] = np.nan
    assert not identity.split(table, short)
    assert identity.split(table, closes)
    assert [identity.asset(row) for row in range(3)] == ["X", "X", "X@c-x"]
    assert "do not move together" in identity.reason(2)
