"""The comparison across venues, once a second: state into `arb.cross`, its answers back onto rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstape.arb.cross import Group, Quotes, compare, count_venues, group_rows
from crosstape.arb.fees import fee_of
from crosstape.engine.settings import EngineSettings
from crosstape.kernels.grouped import highest
from crosstape.model.instrument import InstrumentKind
from crosstape.state.at import At
from crosstape.state.catalogue import Catalogue
from crosstape.state.fields import ASK, BID, BOUGHT, DAY_TURNOVER, FUNDING, FUNDING_HOURS, LAST, SOLD
from crosstape.state.state import BUY_10K, BUY_100K, SELL_10K, SELL_100K, State
from crosstape.state.table import Table
from crosstape.state.tick import live

F64 = NDArray[np.float64]
SIZES = ("10k", "100k")
_BOOKS = ((BUY_10K, SELL_10K), (BUY_100K, SELL_100K))
ON_ROWS = (
    "funding_spread_8h", "edge_10k_bps", "edge_100k_bps", "divergence_bps", "perp_spot_bps", "venues"
)  # fmt: skip


class Crossing:
    """What changes only with the catalogue, and the last answers.

    by_asset   (assets) columns, NaN where an asset has none
    on_rows    (rows) the same, on each asset's busiest row only, so that a board shows an asset once
    """

    def __init__(self, table: Table, known: Catalogue, settings: EngineSettings) -> None:
        instruments = table.instruments
        venues = sorted({i.venue for i in instruments if i is not None})
        self.known = known
        self.group: Group = group_rows(known.asset_code, known.alive)
        self.perp = np.array([i is not None and i.kind is InstrumentKind.PERP for i in instruments], bool)
        self.spot = np.array([i is not None and i.kind is InstrumentKind.SPOT for i in instruments], bool)
        self.venue = np.array([venues.index(i.venue) if i is not None else -1 for i in instruments], np.intp)
        taker = {
            m: fee_of(m, settings.fees).taker_bps / 1e4 for m in {i.market for i in instruments if i is not None}
        }
        self.spans = count_venues(self.venue, self.group)
        self.taker = np.array([taker[i.market] if i is not None else np.nan for i in instruments])
        order = {venue: float(place) for place, venue in enumerate(settings.primary)}
        self.preference = np.array([order.get(i.venue, 50.0) if i is not None else 99.0 for i in instruments])
        self.venues = venues
        self.by_asset: dict[str, F64] = {}
        self.on_rows: dict[str, F64] = {}

    def measure(self, state: State, at: At) -> None:
        """Compare everything as of now."""
        found = compare(self._quotes(state, at), self.group, SIZES)
        found["venues"] = self.spans
        lead = self._lead(at)
        n, assets = at.n, len(self.known.assets)
        self.by_asset = {name: _spread(values, self.group.asset, assets) for name, values in found.items()}
        self.on_rows = {
            name: _spread(found[name], lead, n) if name in found else np.full(n, np.nan) for name in ON_ROWS
        }
        self.on_rows["lead_lag_ms"] = state.leadlag.column(state.leadlag.lags, n)
        self.on_rows["lead_lag_error_ms"] = state.leadlag.column(state.leadlag.errors, n)
        self.by_asset["price_row"], self.by_asset["fallback"] = self._prices(state, at, assets)
        self._shares(at, "turnover", np.nan_to_num(at[DAY_TURNOVER]) * at.usd, assets)

    def pairs(self, at: At) -> list[tuple[int, int]]:
        """(busiest row, another venue's busiest row) of assets with perps on several venues, busiest first."""
        turnover = np.nan_to_num(at[DAY_TURNOVER] * at.usd)
        if not self.group.starts.size:
            return []
        ends = np.append(self.group.starts[1:], self.group.order.size)
        found: list[tuple[float, int, int]] = []
        for start, end in zip(self.group.starts.tolist(), ends.tolist(), strict=True):
            best: dict[int, int] = {}
            for row in self.group.order[start:end].tolist():
                venue = int(self.venue[row])
                if self.perp[row] and turnover[row] > turnover[best[venue]] if venue in best else self.perp[row]:
                    best[venue] = row
            leader = max(best.values(), key=lambda row: (turnover[row], -row), default=-1)
            found += [(-float(turnover[leader]), leader, row) for row in sorted(best.values()) if row != leader]
        return [(leader, row) for _, leader, row in sorted(found)]

    def _prices(self, state: State, at: At, assets: int) -> tuple[F64, F64]:
        """Per asset the row its price and candles are taken from, and whether that is a stand-in (1).

        The first venue of the operator's order that lists a perp (or else a spot pair) of the asset; while its
        stream is down, the next one whose stream is up.
        """
        up = live(state)[: at.n]
        busy = np.nan_to_num(at[DAY_TURNOVER] * at.usd)
        rank = np.where(self.perp, 2e17, np.where(self.spot, 1e17, 0.0)) + np.minimum(busy, 1e14)
        rank -= 1e15 * self.preference
        if not self.group.starts.size:
            return np.full(assets, -1.0), np.full(assets, np.nan)
        wanted = highest(rank, self.group.order, self.group.starts)[1]
        used = highest(np.where(up, rank, np.nan), self.group.order, self.group.starts)[1]
        row = np.where(used >= 0, used, wanted)
        fallback = _spread((row != wanted).astype(np.float64), self.group.asset, assets)
        return _spread(row.astype(np.float64), self.group.asset, assets, -1.0), fallback

    def _lead(self, at: At) -> NDArray[np.intp]:
        """Each group's busiest row; a perp before a spot pair of any turnover."""
        turnover = np.nan_to_num(at[DAY_TURNOVER] * at.usd) + np.where(self.perp, 1e15, 0.0)
        return (
            highest(turnover, self.group.order, self.group.starts)[1]
            if self.group.starts.size
            else self.group.starts
        )

    def _quotes(self, state: State, at: At) -> Quotes:
        n = at.n
        bid, ask = at[BID], at[ASK]
        sound = live(state)[:n] & ~state.resyncing[:n] & (bid < ask)
        usd = np.where(sound, at.usd, np.nan)
        mid = (bid + ask) * 0.5
        hours = at[FUNDING_HOURS]
        return Quotes(
            bid=bid * usd,
            ask=ask * usd,
            buy=tuple(mid * usd * (1 + at.depth(buy) / 1e4) for buy, _ in _BOOKS),
            sell=tuple(mid * usd * (1 - at.depth(sell) / 1e4) for _, sell in _BOOKS),
            taker=self.taker,
            funding_8h=8.0 * at[FUNDING] / np.where(hours > 0, hours, np.nan),
            last=at[LAST] * at.usd,
            turnover_5m=(at.total(BOUGHT, 300) + at.total(SOLD, 300)) * at.usd,
            perp=self.perp,
            spot=self.spot,
            venue=self.venue,
        )

    def _shares(self, at: At, what: str, values: F64, assets: int) -> None:
        """Each venue's share of an asset's sum, a column a venue."""
        code, alive = self.known.asset_code, self.known.alive & (self.known.asset_code >= 0)
        values = np.where(np.isnan(values), 0.0, values)
        whole = np.bincount(code[alive], values[alive], minlength=assets)
        for n, venue in enumerate(self.venues):
            mine = alive & (self.venue == n)
            part = np.bincount(code[mine], values[mine], minlength=assets)
            self.by_asset[f"{what}_share_{venue}"] = part / np.where(whole > 0, whole, np.nan)


def _spread(values: F64, places: NDArray[np.intp], size: int, missing: float = np.nan) -> F64:
    out = np.full(size, missing)
    out[places] = values
    return out
