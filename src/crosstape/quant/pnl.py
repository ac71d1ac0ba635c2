"""Profit and loss of own executions: lots matched first in, first out, or at average cost; exact.

One arithmetic for both kinds of contract: a price p is worth p quote per base on a linear one, -1/p base per quote
on an inverse one, and profit is size × difference of worth. An average of worths is the average cost on both.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from decimal import Context, Decimal, localcontext
from enum import StrEnum

import msgspec

from crosstape.model.event import Side
from crosstape.model.execution import NOTHING, ONE, Execution, ExecutionKind
from crosstape.quant.currencies import ALIASES, currencies

# Divisions (inverse contracts, averages) are rounded here; sums of 18 + 20 digits stay exact.
MATH = Context(prec=60)


class Method(StrEnum):
    """Which lot a reducing execution closes."""

    FIFO = "fifo"
    AVERAGE = "average"


class Close(msgspec.Struct, frozen=True):
    """A part of a position that was closed.

    side      of the position: BUY = it was long
    opened    when it was opened, ns; of several lots their mean
    size      base units, or quote units on an inverse contract
    gross     profit in `currency`, before `fee`, which has its share of the opening fee
    order_id  what closed it; fill = the number of that execution
    """

    ts: int
    opened: int
    instrument: str
    account: str
    currency: str
    side: Side
    size: Decimal
    gross: Decimal
    fee: Decimal
    order_id: str
    fill: int

    @property
    def net(self) -> Decimal:
        """After fees, before funding."""
        return self.gross - self.fee


class Position(msgspec.Struct, frozen=True):
    """What is open at the end: `size` + long, − short; `entry` its average price."""

    instrument: str
    account: str
    currency: str
    size: Decimal
    entry: Decimal
    inverse: bool

    def unrealised(self, price: Decimal) -> Decimal:
        """Profit in `currency` if it were closed at `price`."""
        return MATH.multiply(self.size, _worth(price, self.inverse) - _worth(self.entry, self.inverse))


class Flow(msgspec.Struct, frozen=True):
    """What an execution changed: `gross` profit taken, `fee` and `funding` paid, all in `currency`."""

    ts: int
    instrument: str
    currency: str
    gross: Decimal = NOTHING
    fee: Decimal = NOTHING
    funding: Decimal = NOTHING

    @property
    def net(self) -> Decimal:
        """Their sum, + is gained."""
        return self.gross - self.fee - self.funding


class Account(msgspec.Struct, frozen=True):
    """All of it, in order. `unpriced`: fees left out, by the asset they were paid in: nobody told its price."""

    closes: list[Close]
    flows: list[Flow]
    positions: list[Position]
    unpriced: Counter[str]


class _Lot(msgspec.Struct):
    size: Decimal
    worth: Decimal
    ts: int
    fee: Decimal


def settle(executions: Iterable[Execution], method: Method = Method.FIFO) -> Account:
    """The executions, oldest first, folded. A flip closes all that is open and opens the rest.

    Source: accounting definitions; realised + unrealised profit is the same for both methods.
    """
    with localcontext(MATH):
        return _settled(executions, method)


def _settled(executions: Iterable[Execution], method: Method) -> Account:
    account = Account([], [], [], Counter())
    lots: dict[tuple[str, str], deque[_Lot]] = {}
    kinds: dict[tuple[str, str], Execution] = {}
    for number, row in enumerate(executions):
        currency = pnl_currency(row)
        fee = _fee(row, account.unpriced)
        if row.kind is ExecutionKind.FUNDING:
            account.flows.append(Flow(row.ts, row.instrument, currency, funding=fee))
            continue
        key = (row.account, row.instrument)
        kinds[key] = row
        closes = _match(lots.setdefault(key, deque()), row, fee, number, method)
        account.closes.extend(closes)
        gross = sum((close.gross for close in closes), NOTHING)
        account.flows.append(Flow(row.ts, row.instrument, currency, gross, fee))
    account.positions.extend(_position(kinds[key], open_) for key, open_ in lots.items() if open_)
    return account


def pnl_currency(row: Execution) -> str:
    """What its profit is paid in."""
    base, quote = currencies(row.instrument)
    return (base if row.inverse else quote) or "?"


def _match(lots: deque[_Lot], row: Execution, fee: Decimal, number: int, method: Method) -> list[Close]:
    whole = MATH.multiply(row.size, row.multiplier)
    if not whole:
        return []
    signed, worth, left = row.side * whole, _worth(row.price, row.inverse), whole
    closes = []
    while left and lots and (lots[0].size > 0) != (signed > 0):
        lot = lots[0]
        size = min(left, abs(lot.size))
        side = Side.BUY if lot.size > 0 else Side.SELL
        opening, closing = _share(lot.fee, size, abs(lot.size)), _share(fee, size, whole)
        gross = MATH.multiply(side * size, worth - lot.worth)
        closes.append(Close(row.ts, lot.ts, row.instrument, row.account, pnl_currency(row), side, size, gross,
                            opening + closing, row.order_id, number))  # fmt: skip
        lot.size, lot.fee = lot.size - side * size, lot.fee - opening
        if not lot.size:
            lots.popleft()
        left -= size
    if left:
        fresh = _Lot(row.side * left, worth, row.ts, _share(fee, left, whole))
        if method is Method.AVERAGE and lots:
            _merge(lots[0], fresh)
        else:
            lots.append(fresh)
    return closes


def _merge(lot: _Lot, fresh: _Lot) -> None:
    size = lot.size + fresh.size
    total = MATH.multiply(lot.worth, lot.size) + MATH.multiply(fresh.worth, fresh.size)
    lot.worth = MATH.divide(total, size)
    # Quantity-weighted, so that a close's age is what its lots' would be on average.
    lot.ts += int(MATH.divide((fresh.ts - lot.ts) * fresh.size, size))
    lot.size, lot.fee = size, lot.fee + fresh.fee


def _share(whole: Decimal, part: Decimal, of: Decimal) -> Decimal:
    return whole if part == of else MATH.divide(MATH.multiply(whole, part), of)


def _worth(price: Decimal, inverse: bool) -> Decimal:
    return -MATH.divide(ONE, price) if inverse else price


def _position(row: Execution, lots: deque[_Lot]) -> Position:
    size = sum((lot.size for lot in lots), NOTHING)
    total = sum((MATH.multiply(lot.worth, lot.size) for lot in lots), NOTHING)
    worth = MATH.divide(total, size)
    entry = -MATH.divide(ONE, worth) if row.inverse else worth
    return Position(row.instrument, row.account, pnl_currency(row), size, entry, row.inverse)


def _fee(row: Execution, unpriced: Counter[str]) -> Decimal:
    """In the currency of the profit: as it is, at the fill's price, or at the rate of the time."""
    asset = ALIASES.get(row.fee_asset.upper(), row.fee_asset.upper())
    if not row.fee or not asset or asset == pnl_currency(row):
        return row.fee
    if row.fee_rate:
        return MATH.multiply(row.fee, row.fee_rate)
    base, quote = currencies(row.instrument)
    if row.price and not row.inverse and asset == base:
        return MATH.multiply(row.fee, row.price)
    if row.price and row.inverse and asset == quote:
        return MATH.divide(row.fee, row.price)
    unpriced[asset] += 1
    return NOTHING
