"""The world's contracts as columns: what each row is and how its book is shaped."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

from crosstape.sim.assets import Asset
from crosstape.sim.history import lot_usd
from crosstape.sim.listing import Contract

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


class Rows:
    """Static columns, one entry a contract; a row is never reused."""

    def __init__(self, assets: tuple[Asset, ...], contracts: Sequence[Contract]) -> None:
        self.assets = assets
        self.contracts = list(contracts)
        self.tickers = {a.ticker: i for i, a in enumerate(assets)}
        self.alive: F64 = np.ones(len(contracts))
        self.fill()

    def fill(self) -> None:
        """Computes every column from the contracts."""
        contracts, assets = self.contracts, self.assets
        self.salt = [crc32(f"{c.venue}/{c.market}/{c.symbol}".encode()) for c in contracts]
        self.asset: I64 = np.array([c.asset for c in contracts])
        self.quote: I64 = np.array([self.tickers.get(c.quote, -1) for c in contracts])
        self.tick: F64 = np.array([c.tick for c in contracts])
        self.multiplier: F64 = np.array([c.multiplier for c in contracts])
        self.expiry_ns: I64 = np.array([c.expiry_ns for c in contracts])
        self.funding_hours: I64 = np.array([c.funding_hours for c in contracts])
        self.turnover_usd: F64 = np.array([assets[c.asset].turnover_usd * c.share for c in contracts])
        self.lot_usd: F64 = np.array([lot_usd(c, assets) for c in contracts])
        self.derivative = [c.kind != "SPOT" for c in contracts]
        start = np.array([assets[c.asset].price * c.multiplier for c in contracts]) / self.tick
        start /= np.array([assets[q].price if q >= 0 else 1.0 for q in self.quote.tolist()])
        self.start_ticks: F64 = start
        spread = np.clip(0.4 * (3e8 / self.turnover_usd) ** 0.5, 0.02, 25.0)
        self.half: F64 = np.maximum(0.5, spread * 0.5e-4 * start)
        self.band: F64 = np.maximum(0.75, 0.25e-4 * start + 0.5 * self.half)
        self.occupancy: F64 = np.minimum(0.75, 1.0 / np.maximum(0.05e-4 * start, 1e-9))
        self.level_lots: F64 = np.maximum(self.turnover_usd * 1e-5 / self.lot_usd, 3.0)

    def grow(self, contract: Contract) -> int:
        """Appends a contract and returns its row."""
        self.contracts.append(contract)
        self.alive = np.append(self.alive, 1.0)
        self.fill()
        return len(self.contracts) - 1

    def weights(self) -> F64:
        """How busy each row is relative to the others: less unequal than its turnover."""
        return np.asarray(np.maximum(self.turnover_usd, 1e4) ** 0.55 * self.alive, np.float64)

    def fair_ticks(self, log_price: F64, distance: F64) -> F64:
        """Where each book belongs, in ticks."""
        log = log_price[self.asset] + distance
        log = log - np.where(self.quote >= 0, log_price[self.quote], 0.0)
        return np.asarray(np.exp(log) * self.multiplier / self.tick, np.float64)
