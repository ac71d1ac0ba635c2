"""What can be traded in the world: abstract contracts, each a claim on one asset, labelled for one venue."""

from typing import Literal

from msgspec import Struct

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
