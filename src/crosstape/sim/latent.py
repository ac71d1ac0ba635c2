"""Latent prices: correlated jump diffusions with clustered volatility, and each contract's distance from them."""

import numpy as np
import numpy.typing as npt

from crosstape.sim.assets import SECTORS, Asset

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
YEAR_S = 365.0 * 86_400
MARKET_VOL = 0.42
SECTOR_VOL = 0.22
MARKET_JUMPS_A_DAY = 10.0
ASSET_JUMPS_A_DAY = 6.0


class Latent:
    """Log prices of all assets in USD: market factor, sector factors, own noise, jumps."""

    def __init__(self, assets: tuple[Asset, ...]) -> None:
        self.log_price: F64 = np.log([a.price for a in assets])
        self.volatility: F64 = np.array([a.volatility for a in assets])
        self.beta: F64 = np.array([a.beta for a in assets])
        self.sector: I64 = np.array([a.sector for a in assets])
        self.sector_load: F64 = np.where(self.beta > 0, SECTOR_VOL, 0.0)
        rest = self.volatility**2 - (self.beta * MARKET_VOL) ** 2 - self.sector_load**2
        self.own: F64 = np.sqrt(np.maximum(rest, np.where(self.beta > 0, 0.04, self.volatility**2)))
        self.heat: F64 = np.zeros(len(assets))
        self.market_heat = 0.0

    def step(self, dt: float, rng: np.random.Generator) -> None:
        """Moves every price `dt` seconds on."""
        count = len(self.log_price)
        scale = np.sqrt(dt / YEAR_S)
        normal = rng.standard_normal(2 * count + len(SECTORS) + 2)
        self._warm(dt, normal[count : 2 * count], float(normal[-2]))
        market = MARKET_VOL * np.exp(self.market_heat) * normal[-1] * scale
        sectors = normal[2 * count : -2] * scale
        move = self.beta * market + self.sector_load * sectors[self.sector]
        move += self.own * np.exp(self.heat) * normal[:count] * scale
        self.log_price += move
        self._jump(dt, rng)

    def shock(self, asset: int, log_move: float) -> None:
        """Moves one asset at once and heats its volatility."""
        self.log_price[asset] += log_move
        self.heat[asset] = min(self.heat[asset] + 0.5, 1.5)

    def _warm(self, dt: float, normal: F64, market_normal: float) -> None:
        """Log volatilities revert to 0: in half an hour for an asset, in an hour for the market."""
        keep = np.exp(-dt / 1800.0)
        self.heat *= keep
        self.heat += 0.35 * np.sqrt(1 - keep * keep) * normal
        keep = np.exp(-dt / 3600.0)
        self.market_heat = float(self.market_heat * keep + 0.35 * np.sqrt(1 - keep * keep) * market_normal)

    def _jump(self, dt: float, rng: np.random.Generator) -> None:
        """A few jumps a day of single assets and of the whole market."""
        days = dt / 86_400
        for _ in range(int(rng.poisson(MARKET_JUMPS_A_DAY * days))):
            self.log_price += self.beta * rng.normal(0.0, 0.008)
            self.market_heat = min(self.market_heat + 0.4, 1.2)
        for _ in range(int(rng.poisson(ASSET_JUMPS_A_DAY * days * len(self.beta)))):
            asset = int(rng.integers(len(self.beta)))
            self.shock(asset, float(rng.normal(0.0, 0.015) * np.sign(self.beta[asset])))


class Basis:
    """Log distance of each contract from its asset: carry, a slow premium and rare short-lived edges."""

    def __init__(self, count: int) -> None:
        self.premium: F64 = np.zeros(count)
        self.edge: F64 = np.zeros(count)

    def grow(self) -> None:
        """Room for one more contract."""
        self.premium = np.append(self.premium, 0.0)
        self.edge = np.append(self.edge, 0.0)

    def step(self, dt: float, target: F64, rng: np.random.Generator) -> F64:
        """The new total distance; `target` is where the premium reverts to."""
        keep = float(np.exp(-dt / 60.0))
        noise = rng.standard_normal(len(self.premium)) * (1.5e-4 * np.sqrt(1 - keep * keep))
        self.premium = target + (self.premium - target) * keep + noise
        self.edge *= np.exp(-dt / 3.0)
        for _ in range(int(rng.poisson(dt / 20.0))):
            self.edge[rng.integers(len(self.edge))] += rng.choice((-1.0, 1.0)) * rng.uniform(8e-4, 4e-3)
        return self.premium + self.edge
