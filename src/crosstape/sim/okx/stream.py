"""All subscribed channels of OKX's public socket over one world. Pure: facts in, bytes out."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from crosstape.sim.dialect import Key
from crosstape.sim.facts import Happened, Trade
from crosstape.sim.okx.native import MS, TYPES, funding, index, interest, mark, pair_of, ticker
from crosstape.sim.okx.topics import Book, Figures, Forced, Topic, Touch, Trades
from crosstape.sim.running import Running
from crosstape.sim.world import World

F64 = npt.NDArray[np.float64]
SECOND: Final = 1_000 * MS
RECENT: Final = 500
FIGURES: Final = {
    "tickers": (ticker, 100 * MS, 60 * SECOND),
    "mark-price": (mark, 200 * MS, 10 * SECOND),
    "index-tickers": (index, 100 * MS, 60 * SECOND),
    "open-interest": (interest, 3 * SECOND, 60 * SECOND),
    "funding-rate": (funding, 30 * SECOND, 60 * SECOND),
}


class Stream:
    """Renders each topic once, whoever listens. A key is ("public", "<channel>:<instrument, pair or line>")."""

    def __init__(self, world: World, checksums: bool = False) -> None:
        self.world, self.checksums = world, checksums
        self.refuses: Callable[[str], bool] = lambda topic: False
        self.rows: dict[str, int] = {}
        self.pairs: dict[str, int] = {}
        self.recent: list[deque[Trade]] = []
        self.running: Running[Topic] = Running()
        self.timed_ns = 0
        self.refresh()

    @property
    def topics(self) -> dict[Key, Topic]:
        """What somebody listens to."""
        return self.running.topics

    def refresh(self) -> None:
        """Sees contracts that the world listed or delisted."""
        rows = self.world.rows
        self.listings = self.world.listings
        mine = [(c, row) for row, c in enumerate(rows.contracts) if c.venue == "okx" and rows.alive[row]]
        self.rows = {c.symbol: row for c, row in mine}
        self.pairs = {pair_of(c): row for c, row in reversed(mine) if c.market != "spot"}
        self.recent += [deque(maxlen=RECENT) for _ in range(len(self.world.trading.last) - len(self.recent))]

    def known(self, key: Key) -> bool:
        """Whether the venue has this topic."""
        if self.refuses(key[1]):
            return False
        category, name = key
        channel, _, what = name.partition(":")
        if category != "public":
            return False
        if channel == "liquidation-orders":
            return what in ("SWAP", "FUTURES")
        if channel == "index-tickers":
            return what in self.pairs
        if what not in self.rows:
            return False
        contract = self.world.rows.contracts[self.rows[what]]
        if channel == "funding-rate":
            return contract.kind == "PERP"
        if channel in ("mark-price", "open-interest"):
            return contract.kind != "SPOT"
        return channel in ("books", "bbo-tbt", "trades", "tickers")

    def open(self, key: Key) -> bytes | None:
        """Starts a known topic if it is not running; the bytes a new subscriber gets first, if any."""
        return self.running.open(key, self._make).first()

    def _make(self, name: str) -> Topic:
        channel, _, what = name.partition(":")
        if channel == "liquidation-orders":
            return Forced(self.world, what)
        row = self.pairs[what] if channel == "index-tickers" else self.rows[what]
        if channel == "books":
            return Book(self.world, row, self.checksums)
        if channel == "bbo-tbt":
            return Touch(self.world, row)
        if channel == "trades":
            return Trades(self.world, row)
        read, every_ns, again_ns = FIGURES[channel]
        return Figures(self.world, row, {"channel": channel, "instId": what}, read, every_ns, again_ns)

    def close(self, key: Key) -> None:
        """Stops a topic nobody listens to."""
        self.running.close(key)

    def load(self) -> F64:
        """How many book, trade and ticker topics each row has."""
        return self.running.load(len(self.world.trading.last), _kind)

    def publish(self, happened: Happened) -> Iterator[tuple[Key, bytes]]:
        """Every message that one step of the world gives rise to, in order."""
        now = self.world.now_ns
        if self.listings != self.world.listings:
            self.refresh()
        self._hear(happened)
        self.running.touch((*happened.touched, *happened.marked))
        if now >= self.timed_ns:
            self.timed_ns = now + SECOND
            quiet = ((k, t) for k, t in self.topics.items() if isinstance(t, Figures | Book))
            self.running.dirty |= {key: topic for key, topic in quiet if now - topic.said_ns >= topic.again_ns}
        yield from self.running.say(now)

    def _hear(self, happened: Happened) -> None:
        contracts = self.world.rows.contracts
        for trade in happened.trades:
            self.recent[trade.row].append(trade)
            key = ("public", f"trades:{contracts[trade.row].symbol}")
            topic = self.topics.get(key)
            if isinstance(topic, Trades) and topic.row == trade.row:
                topic.pending.append(trade)
                self.running.dirty[key] = topic
        for order in happened.liquidations:
            kind = TYPES[contracts[order.row].market] if contracts[order.row].venue == "okx" else ""
            key = ("public", f"liquidation-orders:{kind}")
            topic = self.topics.get(key)
            if isinstance(topic, Forced):
                topic.pending.append(order)
                self.running.dirty[key] = topic


def _kind(topic: Topic) -> int:
    return 0 if isinstance(topic, Book | Touch) else 1 if isinstance(topic, Trades) else 2
