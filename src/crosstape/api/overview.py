"""The market at a glance, out of one view: breadth, totals, markets, the largest assets, funding side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstape.api.lookup import Lookup
from crosstape.api.query import Filtered
from crosstape.api.tables import Record, named
from crosstape.engine.view import View
from crosstape.model.quality import Quality

WINDOWS = ("5m", "1h", "24h")
# A price within this of where it was has not moved: half a basis point.
FLAT = 5e-5
TILES, HEAT_ASSETS = 60, 24
BROKEN = int(Quality.STALE | Quality.RESYNCING | Quality.CROSSED)
F64 = NDArray[np.float64]
Rows = NDArray[np.intp]


def overview_record(view: View, lookup: Lookup) -> Record:
    """What the overview page shows. Money in dollars, changes as fractions, NaN = not known."""
    busiest = _busiest(view)
    spot = view.rows.alive & lookup.is_any("kind", ("SPOT",))
    turnover = view.columns["turnover_usd_24h"]
    total, spots = _sum(turnover[view.rows.alive]), _sum(turnover[spot])
    return {
        "markets": int(view.rows.alive.sum()),
        "active": int((view.rows.alive & (view.columns["trade_rate_5m"] > 0)).sum()),
        "assets": int(busiest.size),
        "turnover_usd_24h": total,
        "spot_turnover_usd_24h": spots,
        "derivatives_turnover_usd_24h": total - spots,
        "oi_usd": _sum(view.columns["oi_usd"][view.rows.alive]),
        "liquidations_usd_1h": _sum(view.columns["liquidations_usd_1h"][view.rows.alive]),
        "btc_turnover_share": _share(view, "BTC", total),
        "breadth": {window: _breadth(view.columns[f"change_{window}"][busiest]) for window in WINDOWS},
        "volatility": _volatility(view, busiest),
        "by_market": [_market(view, lookup, market) for market in lookup.known("market")],
        "tiles": _tiles(view),
        "funding": _funding(view, lookup),
    }


def _sum(values: F64) -> float:
    """NaN where nothing is known."""
    known = values[~np.isnan(values)]
    return float(known.sum()) if known.size else float("nan")


def _busiest(view: View) -> Rows:
    """Of each asset the row with the greatest turnover: an asset counts once, however many venues list it."""
    code = view.assets.code
    turnover = np.nan_to_num(view.columns["turnover_usd_24h"][: code.size], nan=-1.0)
    rows = np.flatnonzero(view.rows.alive[: code.size] & (code >= 0))
    rows = rows[np.lexsort((rows, -turnover[rows], code[rows]))]
    first = np.ones(rows.size, bool)
    first[1:] = code[rows[1:]] != code[rows[:-1]]
    found: Rows = rows[first]
    return found


def _share(view: View, asset: str, total: float) -> float:
    if asset not in view.assets.names or not total > 0:
        return float("nan")
    return float(view.assets.columns["turnover_usd_24h"][view.assets.names.index(asset)]) / total


def _breadth(changes: F64) -> Record:
    """How many assets rose and fell; `share` = risen of those that moved."""
    known = changes[~np.isnan(changes)]
    up, down = int((known > FLAT).sum()), int((known < -FLAT).sum())
    return {"up": up, "down": down, "flat": int(known.size - up - down),
            "share": up / (up + down) if up + down else float("nan"),
            "median": float(np.median(known)) if known.size else float("nan")}  # fmt: skip


def _volatility(view: View, rows: Rows) -> Record:
    """Volatility of the last hour now, and where it stands among its own last 24 h, the middle asset's."""
    found = {}
    for name in ("realised_vol_1h", "vol_percentile"):
        values = view.columns[name][rows]
        known = values[~np.isnan(values)]
        found[name] = float(np.median(known)) if known.size else float("nan")
    return found


def _market(view: View, lookup: Lookup, market: str) -> Record:
    rows = np.flatnonzero(view.rows.alive & named(lookup, Filtered(market=market)))
    columns = {name: view.columns[name][rows] for name in ("change_1h", "lag_ms", "coverage_1h", "spread_bps")}
    sums = {name: _sum(view.columns[name][rows]) for name in ("turnover_usd_24h", "turnover_usd_5m", "oi_usd",
                                                               "liquidations_usd_1h")}  # fmt: skip
    broken = (view.quality[rows] & np.uint32(BROKEN)) != 0
    record: Record = {"market": market, "markets": int(rows.size), "broken": int(broken.sum()), **sums}
    for name, values in columns.items():
        known = values[~np.isnan(values)]
        record[f"{name}_median"] = float(np.median(known)) if known.size else float("nan")
    return record


def _tiles(view: View) -> list[Record]:
    """The assets with the greatest turnover."""
    columns = view.assets.columns
    turnover = np.nan_to_num(columns["turnover_usd_24h"], nan=-1.0)
    order = np.lexsort((np.arange(turnover.size), -turnover))[:TILES]
    names = ("turnover_usd_24h", "change_24h", "oi_usd", "price_usd")
    return [
        {"asset": view.assets.names[i], **{name: float(columns[name][i]) for name in names}}
        for i in order.tolist()
        if turnover[i] > 0
    ]


def _funding(view: View, lookup: Lookup) -> Record:
    """Funding a year of the largest assets, by market: of several the one with the greatest turnover."""
    code = view.assets.code
    rate = view.columns["funding_apr"][: code.size]
    rows = np.flatnonzero(view.rows.alive[: code.size] & (code >= 0) & ~np.isnan(rate))
    turnover = np.nan_to_num(view.columns["turnover_usd_24h"])
    best: dict[tuple[int, str], int] = {}
    for row in rows[np.argsort(turnover[rows], kind="stable")].tolist():
        best[int(code[row]), str(lookup.words["market"][row])] = row
    size: dict[int, float] = {}
    for (asset, _), row in best.items():
        size[asset] = size.get(asset, 0.0) + float(turnover[row])
    largest = sorted(size, key=lambda asset: (-size[asset], asset))[:HEAT_ASSETS]
    markets = sorted({market for asset, market in best if asset in set(largest)})
    cells = [[_cell(view, lookup, best.get((asset, market))) for market in markets] for asset in largest]
    return {"assets": [view.assets.names[asset] for asset in largest], "markets": markets, "cells": cells}


def _cell(view: View, lookup: Lookup, row: int | None) -> Record | None:
    if row is None:
        return None
    return {"id": lookup.ids[row], "funding_apr": float(view.columns["funding_apr"][row])}
