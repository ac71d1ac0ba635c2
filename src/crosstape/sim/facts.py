"""What happened in one step of the world."""

from typing import Literal

from msgspec import Struct

Direction = Literal["PlusTick", "ZeroPlusTick", "MinusTick", "ZeroMinusTick"]


class Trade(Struct, frozen=True, gc=False):
    """A fill at the book's touch; `buy` is the taker's side, `number` counts the contract's trades."""

    row: int
    ts_ns: int
    price: int
    lots: int
    buy: bool
    seq: int
    number: int
    direction: Direction


class Liquidation(Struct, frozen=True, gc=False):
    """A forced order that was filled; `long` says whose position was closed, `price` is its bankruptcy."""

    row: int
    ts_ns: int
    price: int
    lots: int
    long: bool


class Happened(Struct):
    """One step's facts; `touched` are the rows whose book changed, `marked` those whose mark or index moved."""

    trades: list[Trade]
    liquidations: list[Liquidation]
    touched: list[int]
    marked: list[int]
