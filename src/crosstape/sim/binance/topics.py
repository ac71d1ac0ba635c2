"""Binance's socket streams: what each remembers and what it sends. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from crosstape.sim.binance.native import (
    MS,
    TOLD,
    force_message,
    levels,
    mark_message,
    ticker_message,
    touch,
    trade_message,
)
from crosstape.sim.facts import Liquidation, Trade
from crosstape.sim.world import World

SECOND_NS: Final = 1_000 * MS


class Topic(Protocol):
    """One stream somebody listens to; `rows` are the rows it tells of."""

    rows: list[int]
    due_ns: int

    def render(self) -> list[str]:
        """What is new since the last message; sets when it may speak again."""


class Depth:
    """<symbol>@depth: absolute sizes of changed levels, ids from the row's sequence. `U` follows the last `u`."""

    def __init__(self, world: World, row: int, every_ms: int) -> None:
        self.world, self.rows, self.row, self.every_ns = world, [row], row, every_ms * MS
        self.due_ns = world.now_ns + self.every_ns
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.u = 0
        self._look()

    def _look(self) -> None:
        ladder = self.world.trading.ladders[self.row]
        self.bids, self.asks = ladder.bids.top(TOLD), ladder.asks.top(TOLD)
        self.u = self.world.trading.seq[self.row]

    def render(self) -> list[str]:
        """The levels that differ from the last message."""
        self.due_ns = self.world.now_ns + self.every_ns
        bids, asks, before = self.bids, self.asks, self.u
        self._look()
        more, less = changes(bids, self.bids), changes(asks, self.asks)
        if not more and not less:
            self.u = before
            return []
        c, now = self.world.rows.contracts[self.row], self.world.now_ns // MS
        b, a = _texts(levels(c, more, 1)), _texts(levels(c, less, -1))
        mine = f'"s":"{c.symbol}"'
        tail = ""
        if c.kind != "SPOT":
            mine = f'"T":{now},"s":"{c.symbol}","ps":"{c.symbol}","st":1'
            tail = f',"pu":{before}'
        return [f'{{"e":"depthUpdate","E":{now},{mine},"U":{before + 1},"u":{self.u}{tail},"b":[{b}],"a":[{a}]}}']


class Touch:
    """<symbol>@bookTicker: the touch whenever it changes; on spot without name or time."""

    def __init__(self, world: World, row: int) -> None:
        self.world, self.rows, self.row, self.due_ns = world, [row], row, 0
        self.said: tuple[str, ...] = ()

    def render(self) -> list[str]:
        """The touch, if it is another."""
        found = touch(self.world, self.row)
        if found == self.said:
            return []
        self.said = found
        c, now, u = self.world.rows.contracts[self.row], self.world.now_ns // MS, self.world.trading.seq[self.row]
        bid, bid_size, ask, ask_size = found
        said = f'"b":"{bid}","B":"{bid_size}","a":"{ask}","A":"{ask_size}"'
        if c.kind == "SPOT":
            return [f'{{"u":{u},"s":"{c.symbol}",{said}}}']
        return [
            f'{{"e":"bookTicker","u":{u},"s":"{c.symbol}","ps":"{c.symbol}","st":1,{said},"T":{now},"E":{now}}}'
        ]


class Trades:
    """<symbol>@aggTrade and @trade: a message a fill."""

    def __init__(self, world: World, row: int, aggregate: bool) -> None:
        self.world, self.rows, self.aggregate, self.due_ns = world, [row], aggregate, 0
        self.pending: list[Trade] = []

    def render(self) -> list[str]:
        """The fills since the last message."""
        trades, self.pending = self.pending, []
        return [trade_message(self.world, t, self.aggregate) for t in trades]


class Timed:
    """A message about a row, or an array about all of them, every so often."""

    def __init__(
        self, world: World, rows: list[int], every_s: int, say: Callable[[World, int], str], array: bool
    ) -> None:
        self.world, self.rows, self.say, self.array = world, rows, say, array
        self.every_ns = every_s * SECOND_NS
        self.due_ns = world.now_ns + SECOND_NS // 10

    def render(self) -> list[str]:
        """All of it."""
        self.due_ns = self.world.now_ns + self.every_ns
        said = [self.say(self.world, row) for row in self.rows]
        return [f"[{','.join(said)}]"] if self.array else said


class Forced:
    """forceOrder: of each row the largest order of a second, the others are left out."""

    def __init__(self, world: World, rows: list[int]) -> None:
        self.world, self.rows, self.due_ns = world, rows, 0
        self.largest: dict[int, Liquidation] = {}

    def add(self, order: Liquidation) -> None:
        """One more; only the largest is remembered."""
        known = self.largest.get(order.row)
        if known is None or order.lots > known.lots:
            self.largest[order.row] = order

    def render(self) -> list[str]:
        """What is remembered."""
        self.due_ns = self.world.now_ns + SECOND_NS
        orders, self.largest = self.largest, {}
        return [force_message(self.world, order) for order in orders.values()]


def mini(world: World, row: int) -> str:
    """24hrMiniTicker."""
    return ticker_message(world, row, mini=True)


# Streams that come by the clock: (seconds, what they say).
CLOCKED: Final[dict[str, tuple[int, Callable[[World, int], str]]]] = {
    "markPrice": (3, mark_message),
    "markPrice@1s": (1, mark_message),
    "ticker": (2, ticker_message),
    "miniTicker": (2, mini),
    "!markPrice@arr": (3, mark_message),
    "!markPrice@arr@1s": (1, mark_message),
    "!ticker@arr": (1, ticker_message),
    "!miniTicker@arr": (1, mini),
}


def changes(before: dict[int, int], after: dict[int, int]) -> dict[int, int]:
    """Levels to set, and levels to delete as zeros."""
    changed = {key: lots for key, lots in after.items() if before.get(key) != lots}
    changed |= {key: 0 for key in before if key not in after}
    return changed


def _texts(rows: list[list[str]]) -> str:
    return ",".join([f'["{price}","{size}"]' for price, size in rows])
