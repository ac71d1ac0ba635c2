"""A universe of thousands of live instruments whose messages cost little to make."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.rendered import DEEP, Framer, Mix, opening, rendered
from crosstape.engine.machine import Machine
from crosstape.model.frame import CLOCK, Frame, Kind
from crosstape.state.fields import BOUGHT, INDEX_OF_SUM, LIVE, SOLD, SPREAD_DT, SPREAD_TIME, TRADES
from crosstape.state.rings import Ring
from crosstape.venues import VENUES

ASSETS = 2_930
LEVELS = 200
POOL = 4
TICK_NS = 100_000_000


class Row:
    """One instrument: where its messages go and what they say."""

    __slots__ = ("asks", "bids", "deltas", "price", "quotes", "source", "symbol", "trades", "update")

    def __init__(self, symbol: str, source: str, price: float, chance: random.Random, deep: bool) -> None:
        self.symbol, self.source, self.price = symbol, source, price
        self.update = self.quotes = 1
        step = price * 1e-4
        levels = LEVELS if deep else 1
        self.bids = [f"{price - step * (k + 0.5):.10g}" for k in range(levels)]
        self.asks = [f"{price + step * (k + 0.5):.10g}" for k in range(levels)]
        self.deltas = [self._levels(chance, chance.sample(range(30), 6)) for _ in range(POOL if deep else 0)]
        self.trades = [self._trade(chance) for _ in range(POOL)]

    def _levels(self, chance: random.Random, places: Sequence[int]) -> str:
        sides = []
        for prices in (self.bids, self.asks):
            sizes = (chance.lognormvariate(8.0, 1.0) / self.price for _ in places)
            sides.append(",".join(f'["{prices[k]}","{size:.6g}"]' for k, size in zip(places, sizes, strict=True)))
        return f'"s":"{self.symbol}","b":[{sides[0]}],"a":[{sides[1]}]'

    def _trade(self, chance: random.Random) -> str:
        price = self.price * (1 + chance.gauss(0.0, 2e-4))
        size = chance.lognormvariate(5.0, 1.5) / price
        side = chance.choice(("Buy", "Sell"))
        return f'"s":"{self.symbol}","S":"{side}","v":"{size:.6g}","p":"{price:.10g}","L":"PlusTick"'

    def snapshot(self, ms: int, chance: random.Random) -> bytes:
        """The whole book."""
        levels = self._levels(chance, range(LEVELS))
        return self._book("snapshot", levels, ms)

    def delta(self, n: int, ms: int) -> bytes:
        """A few levels change."""
        return self._book("delta", self.deltas[n % POOL], ms)

    def _book(self, kind: str, levels: str, ms: int) -> bytes:
        self.update += 1
        return (
            f'{{"topic":"orderbook.200.{self.symbol}","type":"{kind}","ts":{ms},"data":{{{levels},'
            f'"u":{self.update},"seq":{self.update}}},"cts":{ms}}}'
        ).encode()

    def quote(self, n: int, ms: int) -> bytes:
        """The best bid and offer, in another size each time."""
        self.quotes += 1
        return (
            f'{{"topic":"orderbook.1.{self.symbol}","type":"snapshot","ts":{ms},"data":{{"s":"{self.symbol}",'
            f'"b":[["{self.bids[0]}","{n % 90 + 1}"]],"a":[["{self.asks[0]}","{n % 80 + 1}"]],'
            f'"u":{self.quotes},"seq":{self.quotes}}},"cts":{ms}}}'
        ).encode()

    def trade(self, n: int, ms: int) -> bytes:
        """One trade."""
        return (
            f'{{"topic":"publicTrade.{self.symbol}","type":"snapshot","ts":{ms},"data":[{{"T":{ms},'
            f'{self.trades[n % POOL]},"i":"{n:08x}-d8dd-5b31-9112-a178eb6023af","BT":false}}]}}'
        ).encode()


class Traffic:
    """A machine that has the universe, and frames that keep `hot` rows of it busy."""

    def __init__(self, rows: int, hot: int, seed: int = 11) -> None:
        made = rendered(Mix(0.01, 10.0, ("tickers",), instruments=1, assets=ASSETS))
        self.framer, self.machine, self.chance = Framer(), Machine(VENUES), random.Random(seed)
        opened = list(opening(made, self.framer, DEEP))
        self.step(opened)
        self.ts = opened[-1].ts_recv
        state = self.machine.state
        for source in sorted({shard for shard in state.table.shards if shard}):
            self.machine.step(self.framer(self.ts, source, 1, Kind.OPEN))
        for row in range(rows, state.rows):
            state.table.delist(row, self.ts)
        last = state.now[0]
        self.rows = [
            Row(i.native, state.table.shards[row], float(last[row]) if last[row] > 0 else 1.0, self.chance,
                row < hot)
            for row, i in enumerate(state.table.instruments[:rows]) if i is not None
        ]  # fmt: skip
        self.hot = self.rows[:hot]

    def step(self, frames: Sequence[Frame]) -> None:
        """Through the machine, untimed."""
        for frame in frames:
            self.machine.step(frame)

    def wake(self) -> Iterator[Frame]:
        """Every row trades and quotes once; the hot ones get their book."""
        ms = self.ts // 1_000_000
        for n, row in enumerate(self.rows):
            yield self.framer(self.ts, row.source, 1, Kind.DATA, row.trade(n, ms))
            yield self.framer(self.ts, row.source, 1, Kind.DATA, row.quote(n, ms))
        for row in self.hot:
            yield self.framer(self.ts, row.source, 1, Kind.DATA, row.snapshot(ms, self.chance))

    def tenth(self, n: int, books: Sequence[Row], trades: Sequence[Row]) -> list[Frame]:
        """The messages of the next tick's tenth of a second: a quote and a delta a book, a trade."""
        ts = self.ts + 50_000_000
        ms = ts // 1_000_000
        data, framer = Kind.DATA, self.framer
        found = [framer(ts, row.source, 1, data, row.quote(n, ms)) for row in books]
        found += [framer(ts, row.source, 1, data, row.delta(n, ms)) for row in books]
        return found + [framer(ts, row.source, 1, data, row.trade(n, ms)) for row in trades]

    def tick(self) -> Frame:
        """The TICK that ends it."""
        self.ts = (self.ts // TICK_NS + 1) * TICK_NS
        return self.framer(self.ts, CLOCK, 0, Kind.TICK)


def fill(machine: Machine, seed: int = 5) -> None:
    """Every slot of every ring as after a day of trading: nothing is empty, every page is touched."""
    rng, state = np.random.default_rng(seed), machine.state
    price = np.where(state.now[0] > 0, state.now[0], 1.0)
    for ring in state.rings.all:
        _fill_ring(ring, price, rng)
    state.rings.vol_history[:] = rng.lognormal(-0.5, 0.3, state.rings.vol_history.shape)
    state.rings.usual[:, 0] = rng.lognormal(10.0, 1.0, state.rings.usual[:, 0].shape)
    state.rings.usual[:, 1] = 0.5
    state.rings.atr[:], state.rings.atr_bars[:] = price * 0.002, 300.0


def _fill_ring(ring: Ring, price: NDArray[np.float64], rng: np.random.Generator) -> None:
    steps = float(ring.step_s)
    for field in range(ring.sums.shape[0]):
        ring.sums[field] = rng.lognormal(4.0, 1.0, ring.sums.shape[1:]) * steps
    for field, value in ((LIVE, steps), (SPREAD_DT, steps), (SPREAD_TIME, 2.0 * steps), (TRADES, 0.2 * steps)):
        ring.sums[INDEX_OF_SUM[field]] = value
    ring.sums[[INDEX_OF_SUM[BOUGHT], INDEX_OF_SUM[SOLD]]] *= 2.0
    ring.close[:] = price * (1 + rng.normal(0.0, 0.002, ring.close.shape))
    ring.high[:], ring.low[:] = ring.close * 1.001, ring.close * 0.999
    ring.oi[:] = rng.lognormal(12.0, 1.0, ring.oi.shape)
    ring.filled = ring.slots
    for field in range(ring.sums.shape[0]):
        ring.refresh(field)
    for w, n in enumerate(ring.windows):
        ring.top[w] = ring.high[ring.closed(n)].max(axis=0)
        ring.bottom[w] = ring.low[ring.closed(n)].min(axis=0)
