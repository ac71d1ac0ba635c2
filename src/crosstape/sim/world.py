"""The world: latent prices, order flow, books, funding, open interest and liquidations of abstract contracts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crosstape.sim.assets import Asset
from crosstape.sim.carry import BUCKET_NS
from crosstape.sim.cascade import Cascade
from crosstape.sim.facts import Happened, Liquidation
from crosstape.sim.flow import Flow, calibrate
from crosstape.sim.history import MINUTE_NS, History
from crosstape.sim.latent import YEAR_S, Basis, Latent
from crosstape.sim.listing import Contract
from crosstape.sim.rows import Rows
from crosstape.sim.trading import Busy, Trading, draw

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
MARK_NS = 100_000_000
MOST_UPDATES = 24
IMPACT = 0.0008
BANKRUPT = 0.006


class World:
    """Steps every contract at once; the same seed and the same steps give the same facts."""

    def __init__(
        self, seed: int, assets: tuple[Asset, ...], contracts: Sequence[Contract], start_ns: int, rate: float
    ) -> None:
        self.now_ns = self.start_ns = start_ns
        self.rng = np.random.default_rng((seed, 0))
        self.rows = Rows(assets, contracts)
        self.latent, self.basis = Latent(assets), Basis(len(contracts))
        self.flow = Flow(calibrate(self.rows.weights(), rate, np.ones((3, len(contracts)))))
        self.cascade = Cascade(self.latent.log_price, self.latent.volatility, self.rng)
        self.history = History(seed, assets, start_ns)
        self.fair = self.rows.fair_ticks(self.latent.log_price, self.basis.premium)
        self.trading = Trading(self.rows, self.fair, self.history, start_ns)
        self.index, self.mark = self._marks()
        self.cascaded_ns = start_ns
        self.listings = 0

    def step(self, dt_ns: int) -> Happened:
        """Lets `dt_ns` of time pass and says what happened in it."""
        happened = Happened([], [], [], [])
        before, self.now_ns = self.now_ns, self.now_ns + dt_ns
        dt = dt_ns / 1e9
        self.latent.step(dt, self.rng)
        distance = self.basis.step(dt, self._premium_target(), self.rng)
        self.fair = self.rows.fair_ticks(self.latent.log_price, distance)
        lean = np.clip((self.fair - np.array(self.trading.center)) / self.rows.band, -1.0, 1.0)
        counts = self.flow.step(dt, lean, self.rows.alive, self.rng)
        self._act(counts, before, dt_ns, happened)
        if self.now_ns - self.cascaded_ns >= MARK_NS:
            self._liquidate((self.now_ns - self.cascaded_ns) / 1e9, happened)
            self.cascaded_ns = self.now_ns
        self._clock(before, happened)
        return happened

    def list(self, contract: Contract) -> int:
        """Starts trading a new contract and returns its row."""
        row = self.rows.grow(contract)
        self.basis.grow()
        self.flow.grow(float(self.flow.updates_hz.mean()))
        self.fair = self.rows.fair_ticks(self.latent.log_price, self.basis.premium)
        self.trading.grow(row, float(self.fair[row]), self.now_ns)
        self.index, self.mark = self._marks()
        self.listings += 1
        return row

    def delist(self, row: int) -> None:
        """Ends trading: nothing happens in the row any more."""
        self.rows.alive[row] = 0.0
        self.listings += 1

    def shock(self, asset: int, log_move: float) -> None:
        """Moves one asset's price at once."""
        self.latent.shock(asset, log_move)

    def _act(self, counts: tuple[I64, I64, I64], begin_ns: int, dt_ns: int, happened: Happened) -> None:
        """Every row with something to do."""
        updates, buys, sells = np.minimum(counts[0], MOST_UPDATES), counts[1], counts[2]
        draws = draw(self.rng, int(updates.sum()), int(buys.sum() + sells.sum()))
        busy = np.flatnonzero(updates + buys + sells)
        pace = np.maximum(self.flow.trades_hz[busy], 1e-9) * 86_400 * self.rows.lot_usd[busy]
        mean = self.rows.turnover_usd[busy] / pace
        columns = (busy, updates[busy], buys[busy], sells[busy], mean, self.fair[busy])
        for row, quotes, bought, sold, lots, fair in zip(*(c.tolist() for c in columns), strict=True):
            sides = [True] * bought + [False] * sold
            self.trading.act(Busy(row, quotes, sides, lots, fair, begin_ns, dt_ns), draws, happened)

    def _premium_target(self) -> F64:
        """Crowded longs pay a premium; dated futures carry 6 % a year."""
        rows = self.rows
        perp = 3e-4 * self.cascade.crowd[rows.asset] * (rows.funding_hours > 0)
        left = np.maximum(rows.expiry_ns - self.now_ns, 0) / 1e9 / YEAR_S
        return np.asarray(perp + 0.06 * left, np.float64)

    def _marks(self) -> tuple[F64, F64]:
        """Index and mark of every row in its quote currency."""
        index = self.rows.fair_ticks(self.latent.log_price, np.zeros(len(self.fair))) * self.rows.tick
        return index, np.asarray(index * np.exp(self.basis.premium), np.float64)

    def _liquidate(self, dt: float, happened: Happened) -> None:
        """Forced orders hit the book of one of the asset's contracts and push the asset further."""
        rows, trading = self.rows, self.trading
        held = np.array([c.oi for c in trading.carry]) * rows.lot_usd * rows.alive
        oi_usd: F64 = np.bincount(rows.asset, held, len(self.latent.log_price)).astype(np.float64)
        owed = self.cascade.step(dt, self.latent.log_price, oi_usd, self.rng)
        turnover = np.bincount(rows.asset, rows.turnover_usd, len(oi_usd))
        for side, asset in np.argwhere(owed > 300.0 + 2e-7 * turnover).tolist():
            mine = np.flatnonzero((rows.asset == asset) & (held > 0))
            row = int(self.rng.choice(mine, p=held[mine] / held[mine].sum()))
            chunk = float(min(owed[side, asset], self.rng.lognormal(0.0, 1.0) * (500 + 3e-5 * turnover[asset])))
            self._force(row, side == 0, max(int(chunk / rows.lot_usd[row]), 1), happened)
            self.cascade.paid(side, asset, chunk, float(oi_usd[asset]))
            push = IMPACT * chunk / (turnover[asset] / 1440)
            self.latent.log_price[asset] += -push if side == 0 else push

    def _force(self, row: int, long: bool, lots: int, happened: Happened) -> None:
        """Closes `lots` of one side at the market."""
        trading = self.trading
        trading.seq[row] += 1
        filled = trading.take(row, not long, lots, self.now_ns, happened)
        trading.ladders[row].settle()
        trading.carry[row].oi = max(trading.carry[row].oi - filled, 0)
        happened.touched.append(row)
        if filled:
            bankrupt = max(round(trading.last[row] * (1 - BANKRUPT if long else 1 + BANKRUPT)), 1)
            happened.liquidations.append(Liquidation(row, self.now_ns, bankrupt, filled, long))

    def _clock(self, before: int, happened: Happened) -> None:
        """Marks each row once a second; settles funding and closes minutes when they end."""
        tenth, last = self.now_ns // MARK_NS, before // MARK_NS
        if tenth != last:
            index, mark = self._marks()
            due = np.isin(np.arange(len(index)) % 10, np.arange(last + 1, min(tenth, last + 10) + 1) % 10)
            self.index, self.mark = np.where(due, index, self.index), np.where(due, mark, self.mark)
            happened.marked = np.flatnonzero(due).tolist()
        minute, bucket = self.now_ns // MINUTE_NS, self.now_ns // BUCKET_NS
        if minute == self.trading.minutes.now:
            return
        self.trading.minutes.roll(minute)
        expired = (self.rows.expiry_ns > 0) & (self.rows.expiry_ns <= self.now_ns) & (self.rows.alive > 0)
        for row in np.flatnonzero(expired).tolist():
            self.delist(row)
        premium = np.log(self.mark / self.index).tolist()
        for row, carry in enumerate(self.trading.carry):
            if carry.interval_ns:
                carry.settle(self.now_ns)
                carry.predict(premium[row])
            if bucket != before // BUCKET_NS:
                carry.mark(bucket)
        happened.marked = list(range(len(premium)))
