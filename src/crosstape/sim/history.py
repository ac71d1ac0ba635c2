"""The past before the start: made up on demand, always the same for the same seed."""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from crosstape.sim.assets import Asset
from crosstape.sim.listing import DAY_NS, Contract

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
MINUTE_NS = 60_000_000_000
MINUTES = 1440
DAYS_KEPT = 400
CACHED = 1500


class Candles(Struct):
    """Columns of one contract's minutes: prices in ticks, volume in lots, turnover as the venue counts it."""

    minute: I64
    open: I64
    high: I64
    low: I64
    close: I64
    volume: I64
    turnover: F64


def turnover_of(contract: Contract, ticks: F64, lots: F64) -> F64:
    """Quote currency of a fill; base currency for an inverse contract."""
    size = lots * contract.lot
    return size / (ticks * contract.tick) if contract.inverse else size * (ticks * contract.tick)


class History:
    """Minute candles of the days before the start; the last close is the start's price."""

    def __init__(self, seed: int, assets: tuple[Asset, ...], start_ns: int) -> None:
        self.seed, self.assets = seed, assets
        self.minute = start_ns // MINUTE_NS
        self.day = start_ns // DAY_NS
        self.ticker_rows = {a.ticker: i for i, a in enumerate(assets)}
        market = np.random.default_rng((seed, 11)).normal(0.0, 0.42 / np.sqrt(365), DAYS_KEPT + 1)
        self.midnights = [self._midnights(i, a, market) for i, a in enumerate(assets)]
        self.paths: OrderedDict[tuple[int, int], F64] = OrderedDict()

    def _midnights(self, row: int, asset: Asset, market: F64) -> F64:
        """Log price at midnight, index 0 = the day of the start, then backwards."""
        own = np.random.default_rng((self.seed, 12, row)).normal(0.0, 1.0, DAYS_KEPT + 1)
        rest = np.sqrt(max(asset.volatility**2 - (asset.beta * 0.42) ** 2, 1e-6)) / np.sqrt(365)
        moves = asset.beta * market + rest * own
        moves[0] *= (self.minute % MINUTES + 1) / MINUTES
        return np.asarray(np.log(asset.price) - np.cumsum(moves), np.float64)

    def path(self, row: int, day: int) -> F64:
        """Log price of an asset at the 1 441 minute marks of a day (flat past the start)."""
        key = (row, day)
        if key in self.paths:
            self.paths.move_to_end(key)
            return self.paths[key]
        asset, age = self.assets[row], self.day - day
        count = MINUTES if age else self.minute % MINUTES
        begin = self.midnights[row][age]
        end = self.midnights[row][age - 1] if age else np.log(asset.price)
        rng = np.random.default_rng((self.seed, 13, row, day))
        walk = np.cumsum(rng.normal(0.0, asset.volatility / np.sqrt(525_600), count))
        share = np.arange(1, count + 1) / max(count, 1)
        path = np.full(MINUTES + 1, end)
        path[0] = begin if count else end
        path[1 : count + 1] = begin + walk + share * (end - begin - (walk[-1] if count else 0.0))
        self.paths[key] = path
        if len(self.paths) > CACHED:
            self.paths.popitem(last=False)
        return path

    def first_minute(self, contract: Contract) -> int:
        """The oldest minute there is."""
        return max((self.day - DAYS_KEPT + 1) * MINUTES, contract.launch_ns // MINUTE_NS)

    def candles(self, contract: Contract, salt: int, day: int) -> Candles:
        """One day's minutes of a contract; `salt` tells contracts of one asset apart."""
        log = self.path(contract.asset, day)
        if contract.quote in self.ticker_rows:
            log = log - self.path(self.ticker_rows[contract.quote], day)
        rng = np.random.default_rng((self.seed, 14, salt, day))
        noise = rng.standard_normal((3, MINUTES))
        price = np.exp(log) * contract.multiplier / contract.tick
        ticks = np.maximum(np.rint(price), 1).astype(np.int64)
        opening, close = ticks[:-1], ticks[1:]
        reach = np.abs(noise[:2]) * self.assets[contract.asset].volatility / np.sqrt(525_600) * 0.5
        high = np.maximum(np.maximum(opening, close), np.rint(price[1:] * (1 + reach[0])).astype(np.int64))
        low = np.minimum(np.minimum(opening, close), np.rint(price[1:] * (1 - reach[1])).astype(np.int64))
        hour = np.arange(MINUTES) / 60.0
        usual = self.assets[contract.asset].turnover_usd * contract.share / MINUTES
        dollars = usual * (1 + 0.35 * np.cos((hour - 15) / 24 * 2 * np.pi)) * np.exp(0.7 * noise[2] - 0.245)
        lots = np.rint(dollars / lot_usd(contract, self.assets)).astype(np.int64)
        minute = day * MINUTES + np.arange(MINUTES, dtype=np.int64)
        mean = (opening + high + low + close) / 4.0
        volume = lots.astype(np.float64)
        return Candles(minute, opening, high, np.maximum(low, 1), close, lots, turnover_of(contract, mean, volume))

    def between(self, contract: Contract, salt: int, first: int, last: int) -> Candles:
        """Minutes first <= m < last, cut to what exists before the start."""
        first, last = max(first, self.first_minute(contract)), min(last, self.minute)
        days = range(first // MINUTES, (last - 1) // MINUTES + 1) if last > first else range(0)
        found = concat([self.candles(contract, salt, day) for day in days])
        keep = slice(*np.searchsorted(found.minute, (first, last)))
        return select(found, keep)


def lot_usd(contract: Contract, assets: tuple[Asset, ...]) -> float:
    """Dollars in one lot at the starting price."""
    return contract.lot if contract.inverse else contract.lot * contract.multiplier * assets[contract.asset].price


def concat(parts: Sequence[Candles]) -> Candles:
    """Joins columns end to end."""
    if not parts:
        none = np.zeros(0, np.int64)
        return Candles(none, none, none, none, none, none, np.zeros(0))
    names = Candles.__struct_fields__
    return Candles(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def select(candles: Candles, keep: slice) -> Candles:
    """A slice of every column."""
    return Candles(*(getattr(candles, name)[keep] for name in Candles.__struct_fields__))


def unit_noise(*key: int) -> float:
    """A fixed number in [-1, 1) for these integers."""
    mixed = 0x243F6A8885A308D3
    for part in key:
        mixed = ((mixed ^ part) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 29
    return (mixed >> 11) / float(1 << 52) - 1.0
