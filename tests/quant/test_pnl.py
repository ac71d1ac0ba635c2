"""Profit and loss: published examples, and a slow obvious model that counts units one by one."""

from __future__ import annotations

import json
from collections import deque
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.event import Side
from crosstape.model.execution import Execution, ExecutionKind
from crosstape.quant import performance
from crosstape.quant.currencies import currencies
from crosstape.quant.pnl import Account, Method, settle
from support.shared import SHARED

VALUES = SHARED / "reference" / "values.json"
needs_values = pytest.mark.skipif(not VALUES.is_file(), reason=f"reference values are absent: {VALUES}")
LINEAR, INVERSE = "bybit-linear:BTCUSDT", "deribit:BTC-PERPETUAL"
CLOSE = Decimal("1e-30")


def fill(side: str, size: Any, price: Any, ts: int = 1, fee: Any = 0, **more: Any) -> Execution:
    more = {"instrument": LINEAR} | more
    return Execution(ts=ts, side=Side[side.upper()], price=Decimal(str(price)), size=Decimal(str(size)),
                     fee=Decimal(str(fee)), **more)  # fmt: skip


def realised(account: Account) -> Decimal:
    return sum((close.gross for close in account.closes), Decimal(0))


def reference(name: str) -> dict[str, Any]:
    cases: list[dict[str, Any]] = json.loads(VALUES.read_text("utf-8"))["cases"]
    return next(case for case in cases if case["id"] == name)


@needs_values
@pytest.mark.parametrize(("method", "short"), [(Method.FIFO, "fifo"), (Method.AVERAGE, "avg")])
def test_fifo_and_average_cost(method: Method, short: str) -> None:
    case = reference("fifo_vs_avg")
    account = settle([fill(side, size, price) for side, size, price in case["inputs"]["fills"]], method)
    (position,) = account.positions
    expected = case["expected"]
    assert realised(account) == expected[f"{short}_realised"]
    assert position.entry == expected[f"{short}_open_cost"]
    assert position.unrealised(Decimal(130)) == expected[f"unrealised_at_130_{short}"]


@needs_values
@pytest.mark.parametrize("method", Method)
def test_an_inverse_future(method: Method) -> None:
    case = reference("deribit_inverse_future")
    given, expected = case["inputs"], case["expected"]
    usd, rate = Decimal(given["usd"]), Decimal(str(given["fee"]))
    rows = [
        fill(
            side, 100, price, ts, fee=usd * rate / price, instrument=INVERSE, inverse=True, multiplier=Decimal(10)
        )
        for ts, (side, price) in enumerate((("buy", given["entry"]), ("sell", given["exit"])))
    ]
    account = settle(rows, method)
    assert [flow.currency for flow in account.flows] == ["BTC", "BTC"]
    assert float(realised(account)) == pytest.approx(expected["pnl_btc"], abs=1e-6)
    assert float(realised(account)) * given["exit"] == pytest.approx(expected["pnl_usd_at_exit"], abs=0.008)
    assert float(sum(flow.fee for flow in account.flows)) == pytest.approx(expected["fees_btc"], abs=1e-7)


def test_the_average_entry_of_an_inverse_contract_is_harmonic() -> None:
    rows = [fill("buy", 100, price, instrument=INVERSE, inverse=True) for price in (100, 300)]
    (position,) = settle(rows, Method.AVERAGE).positions
    assert abs(position.entry - 150) < CLOSE


@needs_values
def test_performance_as_published() -> None:
    case = reference("perf_mixed")
    returns = np.array(case["inputs"]["returns"])
    assert performance.sharpe(returns, 252)[0] == pytest.approx(case["expected"]["sharpe"], abs=5e-6)
    equity = np.concatenate([[1.0], np.cumprod(1 + returns)])
    assert performance.max_drawdown(equity) == pytest.approx(case["expected"]["max_drawdown"], abs=5e-6)
    case = reference("drawdown_seq")
    equity = np.array(case["inputs"]["equity"], float)
    assert performance.max_drawdown(equity) == pytest.approx(case["expected"]["max_drawdown"], abs=1e-12)
    assert performance.drawdown(equity)[-1] == pytest.approx(case["expected"]["dd_at_end"], abs=1e-12)


def test_a_flip_closes_all_and_opens_the_rest() -> None:
    account = settle([fill("buy", 1, 100, 1, fee=1), fill("sell", 3, 110, 2, fee=3)])
    (close,) = account.closes
    assert (close.side, close.size, close.gross, close.fee, close.net) == (Side.BUY, 1, 10, 2, 8)
    (position,) = account.positions
    assert (position.size, position.entry) == (-2, 110)
    account = settle([fill("buy", 1, 100, 1), fill("sell", 3, 110, 2), fill("buy", 2, 105, 7)])
    assert [(c.side, c.gross, c.opened) for c in account.closes] == [(Side.BUY, 10, 1), (Side.SELL, 10, 2)]
    assert account.positions == []


@pytest.mark.parametrize(
    ("asset", "rate", "fee"),
    [
        ("", 0, "0.5"),
        ("USDT", 0, "0.5"),
        ("BTC", 0, "50"),
        ("BNB", "600", "300"),
        ("BNB", 0, "0"),
        ("btc", 0, "50"),
    ],
)
def test_fees_in_another_asset(asset: str, rate: Any, fee: str) -> None:
    account = settle([fill("buy", 1, 100, fee="0.5", fee_asset=asset, fee_rate=Decimal(rate))])
    assert account.flows[0].fee == Decimal(fee)
    assert dict(account.unpriced) == ({"BNB": 1} if fee == "0" else {})


def test_funding_is_a_flow_of_its_own() -> None:
    rows = [
        fill("buy", 1, 100),
        fill("buy", 0, 0, 2, fee="0.25", kind=ExecutionKind.FUNDING),
        fill("sell", 1, 90, 3),
    ]
    account = settle(rows)
    assert [(f.gross, f.fee, f.funding) for f in account.flows] == [
        (0, 0, 0),
        (0, 0, Decimal("0.25")),
        (-10, 0, 0),
    ]
    assert sum(flow.net for flow in account.flows) == Decimal("-10.25")


def test_accounts_and_instruments_are_apart() -> None:
    rows = [
        fill("buy", 1, 100, account="a"),
        fill("sell", 1, 120, account="b"),
        fill("sell", 1, 130, instrument="x:ETHUSDT"),
    ]
    account = settle(rows)
    assert account.closes == []
    assert [(p.account, p.size) for p in account.positions] == [("a", 1), ("b", -1), ("", -1)]


trades = st.lists(
    st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 4), st.integers(1, 500), st.integers(-9, 9)),
    max_size=25,
)


@given(trades, st.booleans())
def test_fifo_is_what_counting_units_says(rows: list[tuple[str, int, int, int]], inverse: bool) -> None:
    """Each unit is bought or sold alone, and meets the oldest opposite one."""
    units: deque[tuple[int, int, Decimal]] = deque()
    gains, ages = Decimal(0), []
    for ts, (side, size, price, _) in enumerate(rows):
        sign = 1 if side == "buy" else -1
        worth = Decimal(price) if not inverse else -1 / Decimal(price)
        for _ in range(size):
            if units and units[0][0] == -sign:
                _, opened, before = units.popleft()
                gains += (worth - before) * -sign
                ages.append(ts - opened)
            else:
                units.append((sign, ts, worth))
    account = settle(
        [fill(side, size, price, ts, fee, inverse=inverse) for ts, (side, size, price, fee) in enumerate(rows)]
    )
    assert abs(realised(account) - gains) < Decimal("1e-20")
    assert sum(int(c.size) * (c.ts - c.opened) for c in account.closes) == sum(ages)
    assert sum((p.size for p in account.positions), Decimal(0)) == sum(sign for sign, _, _ in units)


@given(trades, st.booleans(), st.integers(1, 500))
def test_both_methods_earn_the_same_in_the_end(
    rows: list[tuple[str, int, int, int]], inverse: bool, last: int
) -> None:
    fills = [fill(side, size, price, ts, fee, inverse=inverse) for ts, (side, size, price, fee) in enumerate(rows)]
    totals = []
    for method in Method:
        account = settle(fills, method)
        open_ = sum((p.unrealised(Decimal(last)) for p in account.positions), Decimal(0))
        totals.append(realised(account) + open_)
        carried = sum((flow.fee for flow in account.flows), Decimal(0))
        assert carried == sum((row.fee for row in fills), Decimal(0))
        # Fees of closed parts, and what the open lots still carry, are all the fees there were.
        if not account.positions:
            assert abs(sum((c.fee for c in account.closes), Decimal(0)) - carried) < Decimal("1e-20")
    assert abs(totals[0] - totals[1]) < Decimal("1e-20")


@pytest.mark.parametrize(
    ("instrument", "pair"),
    [
        ("binance-spot:1000PEPEFDUSD", ("1000PEPE", "FDUSD")),
        ("okx-swap:BTC-USD-SWAP", ("BTC", "USD")),
        ("kraken:XBT/EUR", ("BTC", "EUR")),
        ("bitget:BTCUSDT_UMCBL", ("BTC", "USDT")),
        ("ccxt:BTC/USDT:USDT", ("BTC", "USDT")),
        ("ETHBTC", ("ETH", "BTC")),
        ("x:USDT", ("USDT", "")),
    ],
)
def test_currencies_by_name(instrument: str, pair: tuple[str, str]) -> None:
    assert currencies(instrument) == pair
