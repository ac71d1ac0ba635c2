"""All subscribed channels of Hyperliquid's socket over one world. Pure: facts in, bytes out."""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from crosstape.sim.dialect import Key
from crosstape.sim.facts import Happened, Trade
from crosstape.sim.hyperliquid.listing import DEX
from crosstape.sim.hyperliquid.native import INTERVALS, MS, Row, context, contexts, mid
from crosstape.sim.hyperliquid.topics import Book, Figures, Topic, Touch, Trades, newest_candle
from crosstape.sim.running import Running
from crosstape.sim.world import World

F64 = npt.NDArray[np.float64]
SECOND: Final = 1_000 * MS
RECENT: Final = 500
WHOLE: Final = ("allDexsAssetCtxs", "allMids:", f"allMids:{DEX}")
OF_COIN: Final = ("trades", "bbo", "l2Book", "l2Book.fast", "activeAssetCtx", "candle")


class Stream:
    """Renders each topic once, whoever listens. A key is ("ws", "<type>:<coin>[,interval]")."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.refuses: Callable[[str], bool] = lambda topic: False
        self.rows: dict[str, int] = {}
        self.recent: list[deque[Trade]] = []
        self.running: Running[Topic] = Running()
        self.refresh()

    @property
    def topics(self) -> dict[Key, Topic]:
        """What somebody listens to."""
        return self.running.topics

    def refresh(self) -> None:
        """Sees contracts that the world listed or delisted."""
        rows = self.world.rows
        self.listings = self.world.listings
        self.rows = {
            c.symbol: row for row, c in enumerate(rows.contracts) if c.venue == "hyperliquid" and rows.alive[row]
        }
        self.recent += [deque(maxlen=RECENT) for _ in range(len(self.world.trading.last) - len(self.recent))]

    def known(self, key: Key) -> bool:
        """Whether the venue has this topic."""
        if self.refuses(key[1]):
            return False
        kind, _, what = key[1].partition(":")
        coin, _, interval = what.partition(",")
        if key[0] != "ws" or key[1] in WHOLE:
            return key[0] == "ws"
        return kind in OF_COIN and coin in self.rows and (kind != "candle" or interval in INTERVALS)

    def open(self, key: Key) -> bytes | None:
        """Starts a known topic if it is not running; the bytes a new subscriber gets first, if any."""
        return self.running.open(key, self._make).first()

    def _make(self, name: str) -> Topic:
        kind, _, what = name.partition(":")
        coin, _, interval = what.partition(",")
        world = self.world
        if kind == "allDexsAssetCtxs":
            return Figures(world, -1, kind, self._everything, SECOND)
        if kind == "allMids":
            return Figures(world, -1, kind, partial(self.mids_of, what), 2 * SECOND)
        row = self.rows[coin]
        if kind == "trades":
            return Trades(world, row, self.recent[row])
        if kind == "bbo":
            return Touch(world, row)
        if kind == "candle":
            return Figures(world, row, kind, partial(newest_candle, world, row, interval), SECOND // 2)
        if kind == "activeAssetCtx":
            channel = "activeSpotAssetCtx" if world.rows.contracts[row].kind == "SPOT" else kind
            return Figures(world, row, channel, lambda: {"coin": coin, "ctx": context(world, row)}, SECOND)
        return Book(world, row, kind == "l2Book.fast")

    def _everything(self) -> Row:
        return {"ctxs": [[dex, contexts(self.world, dex)] for dex in ("", DEX)]}

    def mids_of(self, dex: str) -> Row:
        """`allMids` of a dex; their own has the spot pairs too."""
        mids = {coin: mid(self.world, row) for coin, row in self.rows.items() if coin.rpartition(":")[0] == dex}
        return {"mids": mids}

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
        for trade in happened.trades:
            self._hear(trade)
        self.running.touch((*happened.touched, *happened.marked, -1))
        yield from self.running.say(now)

    def _hear(self, trade: Trade) -> None:
        self.recent[trade.row].append(trade)
        topic = self.topics.get(("ws", f"trades:{self.world.rows.contracts[trade.row].symbol}"))
        if isinstance(topic, Trades) and topic.row == trade.row:
            topic.pending.append(trade)


def _kind(topic: Topic) -> int:
    return 0 if isinstance(topic, Book | Touch) else 1 if isinstance(topic, Trades) else 2
