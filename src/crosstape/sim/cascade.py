"""Liquidations: positions that a fast move closes by force, and the price impact that closes more."""

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
CALM = 0.0045
SHARE_PER_PERCENT = 0.015
MEMORY_S = 120.0


class Cascade:
    """Per asset: who is crowded, how far price fell from its recent high, what that liquidates."""

    def __init__(self, log_price: F64, volatility: F64, rng: np.random.Generator) -> None:
        count = len(log_price)
        self.crowd: F64 = np.clip(rng.normal(0.1, 0.4, count), -0.9, 0.9)
        self.home: F64 = self.crowd.copy()
        self.high: F64 = log_price.copy()
        self.low: F64 = log_price.copy()
        self.calm: F64 = CALM * volatility
        self.worst: F64 = np.stack((self.calm, self.calm))
        self.owed: F64 = np.zeros((2, count))

    def step(self, dt: float, log_price: F64, oi_usd: F64, rng: np.random.Generator) -> F64:
        """Dollars of longs (row 0) and shorts (row 1) now owed to the market, per asset."""
        keep = float(np.exp(-dt / MEMORY_S))
        self.high = np.maximum(log_price, log_price + (self.high - log_price) * keep)
        self.low = np.minimum(log_price, log_price + (self.low - log_price) * keep)
        fall = np.stack((self.high - log_price, log_price - self.low))
        self.worst = self.calm + (self.worst - self.calm) * keep
        fresh = np.maximum(fall - self.worst, 0.0)
        self.worst = np.maximum(self.worst, fall)
        held = np.stack((1 + self.crowd, 1 - self.crowd)) * 0.5 * oi_usd
        self.owed += fresh * 100.0 * SHARE_PER_PERCENT * held
        drift = rng.standard_normal(len(self.crowd)) * 0.02 * np.sqrt(dt / 60.0)
        pull = -float(np.expm1(-dt / 14_400.0)) * (self.home - self.crowd)
        self.crowd = np.clip(self.crowd + pull + drift, -0.95, 0.95)
        return self.owed

    def paid(self, side: int, asset: int, usd: float, oi_usd: float) -> None:
        """`usd` of one side were closed: less is owed and that side is less crowded."""
        self.owed[side, asset] = max(self.owed[side, asset] - usd, 0.0)
        lighter = usd / max(oi_usd, 1.0) * (1.0 if side == 0 else -1.0)
        self.crowd[asset] = float(np.clip(self.crowd[asset] - lighter, -0.95, 0.95))
