"""What the catalogue says of every row, as arrays; made again only when an instrument changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstape.kernels.price import mid
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.state.fields import ASK, BID, INDEX
from crosstape.state.identity import Identity
from crosstape.state.table import Table

F64 = NDArray[np.float64]
EXPIRING = (InstrumentKind.FUTURE, InstrumentKind.OPTION)
DOLLARS = ("USDT", "USDC", "USDE", "FDUSD", "DAI", "USD1", "TUSD")


class Catalogue:
    """All (rows): expiry_s, listed_s (NaN = none), usd (dollars a unit of quote), asset_code (into `assets`),
    alive (neither freed nor delisted), undescribed, wanted (its tier has a stream)."""

    def __init__(self, table: Table, identity: Identity) -> None:
        self.version = table.version
        instruments = table.instruments
        # A perp's delivery time is its delisting: it has a basis, but none that is earned by then.
        self.expiry_s = np.array(
            [_seconds(i, "expiry_ts") if i is not None and i.kind in EXPIRING else np.nan for i in instruments]
        )
        self.listed_s = np.array([_seconds(i, "listed_ts") for i in instruments])
        self.quotes = sorted({i.quote for i in instruments if i is not None and i.quote})
        code = {quote: n for n, quote in enumerate(self.quotes)}
        self.quote_code = np.array([code.get(i.quote, -1) if i is not None else -1 for i in instruments], int)
        self.spot = {
            (i.base, i.quote): row
            for row, i in reversed(list(enumerate(instruments)))
            if i is not None and i.kind is InstrumentKind.SPOT
        }
        self.dollar_index = [
            row for row, i in enumerate(instruments) if i is not None and i.base == "BTC" and i.quote == "USD"
        ]
        self.usd: F64 = np.full(len(instruments), np.nan)
        named = [identity.asset(row) if i is not None else "" for row, i in enumerate(instruments)]
        self.assets = sorted({name for name in named if name})
        place = {asset: n for n, asset in enumerate(self.assets)}
        self.asset_code = np.array([place.get(name, -1) for name in named], np.intp)
        self.alive = np.array(
            [i is not None and not gone for i, gone in zip(instruments, table.gone_ts, strict=True)], bool
        )
        self.undescribed = np.array([i is not None and not i.described for i in instruments], bool)
        self.wanted = np.array([tier != "C" for tier in table.tiers], bool)

    def price(self, now: F64) -> None:
        """Value every quote currency in dollars at the tape's own rates; `now` is `State.now`."""
        mids = mid(now[BID], now[ASK])
        rates = np.array([*(self._rate(quote, mids, now[INDEX]) for quote in self.quotes), np.nan])
        self.usd = rates[self.quote_code]

    def _rate(self, quote: str, mids: F64, index: F64) -> float:
        if quote == "USD":
            return 1.0
        if quote in DOLLARS:
            return self._dollar(quote, mids, index)
        for through in ("USD", *DOLLARS):
            row = self.spot.get((quote, through))
            if row is not None and mids[row] == mids[row]:
                return float(mids[row]) * self._dollar(through, mids, index)
            row = self.spot.get((through, quote))
            if row is not None and mids[row] > 0:
                return self._dollar(through, mids, index) / float(mids[row])
        return float("nan")

    def _dollar(self, coin: str, mids: F64, index: F64) -> float:
        """A dollar coin: bitcoin's dollar index over its price in the coin; nominally 1 where that is unknown."""
        spot = self.spot.get(("BTC", coin))
        if coin == "USD" or spot is None:
            return 1.0
        known = [float(index[row]) for row in self.dollar_index if index[row] == index[row]]
        if not known or not mids[spot] > 0:
            return 1.0
        rate = known[0] / float(mids[spot])
        # Further off than this it is the index that is old, or the coin is no dollar coin any more.
        return rate if 0.9 < rate < 1.1 else float("nan")


def _seconds(instrument: Instrument | None, field: str) -> float:
    value = getattr(instrument, field) if instrument is not None else 0
    return value * 1e-9 if value else float("nan")
