"""A simulated account: it trades by a fixed habit against the world's market, and moves nothing in it."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

import numpy as np
from msgspec import Struct

from crosstape.sim.facts import Happened
from crosstape.sim.listing import Contract
from crosstape.sim.world import World

# The simulator's own key: it opens nothing else, so everybody may know it.
KEY: Final = "simulated-account-key"
SECRET: Final = "simulated-account-secret"
COIN: Final = "USDT"
START: Final = Decimal(100_000)
MAKER, TAKER = Decimal("0.0002"), Decimal("0.00055")
SYMBOLS: Final = 3
EVERY_NS: Final = 700_000_000
LIFE_NS: Final = 20_000_000_000
MOST_OPEN: Final = 5
KEPT_ORDERS, KEPT_FILLS = 1_000, 50_000


class Order(Struct):
    """An order: `price` in ticks, 0 at the market. `status` is one of new partial filled cancelled."""

    number: int
    row: int
    buy: bool
    price: int
    lots: int
    created_ns: int
    updated_ns: int
    filled: int = 0
    value: int = 0
    status: str = "new"

    @property
    def open(self) -> bool:
        """Whether it can still be filled."""
        return self.status in ("new", "partial")


class Fill(Struct, frozen=True):
    """A part of an order that was filled: at `price` ticks, for `fee` dollars; `profit` of what it closed."""

    number: int
    order: Order
    ts_ns: int
    price: int
    lots: int
    maker: bool
    fee: Decimal
    profit: Decimal


class Position(Struct):
    """Lots, − where it is short, and what they cost in dollars (same sign)."""

    lots: int = 0
    cost: Decimal = Decimal(0)


class News(Struct):
    """What one step changed."""

    orders: list[Order]
    fills: list[Fill]


class Account:
    """Every so often an order at the touch or at the market, on the busiest contracts settled in dollars, futures
    that end left out; those that wait are filled by the market's own trades. Bounded: the oldest ended orders and
    fills are forgotten.

    changed_ns   when each position last changed
    """

    def __init__(self, world: World, venue: str, market: str) -> None:
        contracts = world.rows.contracts
        mine = [row for row, c in enumerate(contracts)
                if (c.venue, c.market, c.settle) == (venue, market, COIN) and c.kind != "FUTURE"]  # fmt: skip
        mine.sort(key=lambda row: -float(world.rows.turnover_usd[row]))
        self.world, self.rows = world, mine[:SYMBOLS]
        self.rng = np.random.default_rng((len(contracts), world.start_ns % (1 << 32)))
        self.wallet = START
        self.open: dict[int, Order] = {}
        self.ended: deque[Order] = deque(maxlen=KEPT_ORDERS)
        self.fills: deque[Fill] = deque(maxlen=KEPT_FILLS)
        self.positions: dict[int, Position] = {}
        self.numbers = self.executions = 0
        self.changed_ns: dict[int, int] = {}
        self.due_ns = world.now_ns + EVERY_NS

    def step(self, happened: Happened) -> News:
        """Fills what the market reached, lets old orders go, and acts when it is time."""
        news = News([], [])
        if self.open:
            self._match(happened, news)
        now = self.world.now_ns
        for order in list(self.open.values()):
            if now - order.created_ns > LIFE_NS:
                self._end(order, "cancelled", news)
        if now >= self.due_ns and self.rows:
            self.due_ns = now + EVERY_NS
            self._act(news)
        return news

    def contract(self, row: int) -> Contract:
        """What is traded there."""
        return self.world.rows.contracts[row]

    def worth(self, row: int, price: int, lots: int) -> Decimal:
        """Dollars, exactly."""
        contract = self.contract(row)
        return Decimal(contract.price_text(price)) * Decimal(contract.size_text(lots))

    def profit(self, row: int) -> Decimal:
        """Of the position at the mark price, unrealised."""
        held = self.positions.get(row, Position())
        mark = Decimal(f"{float(self.world.mark[row]):.8f}")
        return mark * Decimal(self.contract(row).size_text(held.lots)) - held.cost

    def _match(self, happened: Happened, news: News) -> None:
        for trade in happened.trades:
            for order in list(self.open.values()):
                if order.row != trade.row or order.buy == trade.buy or trade.ts_ns <= order.created_ns:
                    continue
                if trade.price <= order.price if order.buy else trade.price >= order.price:
                    self._fill(order, order.price, min(trade.lots, order.lots - order.filled), True, news)

    def _act(self, news: News) -> None:
        row = self.rows[int(self.rng.integers(len(self.rows)))]
        held, ladder = self.positions.get(row, Position()), self.world.trading.ladders[row]
        buy = bool(self.rng.random() < (0.25 if held.lots > 0 else 0.75 if held.lots < 0 else 0.5))
        lots = max(int(float(self.rng.uniform(300, 3_000)) / float(self.world.rows.lot_usd[row])), 2)
        now = self.world.now_ns
        at_market = bool(self.rng.random() < 0.4)
        price = 0 if at_market else ladder.bid if buy else ladder.ask
        if len(self.open) >= MOST_OPEN and not at_market:
            self._end(next(iter(self.open.values())), "cancelled", news)
        self.numbers += 1
        order = self.open[self.numbers] = Order(self.numbers, row, buy, price, lots, now, now)
        if at_market:
            self._fill(order, ladder.ask if buy else ladder.bid, lots, False, news)
        else:
            news.orders.append(order)

    def _fill(self, order: Order, price: int, lots: int, maker: bool, news: News) -> None:
        value = self.worth(order.row, price, lots)
        fee = value * (MAKER if maker else TAKER)
        order.filled += lots
        order.value += price * lots
        self.executions += 1
        profit = self._hold(order.row, lots if order.buy else -lots, value if order.buy else -value)
        self.wallet += profit - fee
        self.changed_ns[order.row] = self.world.now_ns
        fill = Fill(self.executions, order, self.world.now_ns, price, lots, maker, fee, profit)
        self.fills.append(fill)
        news.fills.append(fill)
        self._end(order, "filled" if order.filled == order.lots else "partial", news)

    def _hold(self, row: int, lots: int, value: Decimal) -> Decimal:
        """Into the position; the profit of what is closed, at the average price."""
        held = self.positions.setdefault(row, Position())
        if held.lots * lots >= 0:
            held.lots += lots
            held.cost += value
            return Decimal(0)
        closed = min(abs(lots), abs(held.lots))
        out = (held.cost * closed / abs(held.lots)).quantize(Decimal("1e-8"))
        back = (value * closed / abs(lots)).quantize(Decimal("1e-8"))
        held.lots += lots
        held.cost = held.cost - out if abs(lots) <= closed else value - back
        if not held.lots:
            held.cost = Decimal(0)
        return -back - out

    def _end(self, order: Order, status: str, news: News) -> None:
        order.status, order.updated_ns = status, self.world.now_ns
        if not order.open:
            self.open.pop(order.number, None)
            self.ended.append(order)
        if order not in news.orders:
            news.orders.append(order)
