"""All subscribed topics of Bybit's public sockets over one world. Pure: facts in, bytes out."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from crosstape.sim.bybit.native import Native
from crosstape.sim.bybit.topics import Book, Kline, Liquidations, Ticker, Topic, Touch, Trades
from crosstape.sim.dialect import Key
from crosstape.sim.facts import Happened, Trade
from crosstape.sim.klines import SPANS
from crosstape.sim.world import World

F64 = npt.NDArray[np.float64]
TIMED_NS: Final = 50_000_000
RECENT: Final = 1000
DEPTHS: Final = ("1", "50", "200", "1000")


class Stream:
    """Renders each topic once, whoever listens. A key is (category, topic)."""

    def __init__(self, world: World) -> None:
        self.world, self.native = world, Native(world)
        self.refuses: Callable[[str], bool] = lambda topic: False
        self.symbols = {c: self.native.rows(c) for c in ("linear", "inverse", "spot")}
        self.topics: dict[Key, Topic] = {}
        self.on_change: dict[int, dict[Key, Topic]] = {}
        self.on_mark: dict[int, dict[Key, Topic]] = {}
        self.on_trade: dict[int, tuple[Key, Trades]] = {}
        self.on_liquidation: dict[int, Liquidations] = {}
        self.timed: dict[Key, Topic] = {}
        self.dirty: dict[Key, Topic] = {}
        self.updates: dict[Key, tuple[int, int, int]] = {}
        self.recent: list[deque[Trade]] = [deque(maxlen=RECENT) for _ in world.trading.last]
        self.timed_ns = 0
        self.listings = world.listings

    def known(self, key: Key) -> bool:
        """Whether the venue has this topic."""
        if self.refuses(key[1]):
            return False
        category, name = key
        kind, _, rest = name.partition(".")
        middle, _, symbol = rest.rpartition(".")
        if symbol not in self.symbols.get(category, {}):
            return False
        match kind:
            case "orderbook":
                return middle in DEPTHS
            case "kline":
                return middle in SPANS
            case "allLiquidation":
                return middle == "" and category != "spot"
        return kind in ("publicTrade", "tickers") and middle == ""

    def open(self, key: Key) -> bytes | None:
        """Starts a known topic if it is not running; the bytes a new subscriber gets first, if any."""
        topic = self.topics.get(key)
        if topic is None:
            topic = self.topics[key] = self._make(key)
            self._wire(key, topic)
        return topic.first()

    def _make(self, key: Key) -> Topic:
        category, name = key
        kind, *middle, symbol = name.split(".")
        row = self.symbols[category][symbol]
        match kind:
            case "orderbook":
                shape = Touch if middle[0] == "1" else Book
                u = 100_001 + self.world.rows.salt[row] % 1_000_000
                book = shape(self.world, row, name, int(middle[0]), u)
                if key in self.updates:
                    book.go_on(*self.updates[key])
                return book
            case "tickers":
                return Ticker(self.world, row, name)
            case "publicTrade":
                return Trades(self.world, row, name)
            case "allLiquidation":
                return Liquidations(self.world, row, name)
        return Kline(self.world, row, name, middle[0])

    def _wire(self, key: Key, topic: Topic) -> None:
        """Says what wakes a topic."""
        if isinstance(topic, Trades):
            self.on_trade[topic.row] = (key, topic)
        elif isinstance(topic, Book | Ticker):
            self.on_change.setdefault(topic.row, {})[key] = topic
        if isinstance(topic, Ticker):
            self.on_mark[topic.row] = {key: topic}
        if isinstance(topic, Liquidations):
            self.on_liquidation[topic.row] = topic
        if isinstance(topic, Touch | Liquidations | Kline):
            self.timed[key] = topic

    def close(self, key: Key) -> None:
        """Stops a topic nobody listens to; its update ids go on from where they were."""
        topic = self.topics.pop(key)
        if isinstance(topic, Book):
            self.updates[key] = (topic.u, topic.seq, topic.changed_ns)
        if isinstance(topic, Trades):
            del self.on_trade[topic.row]
        if isinstance(topic, Liquidations):
            del self.on_liquidation[topic.row]
        self.on_change.get(topic.row, {}).pop(key, None)
        self.on_mark.get(topic.row, {}).pop(key, None)
        self.timed.pop(key, None)
        self.dirty.pop(key, None)

    def refresh(self) -> None:
        """Sees contracts that the world listed or delisted."""
        self.listings = self.world.listings
        self.symbols = {c: self.native.rows(c) for c in self.symbols}
        self.recent += [deque(maxlen=RECENT) for _ in range(len(self.world.trading.last) - len(self.recent))]

    def load(self) -> F64:
        """How many book, trade and ticker topics each row has."""
        load = np.zeros((3, len(self.world.trading.last)))
        for topic in self.topics.values():
            kind = 0 if isinstance(topic, Book) else 1 if isinstance(topic, Trades) else 2
            load[kind, topic.row] += isinstance(topic, Book | Trades | Ticker)
        return load

    def publish(self, happened: Happened) -> Iterator[tuple[Key, bytes]]:
        """Every message that one step of the world gives rise to, in order."""
        now = self.world.now_ns
        if self.listings != self.world.listings:
            self.refresh()
        yield from self._trades(happened)
        for liquidation in happened.liquidations:
            if (pending := self.on_liquidation.get(liquidation.row)) is not None:
                pending.pending.append(liquidation)
        for row in happened.touched:
            self.dirty |= self.on_change.get(row, {})
        for row in happened.marked:
            self.dirty |= self.on_mark.get(row, {})
        ready = [(key, topic) for key, topic in self.dirty.items() if now >= topic.due_ns]
        for key, _ in ready:
            del self.dirty[key]
        if now >= self.timed_ns:
            self.timed_ns = now + TIMED_NS
            ready += [(key, topic) for key, topic in self.timed.items() if now >= topic.due_ns]
        for key, topic in ready:
            for message in topic.render():
                yield key, message

    def _trades(self, happened: Happened) -> Iterator[tuple[Key, bytes]]:
        spoken: dict[Key, Trades] = {}
        for trade in happened.trades:
            self.recent[trade.row].append(trade)
            if (found := self.on_trade.get(trade.row)) is not None:
                found[1].pending.append(trade)
                spoken[found[0]] = found[1]
        for key, topic in spoken.items():
            for message in topic.render():
                yield key, message
