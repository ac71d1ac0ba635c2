"""Endpoints that compare one asset across venues: spreads and funding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.overview import overview_record
from crosstape.api.query import Across, Query
from crosstape.api.tables import Record, ordered, page
from crosstape.engine.view import View

SPREADS = (
    "venues", "bid_usd", "bid_row", "ask_usd", "ask_row", "edge_10k_bps", "edge_10k_buy_row", "edge_10k_sell_row",
    "edge_100k_bps", "edge_100k_buy_row", "edge_100k_sell_row", "divergence_bps", "perp_spot_bps", "vwap_usd_5m",
    "turnover_usd_24h",
)  # fmt: skip
RATES = ("funding", "funding_hours", "funding_8h", "funding_apr", "next_funding_s", "oi_usd")


def of_asset(view: View, i: int, names: tuple[str, ...] = ()) -> Record:
    """An asset's columns, all or these; a column that points at a row names its instrument."""
    record: Record = {}
    for name in names or tuple(view.assets.columns):
        values = view.assets.columns.get(name)
        value = float(values[i]) if values is not None else float("nan")
        if not name.endswith("_row"):
            record[name] = value
            continue
        instrument = view.rows.instruments[int(value)] if value >= 0 else None
        record[name.removesuffix("_row")] = instrument.id if instrument is not None else None
    return record


def _picked(context: Context, query: Across) -> NDArray[np.intp]:
    """Assets of a page: on enough venues, matching the search, in order."""
    known = context.view.assets
    words = query.q.lower().split()
    venues = known.columns.get("venues", np.zeros(len(known.names)))
    fit = [i for i, name in enumerate(known.names) if all(w in name.lower() for w in words)]
    rows = np.array([i for i in fit if venues[i] >= query.min_venues], np.intp)
    return ordered(rows, query.sort, known.columns, {"asset": known.names})


async def overview(context: Context, ask: Ask[Query]) -> Answer:
    """The market at a glance: breadth, totals, every market, the largest assets, funding side by side."""
    return context.json(overview_record(context.view, context.lookup))


async def spreads(context: Context, ask: Ask[Across]) -> Answer:
    """Consolidated best prices of an asset's perps, edges for a size after fees, divergence, perp over spot."""
    query, known = ask.query, context.view.assets
    rows = _picked(context, query)
    shown = page(rows, query.limit, query.offset, context.settings.max_page, context.settings.page)
    found: list[Record] = [{"asset": known.names[i], **of_asset(context.view, i, SPREADS)} for i in shown.tolist()]
    fields = ("asset", *(name.removesuffix("_row") for name in SPREADS))
    return context.table(query, found, fields, total=rows.size, offset=query.offset)


async def funding(context: Context, ask: Ask[Across]) -> Answer:
    """Funding of every perp of an asset, made comparable; `funding_spread_8h` is highest minus lowest."""
    query, view = ask.query, context.view
    rows = _picked(context, query)
    shown = page(rows, query.limit, query.offset, context.settings.max_page, context.settings.page)
    found: list[Record] = []
    for i in shown.tolist():
        ends = of_asset(view, i, ("funding_spread_8h", "funding_max_row", "funding_min_row"))
        for row in _perps(view, i):
            instrument = view.rows.instruments[row]
            assert instrument is not None
            rates = {name: float(view.columns[name][row]) for name in RATES}
            found.append({"asset": view.assets.names[i], "id": instrument.id, **rates, **ends})
    fields = ("asset", "id", *RATES, "funding_spread_8h", "funding_max", "funding_min")
    return context.table(query, found, fields, total=rows.size, offset=query.offset)


def _perps(view: View, asset: int) -> list[int]:
    """Rows of the asset that have funding, highest per eight hours first."""
    code = view.assets.code
    rate = view.columns["funding_8h"][: code.size]
    rows = np.flatnonzero(view.rows.alive[: code.size] & (code == asset) & ~np.isnan(rate))
    return [int(row) for row in rows[np.argsort(-rate[rows], kind="stable")]]
