"""The floor: every row's book, last trade, sequence number, minutes and open interest."""

from math import ceil, floor

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from crosstape.sim.carry import Carry, start_interest
from crosstape.sim.facts import Direction, Happened, Trade
from crosstape.sim.history import History
from crosstape.sim.ladder import Ladder
from crosstape.sim.minutes import Minutes
from crosstape.sim.rows import Rows

F64 = npt.NDArray[np.float64]
FIRST_SEQ = 10_000_000_000


class Draws(Struct):
    """One step's random numbers for everything that is decided row by row."""

    size: list[float]
    opening: list[float]
    depth: list[float]
    what: list[float]
    level: list[float]


class Busy(Struct, frozen=True):
    """What one row does in a step."""

    row: int
    quotes: int
    sides: list[bool]
    mean_lots: float
    fair: float
    begin_ns: int
    dt_ns: int


def draw(rng: np.random.Generator, updates: int, trades: int) -> Draws:
    """Random numbers for this many quote updates and trades."""
    depth = rng.exponential(6.0, updates) * rng.choice((-1.0, 1.0), updates)
    return Draws(
        rng.lognormal(-0.72, 1.2, trades).tolist(),
        rng.random(trades).tolist(),
        depth.tolist(),
        rng.random(updates).tolist(),
        rng.lognormal(-0.3, 0.8, updates).tolist(),
    )


class Trading:
    """Matches takers against books and keeps what follows from it."""

    def __init__(self, rows: Rows, fair: F64, history: History, start_ns: int) -> None:
        self.rows = rows
        self.center = fair.tolist()
        self.half = rows.half.tolist()
        self.band = rows.band.tolist()
        self.ladders = [self._open(row, fair) for row, fair in enumerate(self.center)]
        self.minutes = Minutes(rows.contracts, rows.salt, history)
        self.last = [live[3] for live in self.minutes.live]
        self.direction: list[Direction] = ["ZeroPlusTick"] * len(self.last)
        self.seq = [FIRST_SEQ + salt for salt in rows.salt]
        self.numbers = [0] * len(self.last)
        interest = start_interest(rows.contracts, rows.turnover_usd, rows.lot_usd)
        self.carry: list[Carry] = []
        for row, oi in enumerate(interest):
            self.carry.append(Carry(rows.contracts[row], rows.salt[row], start_ns, oi))

    def _open(self, row: int, fair: float) -> Ladder:
        rows = self.rows
        bid, ask = self._touch(row, fair)
        return Ladder(rows.salt[row], float(rows.occupancy[row]), float(rows.level_lots[row]), bid, ask)

    def _touch(self, row: int, fair: float) -> tuple[int, int]:
        """Best bid and ask that belong around a fair price."""
        bid = max(floor(fair - self.half[row]), 1)
        return bid, max(bid + 1, ceil(fair + self.half[row]))

    def grow(self, row: int, fair: float, now_ns: int) -> None:
        """Opens the book of a contract that was just added to the rows."""
        rows = self.rows
        oi = start_interest(rows.contracts[row:], rows.turnover_usd[row:], rows.lot_usd[row:])[0]
        self.center.append(fair)
        self.half, self.band = rows.half.tolist(), rows.band.tolist()
        self.ladders.append(self._open(row, fair))
        self.minutes.grow(round(fair))
        self.last.append(round(fair))
        self.direction.append("ZeroPlusTick")
        self.seq.append(FIRST_SEQ + rows.salt[row])
        self.numbers.append(0)
        self.carry.append(Carry(rows.contracts[row], rows.salt[row], now_ns, oi))

    def act(self, busy: Busy, draws: Draws, happened: Happened) -> None:
        """Takers hit the touch; then makers follow the fair price and change their quotes."""
        row, ladder = busy.row, self.ladders[busy.row]
        self.seq[row] += 1
        for i, buy in enumerate(busy.sides):
            lots = max(int(busy.mean_lots * draws.size.pop()), 1)
            ts_ns = busy.begin_ns + busy.dt_ns * (i + 1) // (len(busy.sides) + 1)
            filled = self.take(row, buy, lots, ts_ns, happened)
            self.carry[row].trade(filled, draws.opening.pop())
        apart = ladder.ask - ladder.bid > 2 * self.half[row] + 4
        if apart or abs(busy.fair - self.center[row]) > self.band[row]:
            ladder.requote(*self._touch(row, busy.fair))
            self.center[row] = busy.fair
        if quotes := busy.quotes:
            ladder.nudge(draws.depth[-quotes:], draws.what[-quotes:], draws.level[-quotes:])
            del draws.depth[-quotes:], draws.what[-quotes:], draws.level[-quotes:]
        ladder.settle()
        happened.touched.append(row)

    def take(self, row: int, buy: bool, lots: int, ts_ns: int, happened: Happened) -> int:
        """A taker order; returns the lots that were filled."""
        contract, filled = self.rows.contracts[row], 0
        for price, done in self.ladders[row].take(buy, lots):
            direction = self._direction(row, price)
            self.last[row], self.direction[row] = price, direction
            self.numbers[row] += 1
            size, quote = done * contract.lot, price * contract.tick
            self.minutes.add(row, price, done, size / quote if contract.inverse else size * quote)
            happened.trades.append(
                Trade(row, ts_ns, price, done, buy, self.seq[row], self.numbers[row], direction)
            )
            filled += done
        return filled

    def _direction(self, row: int, price: int) -> Direction:
        last = self.last[row]
        if price != last:
            return "PlusTick" if price > last else "MinusTick"
        return "ZeroPlusTick" if "Plus" in self.direction[row] else "ZeroMinusTick"
