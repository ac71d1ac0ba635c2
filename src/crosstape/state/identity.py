"""Which instruments are the same asset: the same base and a price within 3 %, never a ticker alone."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from crosstape.model.instrument import Instrument
from crosstape.state.table import Table

F64 = NDArray[np.float64]
TOLERANCE = 0.03
# Other names that venues give the same base; the price decides here too.
ALIASES = {"XBT": "BTC", "XDG": "DOGE", "UBTC": "BTC", "UETH": "ETH", "USOL": "SOL"}
MIN_RETURNS = 200
MIN_CORRELATION = 0.5


class Membership(msgspec.Struct):
    """One row's asset and why. `apart`: correlation split it off, and only a new listing forgets that."""

    asset: str
    reason: str
    apart: bool = False


class Identity:
    """Joins stick: a price that drifts away later is news about the market, not about who is who. Only
    correlation, after a day, splits. Rows without a price belong to nothing yet."""

    def __init__(self) -> None:
        self.of: dict[int, Membership] = {}

    def asset(self, row: int) -> str:
        """The row's asset; "" while it is not known."""
        found = self.of.get(row)
        return found.asset if found is not None else ""

    def reason(self, row: int) -> str:
        """Why the row belongs to its asset."""
        found = self.of.get(row)
        return found.reason if found is not None else "no price yet"

    def join(self, table: Table, price_usd: F64, turnover_usd: F64) -> bool:
        """Place every listed row that has a price and no asset yet, busiest first. Whether anything changed."""
        waiting = [
            row
            for row, instrument in enumerate(table.instruments)
            if instrument is not None and row not in self.of and price_usd[row] > 0
        ]
        if not waiting:
            return False
        members = self._members(table)
        waiting.sort(key=lambda row: (-np.nan_to_num(turnover_usd[row]), row))
        for row in waiting:
            self._place(table, row, members, price_usd)
        return True

    def _members(self, table: Table) -> dict[str, dict[str, list[int]]]:
        """Base -> asset -> rows."""
        members: dict[str, dict[str, list[int]]] = {}
        for row, membership in self.of.items():
            instrument = table.instruments[row]
            if instrument is not None:
                members.setdefault(root(instrument), {}).setdefault(membership.asset, []).append(row)
        return members

    def _place(self, table: Table, row: int, members: dict[str, dict[str, list[int]]], price_usd: F64) -> None:
        instrument = table.instruments[row]
        assert instrument is not None
        price, known = float(price_usd[row]), members.setdefault(root(instrument), {})
        nearest = ""
        for asset, rows in known.items():
            reference = float(np.nanmedian(price_usd[rows])) if rows else float("nan")
            if abs(price / reference - 1.0) <= TOLERANCE:
                apart = f"{price / reference - 1.0:+.2%}"
                rows.append(row)
                self.of[row] = Membership(asset, f"{instrument.base}, price {apart} from the asset's median")
                return
            nearest = nearest or f"{price / reference:.4g} × the price of {asset}"
        name = root(instrument) if root(instrument) not in known else f"{root(instrument)}@{instrument.market}"
        while name in known:
            name += "'"
        known[name] = [row]
        reason = f"kept apart: {nearest}" if nearest else f"{instrument.base}, the first with a price"
        self.of[row] = Membership(name, reason)

    def split(self, table: Table, closes: F64) -> bool:
        """Split off what does not move with its asset. closes: (samples, rows) five-minute prices of a day."""
        changed = False
        with np.errstate(all="ignore"):
            returns = np.diff(np.log(closes), axis=0)
        for assets in self._members(table).values():
            for asset, rows in assets.items():
                if len(rows) < 2:
                    continue
                first = max(rows, key=lambda row: (int((~np.isnan(returns[:, row])).sum()), -row))
                for row in rows:
                    if row != first and self._moves_apart(returns[:, first], returns[:, row]):
                        instrument = table.instruments[row]
                        assert instrument is not None
                        reason = f"split from {asset}: five-minute returns of a day do not move together"
                        self.of[row] = Membership(f"{asset}@{instrument.market}", reason, apart=True)
                        changed = True
        return changed

    def _moves_apart(self, a: F64, b: F64) -> bool:
        both = ~(np.isnan(a) | np.isnan(b))
        if int(both.sum()) < MIN_RETURNS:
            return False
        x, y = a[both], b[both]
        if not (x.std() > 0 and y.std() > 0):
            return False
        return bool(np.corrcoef(x, y)[0, 1] < MIN_CORRELATION)


def root(instrument: Instrument) -> str:
    """The base under its usual name.

    >>> from crosstape.model.instrument import InstrumentKind
    >>> root(Instrument("m", "UBTC/USDC", InstrumentKind.SPOT, "UBTC", "USDC", "USDC"))
    'BTC'
    """
    return ALIASES.get(instrument.base, instrument.base)
