"""Multipliers, contract sizes and inverse contracts: one notional, whatever the venue counts in."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.event import Liquidation, Listed, OpenInterest, Quote, Side, Ticker, Trade
from crosstape.model.instrument import Fold, Instrument, InstrumentKind, fold_of
from crosstape.state.apply import apply
from crosstape.state.fields import ASK_SIZE, BID, BOUGHT, DAY_TURNOVER, DAY_VOLUME, LAST, LIQ_LONG, OI
from crosstape.state.source import Source
from crosstape.state.state import State

POSITIVE = st.floats(1e-6, 1e6)


@given(POSITIVE, POSITIVE, st.sampled_from([1.0, 1000.0, 1e6]))
def test_a_multiplier_changes_price_and_size_and_leaves_the_notional(price: float, size: float, m: float) -> None:
    fold = Fold(m, 1.0, inverse=False)
    assert fold.price(price) * fold.size(price, size) == pytest.approx(price * size, rel=1e-12)


@given(POSITIVE, POSITIVE)
def test_an_inverse_contract_is_a_dollar(price: float, contracts: float) -> None:
    fold = Fold(1.0, 1.0, inverse=True)
    assert fold.price(price) * fold.size(price, contracts) == pytest.approx(contracts, rel=1e-12)


def test_nothing_to_fold() -> None:
    assert fold_of(Instrument("m", "X", InstrumentKind.SPOT, "X", "USDT", "USDT")) is None
    assert math.isnan(Fold(1.0, 1.0, inverse=True).size(0.0, 5.0))


def cell_after(instrument: Instrument, *events: object) -> list[float]:
    state, source = State(2), Source("bybit-x/0", "bybit-x", streams=True)
    apply(state, source, [Listed(instrument.native, 0, instrument), *events], 10**18)
    return state.cells[0]


def test_a_thousandfold_perp() -> None:
    pepe = Instrument("bybit-x", "1000PEPEUSDT", InstrumentKind.PERP, "PEPE", "USDT", "USDT", multiplier=1000.0)
    native = "1000PEPEUSDT"
    cell = cell_after(
        pepe,
        Trade(native, 0, 0.02, 500.0, Side.BUY, "1"),
        Quote(native, 0, 0.0199, 10.0, 0.0201, 20.0),
        OpenInterest(native, 0, 7.0, 2),
        Ticker(native, 0, volume=3.0, turnover=0.06),
    )
    assert (cell[LAST], cell[BID]) == (0.02 / 1000, 0.0199 / 1000)
    assert cell[BOUGHT] == pytest.approx(10.0, rel=1e-12)
    assert (cell[ASK_SIZE], cell[OI], cell[DAY_VOLUME], cell[DAY_TURNOVER]) == (20_000.0, 3_500.0, 3_000.0, 0.06)


def test_an_inverse_perp() -> None:
    inverse = Instrument("bybit-x", "BTCUSD", InstrumentKind.PERP, "BTC", "USD", "BTC", inverse=True)
    cell = cell_after(
        inverse,
        Trade("BTCUSD", 0, 50_000.0, 100.0, Side.BUY, "1"),
        Liquidation("BTCUSD", 0, Side.SELL, 50_000.0, 200.0),
        OpenInterest("BTCUSD", 0, 1_000_000.0),
        Ticker("BTCUSD", 0, volume=49_337_318.0, turnover=2352.9),
    )
    assert cell[BOUGHT] == pytest.approx(100.0, rel=1e-12)
    assert cell[LIQ_LONG] == pytest.approx(200.0, rel=1e-12)
    assert cell[OI] == 20.0
    assert (cell[DAY_VOLUME], cell[DAY_TURNOVER]) == (2352.9, 49_337_318.0)


def test_block_trades_are_kept_out_of_flow() -> None:
    btc = Instrument("bybit-x", "BTCUSDT", InstrumentKind.PERP, "BTC", "USDT", "USDT")
    cell = cell_after(btc, Trade("BTCUSDT", 0, 50_000.0, 100.0, Side.BUY, "1", True))
    assert cell[BOUGHT] == 0.0
    assert math.isnan(cell[LAST])
