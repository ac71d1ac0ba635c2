"""All subscribed streams of Binance's sockets over one world. Pure: facts in, bytes out."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from crosstape.sim.binance.native import MARKETS, MS, rows_of
from crosstape.sim.binance.topics import CLOCKED, Depth, Forced, Timed, Topic, Touch, Trades
from crosstape.sim.dialect import Key
from crosstape.sim.facts import Happened, Trade
from crosstape.sim.world import World

F64 = npt.NDArray[np.float64]
DEPTHS: Final = {"depth": 250, "depth@100ms": 100, "depth@500ms": 500}
SPOT_DEPTHS: Final = {"depth": 1000, "depth@100ms": 100}
# Category -> the kinds of streams it carries. Others are acknowledged and never speak.
CARRIED: Final = {
    "usdm/public": ("bookTicker", "trade", *DEPTHS),
    "usdm/market": (
        "aggTrade", "forceOrder", "!forceOrder@arr", *(kind for kind in CLOCKED),
    ),
    "spot": ("bookTicker", "trade", "aggTrade", "ticker", "miniTicker", "!miniTicker@arr", *SPOT_DEPTHS),
}  # fmt: skip
TIMED_NS: Final = 50 * MS
# The venue keeps them for good; a hole of some minutes can be filled from these.
RECENT: Final = 5000


class Stream:
    """Renders each stream once, whoever listens. A category is a route, with /raw where no envelope is put on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.refuses: Callable[[str], bool] = lambda topic: False
        self.symbols = {market: rows_of(world, market) for market in MARKETS}
        self.lower = {m: {s.lower(): row for s, row in rows.items()} for m, rows in self.symbols.items()}
        self.topics: dict[Key, Topic] = {}
        self.by_row: dict[int, dict[Key, Topic]] = {}
        self.recent: list[deque[Trade]] = [deque(maxlen=RECENT) for _ in world.trading.last]
        self.timed_ns = 0
        self.listings = world.listings

    def _parse(self, key: Key) -> tuple[str, str, list[int]]:
        """(route, kind, rows) of a stream; no rows where there is none."""
        category, name = key
        route = category.removesuffix("/raw")
        market = route.partition("/")[0]
        symbol, _, kind = name.partition("@")
        if name.startswith("!"):
            return route, name, [r for r in self.symbols[market].values() if name in CARRIED[route]]
        row = self.lower[market].get(symbol)
        return route, kind, [row] if row is not None and kind in CARRIED[route] else []

    def known(self, key: Key) -> bool:
        """Whether this stream will ever speak here."""
        return not self.refuses(key[1]) and bool(self._parse(key)[2])

    def open(self, key: Key) -> bytes | None:
        """Starts a known stream; nothing is sent first."""
        if key not in self.topics:
            topic = self.topics[key] = self._make(*self._parse(key))
            for row in topic.rows:
                self.by_row.setdefault(row, {})[key] = topic
        return None

    def _make(self, route: str, kind: str, rows: list[int]) -> Topic:
        if kind in CLOCKED:
            every_s, say = CLOCKED[kind]
            return Timed(self.world, rows, 1 if route == "spot" else every_s, say, kind.startswith("!"))
        if kind in ("forceOrder", "!forceOrder@arr"):
            return Forced(self.world, rows)
        if kind == "bookTicker":
            return Touch(self.world, rows[0])
        if kind in ("aggTrade", "trade"):
            return Trades(self.world, rows[0], kind == "aggTrade")
        return Depth(self.world, rows[0], (SPOT_DEPTHS if route == "spot" else DEPTHS)[kind])

    def close(self, key: Key) -> None:
        """Stops a stream nobody listens to."""
        for row in self.topics.pop(key).rows:
            self.by_row[row].pop(key, None)

    def refresh(self) -> None:
        """Sees contracts that the world listed or delisted; streams about a market tell of them from now on."""
        self.listings = self.world.listings
        self.symbols = {market: rows_of(self.world, market) for market in MARKETS}
        self.lower = {m: {s.lower(): row for s, row in rows.items()} for m, rows in self.symbols.items()}
        self.recent += [deque(maxlen=RECENT) for _ in range(len(self.world.trading.last) - len(self.recent))]
        for key in [key for key in self.topics if key[1].startswith("!")]:
            self.close(key)
            self.open(key)

    def load(self) -> F64:
        """How many book, trade and ticker streams each row has."""
        load = np.zeros((3, len(self.world.trading.last)))
        for topic in self.topics.values():
            if isinstance(topic, Depth | Touch | Trades):
                load[1 if isinstance(topic, Trades) else 0, topic.rows[0]] += 1
            elif isinstance(topic, Timed) and not topic.array:
                load[2, topic.rows[0]] += 1
        return load

    def publish(self, happened: Happened) -> Iterator[tuple[Key, bytes]]:
        """Every message that one step of the world gives rise to, in order."""
        if self.listings != self.world.listings:
            self.refresh()
        for trade in happened.trades:
            self.recent[trade.row].append(trade)
            for topic in self.by_row.get(trade.row, {}).values():
                if isinstance(topic, Trades):
                    topic.pending.append(trade)
        for order in happened.liquidations:
            for topic in self.by_row.get(order.row, {}).values():
                if isinstance(topic, Forced):
                    topic.add(order)
        for row in dict.fromkeys(happened.touched):
            for key, topic in self.by_row.get(row, {}).items():
                if isinstance(topic, Touch | Trades):
                    yield from self._say(key, topic)
        now = self.world.now_ns
        if now >= self.timed_ns:
            self.timed_ns = now + TIMED_NS
            for key, topic in self.topics.items():
                if isinstance(topic, Timed | Forced | Depth) and now >= topic.due_ns:
                    yield from self._say(key, topic)

    def _say(self, key: Key, topic: Topic) -> Iterator[tuple[Key, bytes]]:
        raw = key[0].endswith("/raw")
        for body in topic.render():
            yield key, (body if raw else f'{{"stream":"{key[1]}","data":{body}}}').encode()
