"""OKX's public channels: what each remembers and the bytes it sends. Pure."""

from collections.abc import Callable
from typing import Final, Protocol
from zlib import crc32

import msgspec

from crosstape.sim.facts import Liquidation, Trade
from crosstape.sim.okx.native import MS, Row, level, levels, price_text, size_text, trade_row
from crosstape.sim.world import World

DEPTH: Final = 400
BOOK_NS: Final = 100 * MS
QUIET_NS: Final = 60_000 * MS
TOUCH_NS: Final = 10 * MS
CHECKED: Final = 25
FORCED_NS: Final = 1_000 * MS
Side = dict[int, int]


class Topic(Protocol):
    """One subscribed channel of one row; `row` is -1 for a channel of a whole line."""

    row: int
    due_ns: int

    def first(self) -> bytes | None:
        """What a new subscriber gets at once."""

    def render(self) -> list[bytes]:
        """What is new since the last message; sets when it may speak again."""


class Book:
    """`books`: a snapshot, then updates that name the id before them; the same id again when nothing happened."""

    again_ns = QUIET_NS

    def __init__(self, world: World, row: int, checksums: bool) -> None:
        self.world, self.row, self.checksums, self.due_ns = world, row, checksums, 0
        self.bids: Side = {}
        self.asks: Side = {}
        self.seq = 0
        self.said_ns = world.now_ns
        self._look()

    def _look(self) -> None:
        ladder = self.world.trading.ladders[self.row]
        self.bids, self.asks = ladder.bids.top(DEPTH), ladder.asks.top(DEPTH)
        self.seq = max(self.world.trading.seq[self.row], self.seq)

    def _message(self, action: str, bids: Side, asks: Side, prev: int) -> bytes:
        c = self.world.rows.contracts[self.row]
        ts = self.world.now_ns // MS
        return (
            f'{{"arg":{{"channel":"books","instId":"{c.symbol}"}},"action":"{action}","data":[{{"asks":['
            f'{",".join(levels(c, asks))}],"bids":[{",".join(levels(c, bids))}],"ts":"{ts}",'
            f'"checksum":{self._checksum()},"seqId":{self.seq},"prevSeqId":{prev}}}]}}'
        ).encode()

    def _checksum(self) -> int:
        """0, as the wire has it since June 2026, or that of the levels' text."""
        if not self.checksums:
            return 0
        c, parts = self.world.rows.contracts[self.row], []
        bids, asks = (list(reversed(side.items()))[:CHECKED] for side in (self.bids, self.asks))
        for pair in zip(bids, asks, strict=True):
            parts += [part for key, lots in pair for part in (price_text(c, abs(key)), size_text(c, lots))]
        crc = crc32(":".join(parts).encode())
        return crc - (1 << 32) if crc >> 31 else crc

    def first(self) -> bytes | None:
        """A snapshot of what the other subscribers have."""
        return self._message("snapshot", self.bids, self.asks, -1)

    def render(self) -> list[bytes]:
        """The levels that differ from the last message, or its id again after a quiet minute."""
        now, prev = self.world.now_ns, self.seq
        self.due_ns = now + BOOK_NS
        bids, asks = self.bids, self.asks
        self._look()
        new_bids, new_asks = changes(bids, self.bids), changes(asks, self.asks)
        if not new_bids and not new_asks:
            self.seq = prev
            if now - self.said_ns < QUIET_NS:
                return []
        elif self.seq == prev:
            self.seq += 1
        self.said_ns = now
        return [self._message("update", new_bids, new_asks, prev)]


class Touch:
    """`bbo-tbt`: the best level of each side when it changed."""

    def __init__(self, world: World, row: int) -> None:
        self.world, self.row, self.due_ns = world, row, 0
        self.said = self._levels()

    def _levels(self) -> str:
        c, ladder = self.world.rows.contracts[self.row], self.world.trading.ladders[self.row]
        ask = level(c, ladder.ask, ladder.asks.sizes[ladder.asks.keys[-1]])
        bid = level(c, ladder.bid, ladder.bids.sizes[ladder.bids.keys[-1]])
        return f'"asks":[{ask}],"bids":[{bid}]'

    def first(self) -> bytes | None:
        """The touch."""
        symbol, ts = self.world.rows.contracts[self.row].symbol, self.world.now_ns // MS
        seq = self.world.trading.seq[self.row]
        return (
            f'{{"arg":{{"channel":"bbo-tbt","instId":"{symbol}"}},"data":[{{{self.said},"ts":"{ts}",'
            f'"seqId":{seq}}}]}}'
        ).encode()

    def render(self) -> list[bytes]:
        """The touch, when it is another."""
        self.due_ns = self.world.now_ns + TOUCH_NS
        said, self.said = self.said, self._levels()
        message = self.first()
        return [] if said == self.said or message is None else [message]


class Figures:
    """A channel of one row of figures: said when it changed, and again when it was not said for `again_ns`."""

    def __init__(
        self, world: World, row: int, arg: Row, read: Callable[[World, int], Row], every_ns: int, again_ns: int
    ) -> None:
        self.world, self.row, self.arg, self.read = world, row, arg, read
        self.every_ns, self.again_ns = every_ns, again_ns
        self.due_ns = 0
        self.said_ns = world.now_ns
        self.said = self._figures()

    def _figures(self) -> Row:
        return self.read(self.world, self.row) | {"ts": ""}

    def first(self) -> bytes | None:
        """The figures as they are."""
        return msgspec.json.encode({"arg": self.arg, "data": [self.read(self.world, self.row)]})

    def render(self) -> list[bytes]:
        """The figures, when there is something to say."""
        now = self.world.now_ns
        self.due_ns = now + self.every_ns
        said, self.said = self.said, self._figures()
        message = self.first()
        if message is None or (said == self.said and now - self.said_ns < self.again_ns):
            return []
        self.said_ns = now
        return [message]


class Trades:
    """`trades`: every fill of a taker at one price."""

    def __init__(self, world: World, row: int) -> None:
        self.world, self.row, self.due_ns = world, row, 0
        self.pending: list[Trade] = []

    def first(self) -> bytes | None:
        """Nothing: past trades are on REST."""
        return None

    def render(self) -> list[bytes]:
        """A message a fill."""
        trades, self.pending = self.pending, []
        symbol = self.world.rows.contracts[self.row].symbol
        arg = {"channel": "trades", "instId": symbol}
        return [
            msgspec.json.encode({"arg": arg, "data": [
                trade_row(self.world, self.row, t.number, t.price, t.lots, t.buy, t.ts_ns)
                | {"count": "1", "source": "0", "seqId": t.seq}
            ]})
            for t in trades
        ]  # fmt: skip


class Forced:
    """`liquidation-orders` of a whole line: at most one order a second and contract, the others are never said."""

    def __init__(self, world: World, kind: str) -> None:
        self.world, self.kind, self.row, self.due_ns = world, kind, -1, 0
        self.pending: list[Liquidation] = []
        self.said_ns: dict[int, int] = {}

    def first(self) -> bytes | None:
        """Nothing: there is no history of liquidations."""
        return None

    def render(self) -> list[bytes]:
        """A message an order."""
        orders, self.pending = self.pending, []
        return [self._message(order) for order in orders if self._may(order)]

    def _may(self, order: Liquidation) -> bool:
        if order.ts_ns - self.said_ns.get(order.row, 0) < FORCED_NS:
            return False
        self.said_ns[order.row] = order.ts_ns
        return True

    def _message(self, order: Liquidation) -> bytes:
        c = self.world.rows.contracts[order.row]
        pair = f"{c.base}-{c.quote}"
        detail = {
            "side": "sell" if order.long else "buy", "posSide": "long" if order.long else "short",
            "bkPx": price_text(c, order.price), "sz": size_text(c, order.lots), "bkLoss": "0", "ccy": "",
            "ts": str(order.ts_ns // MS),
        }  # fmt: skip
        row = {"instType": self.kind, "instFamily": pair, "uly": pair, "instId": c.symbol, "details": [detail]}
        return msgspec.json.encode(
            {"arg": {"channel": "liquidation-orders", "instType": self.kind}, "data": [row]}
        )


def changes(before: Side, after: Side) -> Side:
    """Levels to set, and levels to delete as zeros."""
    changed = {key: lots for key, lots in after.items() if before.get(key) != lots}
    changed.update((key, 0) for key in before if key not in after)
    return changed
