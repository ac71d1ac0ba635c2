"""The real API over 5 000 made-up markets, of which 1 000 change every tenth of a second; a child of `bench.web`.

The engine does not run: the API and the browser are measured. Says its port, then serves until its input ends.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import msgspec
import numpy as np

from bench.child import say
from crosstape.api.app import create_app
from crosstape.api.hub import Hub
from crosstape.api.ports import OperationsStatus
from crosstape.api.server import serving
from crosstape.api.settings import ApiSettings
from crosstape.boards.board import rank
from crosstape.boards.catalogue import BOARDS
from crosstape.engine.view import Assets, BookCopy, Rows, View
from crosstape.metrics import COLUMNS
from crosstape.model.event import Candle, Side, Trade
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.model.quality import Quality

MARKETS, CHANGED, TICK_S = 5_000, 1_000, 0.1
VENUES = ("bybit-linear", "binance-usdm", "okx-swap", "hyperliquid", "bybit-spot")
MOVING = ("last", "mid", "bid", "ask", "change_1m", "change_5m", "change_24h", "turnover_5m", "turnover_usd_5m",
          "cvd_5m", "spread_bps", "oi_usd", "funding_apr", "velocity_1m", "volume_surge_5m")  # fmt: skip
MINUTE_NS = 60_000_000_000


class Process:
    """Nothing is known of a process that does nothing else."""

    def status(self) -> OperationsStatus:
        """As of now."""
        return OperationsStatus(version="bench")


class World:
    """Views of random walks."""

    def __init__(self) -> None:
        self.chance = np.random.default_rng(7)
        count = MARKETS // len(VENUES)
        names = [f"COIN{i:04d}" for i in range(count)]
        instruments = tuple(
            Instrument(market=market, native=f"{name}USDT", quote="USDT", settle="USDT", base=name,
                       kind=InstrumentKind.SPOT if market.endswith("spot") else InstrumentKind.PERP,
                       tick_size=0.0001)
            for name in names for market in VENUES
        )  # fmt: skip
        index = {instrument.id: row for row, instrument in enumerate(instruments)}
        self.rows = Rows(1, instruments, index, ("A",) * MARKETS, np.ones(MARKETS, bool),
                         tuple(i.base for i in instruments))  # fmt: skip
        spread = self.chance.lognormal(2.0, 2.0, MARKETS)
        self.columns = {c.name: self.chance.normal(0.01, 0.02, MARKETS) for c in COLUMNS}
        for name in ("last", "mid", "bid", "ask", "mark", "index"):
            self.columns[name] = spread.copy()
        self.columns["turnover_usd_24h"] = np.sort(self.chance.lognormal(15.0, 2.0, MARKETS))[::-1].copy()
        self.columns["age_ms"] = np.full(MARKETS, 50.0)
        code = np.repeat(np.arange(count), len(VENUES))
        turnover = np.bincount(code, self.columns["turnover_usd_24h"]).astype(np.float64)
        figures = {name: self.chance.normal(0, 0.02, count) for name in ("change_24h", "oi_usd", "price_usd")}
        self.assets = Assets(tuple(names), {"turnover_usd_24h": turnover, **figures}, code)
        self.quality = np.full(MARKETS, Quality.SIMULATED.value, np.uint32)
        self.number, self.price = 0, 100.0

    def next(self) -> View:
        """The view of now: 1 000 rows moved, 3 trades and a new book of the first row."""
        self.number += 1
        ts = time.time_ns()
        hit = self.chance.choice(MARKETS, CHANGED, replace=False)
        columns = dict(self.columns)
        for name in MOVING:
            values = columns[name].copy()
            values[hit] *= 1 + self.chance.normal(0, 2e-4, CHANGED)
            columns[name] = values
        self.columns = columns
        self.price *= 1 + float(self.chance.normal(0, 1e-4))
        boards = {board.name: rank(board, columns, self.quality, self.rows.alive) for board in BOARDS}
        events = tuple((0, trade) for trade in self._trades(ts))
        return View(
            self.number, self.number, ts, "simulated", self.rows, columns, self.quality, boards, self.assets,
            events, {0: self._book(ts)}, (), np.ones(MARKETS), 0, "",
        )  # fmt: skip

    def past(self) -> tuple[tuple[int, Candle], ...]:
        """Four hours of minutes of the first row."""
        now, found, price = time.time_ns() // MINUTE_NS, [], 100.0
        for minute in range(now - 240, now):
            close = price * (1 + float(self.chance.normal(0, 1e-3)))
            ends = (min(price, close) * 0.9995, max(price, close) * 1.0005)
            found.append(
                (0, Candle("", minute * MINUTE_NS, 60, price, ends[1], ends[0], close, 50.0, 5_000.0, 40.0, 26.0))
            )
            price = close
        self.price = price
        return tuple(found)

    def _trades(self, ts: int) -> list[Trade]:
        sides = (Side.BUY, Side.SELL, Side.BUY)
        return [Trade("", ts, self.price, 0.5 + i, side, f"{self.number}-{i}") for i, side in enumerate(sides)]

    def _book(self, ts: int) -> BookCopy:
        sizes = self.chance.lognormal(0, 1, (2, 200)).tolist()
        bids = [(round(self.price - 0.01 * (i + 1), 2), sizes[0][i]) for i in range(200)]
        asks = [(round(self.price + 0.01 * (i + 1), 2), sizes[1][i]) for i in range(200)]
        return BookCopy(ts, True, bids, asks, ts)


async def feed(hub: Hub, world: World) -> None:
    """A view every tenth of a second."""
    first = world.next()
    hub.publish(msgspec.structs.replace(first, events=(*world.past(), *first.events)))
    due = time.monotonic()
    while True:
        due += TICK_S
        await asyncio.sleep(max(due - time.monotonic(), 0))
        hub.publish(world.next())


async def main() -> None:
    """Until nobody listens to us."""
    hub, settings = Hub(), ApiSettings(port=0, max_page=5_000)
    app: Any = create_app(hub, Process(), settings=settings)
    async with asyncio.TaskGroup() as group:
        feeding = group.create_task(feed(hub, World()))
        async with serving(app, settings) as port:
            say({"port": port})
            await asyncio.to_thread(sys.stdin.read)
        feeding.cancel()


if __name__ == "__main__":
    asyncio.run(main())
