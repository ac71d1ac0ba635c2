"""Bybit's socket topics: what each remembers and the bytes it sends. Pure."""

from typing import Final, Protocol

from crosstape.sim.bybit.native import contract_ticker, spot_ticker, trade_rows
from crosstape.sim.facts import Liquidation, Trade
from crosstape.sim.klines import MINUTE_MS, candles, next_start, start_of, texts
from crosstape.sim.world import World

MS: Final = 1_000_000
CADENCE_MS: Final = {1: 10, 50: 20, 200: 100, 1000: 200}
RESEND_NS: Final = 3_000 * MS
LIQUIDATION_NS: Final = 500 * MS
KLINE_NS: Final = 1_000 * MS
TRADES_A_MESSAGE: Final = 1024


class Topic(Protocol):
    """One subscribed topic of one row."""

    name: str
    row: int
    due_ns: int

    def first(self) -> bytes | None:
        """What a new subscriber gets at once."""

    def render(self) -> list[bytes]:
        """What is new since the last message; sets when it may speak again."""


class Book:
    """orderbook.50, .200 and .1000: a snapshot, then deltas with consecutive `u`."""

    def __init__(self, world: World, row: int, name: str, depth: int, u: int) -> None:
        self.world, self.row, self.name, self.depth, self.u = world, row, name, depth, u
        self.due_ns = 0
        contract = world.rows.contracts[row]
        self.tick, self.lot = contract.tick, contract.lot
        self.level = f'["%.{contract.price_decimals}f","%.{contract.lot_decimals}f"]'
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.seq, self.changed_ns = 0, 0
        self._look()

    def _look(self) -> None:
        ladder = self.world.trading.ladders[self.row]
        self.bids, self.asks = ladder.bids.top(self.depth), ladder.asks.top(self.depth)
        seq = self.world.trading.seq[self.row]
        if seq != self.seq:
            self.seq, self.changed_ns = seq, self.world.now_ns

    def go_on(self, u: int, seq: int, changed_ns: int) -> None:
        """As the topic was when it was last listened to, if the book is the same still."""
        same = seq == self.seq
        self.u, self.changed_ns = (u, changed_ns) if same else (u + 1, self.changed_ns)

    def _levels(self, side: dict[int, int], sign: int) -> str:
        level, tick, lot = self.level, self.tick * sign, self.lot
        return ",".join(
            [level % (key * tick, lots * lot) for key, lots in reversed(side.items()) if key * sign > 0]
        )

    def _message(self, kind: str, bids: dict[int, int], asks: dict[int, int]) -> bytes:
        symbol = self.world.rows.contracts[self.row].symbol
        return (
            f'{{"topic":"{self.name}","type":"{kind}","ts":{self.world.now_ns // MS},"data":{{"s":"{symbol}",'
            f'"b":[{self._levels(bids, 1)}],"a":[{self._levels(asks, -1)}],"u":{self.u},"seq":{self.seq}}},'
            f'"cts":{self.changed_ns // MS}}}'
        ).encode()

    def first(self) -> bytes | None:
        """A snapshot of what the other subscribers have."""
        return self._message("snapshot", self.bids, self.asks)

    def render(self) -> list[bytes]:
        """The levels that differ from the last message."""
        self.due_ns = self.world.now_ns + CADENCE_MS[self.depth] * MS
        bids, asks = self.bids, self.asks
        self._look()
        new_bids, new_asks = changes(bids, self.bids), changes(asks, self.asks)
        if not new_bids and not new_asks:
            return []
        self.u += 1
        return [self._message("delta", new_bids, new_asks)]


class Touch(Book):
    """orderbook.1: snapshots only, the same one again after three quiet seconds."""

    def render(self) -> list[bytes]:
        """A snapshot when the touch changed or was not said for three seconds."""
        bids, asks = self.bids, self.asks
        before = self.due_ns
        self._look()
        changed = bids != self.bids or asks != self.asks
        if not changed and self.world.now_ns < before - CADENCE_MS[1] * MS + RESEND_NS:
            return []
        self.u += changed
        self.due_ns = self.world.now_ns + CADENCE_MS[1] * MS
        return [self._message("snapshot", self.bids, self.asks)]


class Ticker:
    """tickers: a snapshot, then on derivatives only the fields that changed."""

    def __init__(self, world: World, row: int, name: str) -> None:
        self.world, self.row, self.name = world, row, name
        self.spot = world.rows.contracts[row].kind == "SPOT"
        self.fields = spot_ticker if self.spot else contract_ticker
        self.due_ns = 0
        self.said = self.fields(world, row)

    def _message(self, kind: str, fields: dict[str, str]) -> bytes:
        text = ",".join([f'"{key}":"{value}"' for key, value in fields.items()])
        seq, ts = self.world.trading.seq[self.row], self.world.now_ns // MS
        return (f'{{"topic":"{self.name}","type":"{kind}","data":{{{text}}},"cs":{seq},"ts":{ts}}}').encode()

    def first(self) -> bytes | None:
        """Every field, as last said."""
        return self._message("snapshot", self.said)

    def render(self) -> list[bytes]:
        """What changed; all of it on spot."""
        self.due_ns = self.world.now_ns + (50 if self.spot else 100) * MS
        said, self.said = self.said, self.fields(self.world, self.row)
        changed = {key: value for key, value in self.said.items() if said.get(key) != value}
        if not changed:
            return []
        if self.spot:
            return [self._message("snapshot", self.said)]
        return [self._message("delta", {"symbol": self.said["symbol"]} | changed)]


class Trades:
    """publicTrade: every fill, at once."""

    def __init__(self, world: World, row: int, name: str) -> None:
        self.world, self.row, self.name, self.due_ns = world, row, name, 0
        self.pending: list[Trade] = []

    def first(self) -> bytes | None:
        """Nothing: past trades are on REST."""
        return None

    def render(self) -> list[bytes]:
        """The fills since the last message, at most 1 024 in one."""
        trades, self.pending = self.pending, []
        ts = self.world.now_ns // MS
        parts = [trades[i : i + TRADES_A_MESSAGE] for i in range(0, len(trades), TRADES_A_MESSAGE)]
        head = f'{{"topic":"{self.name}","type":"snapshot","ts":{ts},"data":['
        return [f"{head}{trade_rows(self.world, part)}]}}".encode() for part in parts]


class Liquidations:
    """allLiquidation: batches of half a second; `S` is the side of the closed position."""

    def __init__(self, world: World, row: int, name: str) -> None:
        self.world, self.row, self.name, self.due_ns = world, row, name, 0
        self.pending: list[Liquidation] = []

    def first(self) -> bytes | None:
        """Nothing: there is no history of liquidations."""
        return None

    def render(self) -> list[bytes]:
        """The batch so far."""
        if not self.pending:
            return []
        self.due_ns = self.world.now_ns + LIQUIDATION_NS
        batch, self.pending = self.pending, []
        c = self.world.rows.contracts[self.row]
        text = ",".join([
            f'{{"T":{x.ts_ns // MS},"s":"{c.symbol}","S":"{"Buy" if x.long else "Sell"}",'
            f'"v":"{c.size_text(x.lots)}","p":"{c.price_text(x.price)}"}}'
            for x in batch
        ])  # fmt: skip
        ts = self.world.now_ns // MS
        return [f'{{"topic":"{self.name}","type":"snapshot","ts":{ts},"data":[{text}]}}'.encode()]


class Kline:
    """kline: the running candle about once a second, a closed one with `confirm`."""

    def __init__(self, world: World, row: int, name: str, interval: str) -> None:
        self.world, self.row, self.name, self.interval = world, row, name, interval
        self.due_ns = 0
        self.start = self._current()
        self.said: list[str] = []

    def _current(self) -> int:
        return start_of(self.world.now_ns // (MINUTE_MS * MS), self.interval)

    def _message(self, start: int, closed: bool) -> bytes:
        found = texts(
            self.world.rows.contracts[self.row], candles(self.world, self.row, self.interval, start, start)
        )
        o, h, low, c, v, t = found[0][1:]
        ts = self.world.now_ns // MS
        end = next_start(start, self.interval)
        return (
            f'{{"topic":"{self.name}","data":[{{"start":{start * MINUTE_MS},"end":{end * MINUTE_MS - 1},'
            f'"interval":"{self.interval}","open":"{o}","close":"{c}","high":"{h}","low":"{low}","volume":"{v}",'
            f'"turnover":"{t}","confirm":{"true" if closed else "false"},"timestamp":{ts}}}],"ts":{ts},'
            f'"type":"snapshot"}}'
        ).encode()

    def first(self) -> bytes | None:
        """The running candle."""
        return self._message(self.start, False)

    def render(self) -> list[bytes]:
        """The running candle, after the closed one when a new one began."""
        self.due_ns = self.world.now_ns + KLINE_NS
        closed, self.start = self.start, self._current()
        messages = [] if closed == self.start else [self._message(closed, True)]
        return [*messages, self._message(self.start, False)]


def changes(before: dict[int, int], after: dict[int, int]) -> dict[int, int]:
    """Levels to set, and levels to delete as zeros."""
    changed = {key: lots for key, lots in after.items() if before.get(key) != lots}
    for key in before:
        if key not in after:
            changed[key] = 0
    return changed
