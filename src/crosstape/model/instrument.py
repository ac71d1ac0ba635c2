"""What can be traded, and how its native numbers become unified ones."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import msgspec


class InstrumentKind(StrEnum):
    """What an instrument is."""

    SPOT = "SPOT"
    PERP = "PERP"
    FUTURE = "FUTURE"
    OPTION = "OPTION"
    OUTCOME = "OUTCOME"
    POOL = "POOL"
    RESERVE = "RESERVE"


class Instrument(msgspec.Struct, frozen=True):
    """One row of the tape.

    market      venue + product line: "bybit-linear"
    native      the venue's own symbol, verbatim
    base        unified base asset with the multiplier removed: "PEPE" for 1000PEPEUSDT
    multiplier  native price = unified price × multiplier (1 where the venue quotes one unit)
    contract    size of one native size unit: base units, or quote units where `inverse`
    inverse     native size counts quote currency and profit is paid in base
    tick_size, lot_size   native increments; NaN when not known
    funding_hours   hours between fundings; 0 when there is none
    listed_ts, expiry_ts  ns since the epoch; 0 when not known or without end
    described   False when no catalogue described it (a capture, a built-in list)
    """

    market: str
    native: str
    kind: InstrumentKind
    base: str
    quote: str
    settle: str
    multiplier: float = 1.0
    contract: float = 1.0
    inverse: bool = False
    tick_size: float = float("nan")
    lot_size: float = float("nan")
    min_size: float = float("nan")
    funding_hours: float = 0.0
    listed_ts: int = 0
    expiry_ts: int = 0
    strike: float = float("nan")
    right: str = ""
    status: str = "trading"
    described: bool = True

    @property
    def id(self) -> str:
        """`<market>:<native>`, unique over the whole tape."""
        return f"{self.market}:{self.native}"

    @property
    def venue(self) -> str:
        """The venue part of the market: "bybit" of "bybit-linear"."""
        return self.market.partition("-")[0]

    @property
    def symbol(self) -> str:
        """Unified symbol: BASE-QUOTE-PERP, -SPOT, -FUT-YYMMDD, -OPT-YYMMDD-STRIKE-C|P."""
        pair = f"{self.base}-{self.quote}"
        if self.kind is InstrumentKind.PERP:
            return f"{pair}-PERP"
        if self.kind is InstrumentKind.FUTURE:
            return f"{pair}-FUT-{_day(self.expiry_ts)}"
        if self.kind is InstrumentKind.OPTION:
            return f"{pair}-OPT-{_day(self.expiry_ts)}-{self.strike:g}-{self.right}"
        return f"{pair}-{self.kind.value}"


def _day(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1e9, UTC).strftime("%y%m%d")


class Fold(msgspec.Struct, frozen=True, gc=False):
    """How one instrument's native numbers become unified ones."""

    multiplier: float
    contract: float
    inverse: bool

    def price(self, native: float) -> float:
        """Price of one unified base unit in quote currency."""
        return native / self.multiplier

    def size(self, price: float, native: float) -> float:
        """Size in unified base units; `price` is the native price the size traded at."""
        if self.inverse:
            return native * self.contract / price if price else float("nan")
        return native * self.contract * self.multiplier


def fold_of(instrument: Instrument) -> Fold | None:
    """The instrument's fold, or None where native numbers are unified ones already."""
    if instrument.multiplier == 1.0 and instrument.contract == 1.0 and not instrument.inverse:
        return None
    return Fold(instrument.multiplier, instrument.contract, instrument.inverse)
