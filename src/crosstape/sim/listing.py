"""What can be traded in the world: abstract contracts, each a claim on one asset, labelled for one venue."""

from datetime import UTC, datetime, timedelta
from math import floor, log10
from typing import Literal
from zlib import crc32

from msgspec import Struct

from crosstape.sim.assets import Asset

Kind = Literal["SPOT", "PERP", "FUTURE"]
DAY_NS = 86_400_000_000_000


class Contract(Struct, frozen=True, kw_only=True):
    """One instrument. Prices count ticks and sizes count lots, both integers, so that sums are exact.

    `venue`, `market` and `symbol` are labels the world passes through; `share` is the contract's part of its
    asset's turnover. A lot of an inverse contract is worth `lot` USD, any other `lot` units of `base`.
    """

    venue: str
    market: str
    symbol: str
    kind: Kind
    asset: int
    base: str
    quote: str
    settle: str
    share: float
    multiplier: float = 1.0
    inverse: bool = False
    tick: float
    price_decimals: int
    lot: float
    lot_decimals: int
    funding_hours: int = 0
    launch_ns: int
    expiry_ns: int = 0

    def price_text(self, ticks: int) -> str:
        """A price as the venue prints it."""
        return f"{ticks * self.tick:.{self.price_decimals}f}"

    def size_text(self, lots: int) -> str:
        """A size as the venue prints it."""
        return f"{lots * self.lot:.{self.lot_decimals}f}"


def digits(value: float) -> int:
    """Power of ten just below a value."""
    return floor(log10(value))


def fridays(start_ns: int) -> tuple[list[datetime], list[datetime]]:
    """Coming expiries at 08:00 UTC: weekly ones and last Fridays of quarters."""
    today = datetime.fromtimestamp(start_ns / 1e9, UTC).replace(hour=8, minute=0, second=0, microsecond=0)
    friday = today + timedelta(days=(4 - today.weekday()) % 7)
    if friday.timestamp() * 1e9 <= start_ns:
        friday += timedelta(days=7)
    weeks = [friday + timedelta(days=7 * i) for i in range(60)]
    last = [d for d in weeks if d.month % 3 == 0 and (d + timedelta(days=7)).month != d.month]
    return weeks[:3], last[:3]


def build(
    venue: str, asset: Asset, row: int, market: str, kind: Kind, symbol: str, base: str, quote: str, settle: str,
    share: float, price: float, multiplier: int = 1, expiry_ns: int = 0, start_ns: int = 0, inverse: bool = False,
) -> Contract:  # fmt: skip
    """Chooses tick, lot, age and funding interval for a contract."""
    spot = kind == "SPOT"
    decimals = max(4 - digits(price) + (1 if digits(price) < 4 else 0) - (2 if digits(price) >= 3 else 1), 1)
    lot = 10.0 ** digits((0.1 if spot else 100.0 if price >= 50 else 10.0) / price)
    lot_decimals = max(-digits(lot * 1.0001), 0)
    salt = crc32(f"{market}{symbol}".encode())
    hours = 8 if asset.turnover_usd > 3e8 else (4, 4, 8, 1)[salt % 4]
    age_days = 30 + salt % 1500 if asset.turnover_usd < 1e8 else 900 + salt % 1500
    return Contract(
        venue=venue, market=market, symbol=symbol, kind=kind, asset=row, base=base, quote=quote, settle=settle,
        share=share, multiplier=float(multiplier), inverse=inverse, tick=10.0**-decimals, price_decimals=decimals,
        lot=1.0 if inverse else lot, lot_decimals=0 if inverse else lot_decimals,
        funding_hours=hours if kind == "PERP" else 0, expiry_ns=expiry_ns,
        launch_ns=(start_ns // DAY_NS - (60 if expiry_ns else age_days)) * DAY_NS + 36_000_000_000_000,
    )  # fmt: skip
