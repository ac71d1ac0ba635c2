"""Hyperliquid's public channels: what each remembers and the bytes it sends. Pure."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from crosstape.sim.facts import Trade
from crosstape.sim.hyperliquid.native import MS, candle_rows, levels, trade_row
from crosstape.sim.klines import MINUTE_MS
from crosstape.sim.world import World

BLOCK_NS: Final = 70 * MS
BATCH: Final = 10


class Topic(Protocol):
    """One subscribed channel of one row; `row` is -1 for one of everything."""

    row: int
    due_ns: int

    def first(self) -> bytes | None:
        """What a new subscriber gets at once."""

    def render(self) -> list[bytes]:
        """What is new since the last message; sets when it may speak again."""


def message(channel: str, what: object) -> bytes:
    """Their envelope."""
    return msgspec.json.encode({"channel": channel, "data": what})


class Trades:
    """`trades`: per block; a new subscriber gets the newest of the past first."""

    def __init__(self, world: World, row: int, recent: deque[Trade]) -> None:
        self.world, self.row, self.recent, self.due_ns = world, row, recent, 0
        self.pending: list[Trade] = []

    def _message(self, trades: list[Trade]) -> bytes:
        return message("trades", [trade_row(self.world, t) for t in trades])

    def first(self) -> bytes | None:
        """The past, newest first, as over REST."""
        return self._message(list(self.recent)[: -BATCH - 1 : -1]) if self.recent else None

    def render(self) -> list[bytes]:
        """Everything since the last block."""
        self.due_ns = self.world.now_ns + BLOCK_NS
        trades, self.pending = self.pending, []
        return [self._message(trades)] if trades else []


class Touch:
    """`bbo`: the best level of each side when it changed, per block."""

    def __init__(self, world: World, row: int) -> None:
        self.world, self.row, self.due_ns = world, row, 0
        self.said = self._best()

    def _best(self) -> list[Any]:
        return [side[0] if side else None for side in levels(self.world, self.row, 1)]

    def first(self) -> bytes | None:
        """The touch."""
        symbol = self.world.rows.contracts[self.row].symbol
        return message("bbo", {"coin": symbol, "time": self.world.now_ns // MS, "bbo": self.said})

    def render(self) -> list[bytes]:
        """The touch, when it is another."""
        self.due_ns = self.world.now_ns + BLOCK_NS
        said, self.said = self.said, self._best()
        now = self.first()
        return [] if said == self.said or now is None else [now]


class Book:
    """`l2Book`: whole every time, 20 levels or, fast, 5."""

    def __init__(self, world: World, row: int, fast: bool) -> None:
        self.world, self.row, self.due_ns = world, row, 0
        self.depth, self.every_ns = (5, 550 * MS) if fast else (20, 5000 * MS)

    def first(self) -> bytes | None:
        """The book as it is."""
        symbol, now = self.world.rows.contracts[self.row].symbol, self.world.now_ns // MS
        return message("l2Book", {"coin": symbol, "time": now, "levels": levels(self.world, self.row, self.depth)})

    def render(self) -> list[bytes]:
        """The same again."""
        self.due_ns = self.world.now_ns + self.every_ns
        now = self.first()
        return [now] if now is not None else []


class Figures:
    """A channel that says its figures again every so often, when they are others."""

    def __init__(self, world: World, row: int, channel: str, read: Callable[[], object], every_ns: int) -> None:
        self.world, self.row, self.channel, self.read, self.every_ns = world, row, channel, read, every_ns
        self.due_ns = world.now_ns + every_ns
        self.said = b""

    def first(self) -> bytes | None:
        """The figures as they are."""
        return message(self.channel, self.read())

    def render(self) -> list[bytes]:
        """The figures, when they changed."""
        self.due_ns = self.world.now_ns + self.every_ns
        said, self.said = self.said, message(self.channel, self.read())
        return [] if said == self.said else [self.said]


def newest_candle(world: World, row: int, interval: str) -> object:
    """The candle that is being made."""
    now = world.now_ns // MS
    return candle_rows(world, row, interval, now - 45 * 1440 * MINUTE_MS, now)[-1]
