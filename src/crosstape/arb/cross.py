"""One asset on several venues: consolidated best prices, edges after fees, spreads of funding, divergence."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from crosstape.kernels.grouped import highest, lowest, medians, sums

F64 = NDArray[np.float64]
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]


class Group(msgspec.Struct, frozen=True):
    """The rows of each asset: `order` of rows, `starts` into it, `asset` of each group (index of its name)."""

    order: Rows
    starts: Rows
    asset: Rows


class Quotes(msgspec.Struct, frozen=True):
    """What the comparison needs of every row, in dollars: (rows) each, NaN where not known or not to be trusted.

    buy, sell      average price of taking the size through the book, one array a size, before fees
    taker          taker fee as a fraction
    perp, spot     which rows are which; venue: a number each
    """

    bid: F64
    ask: F64
    buy: tuple[F64, ...]
    sell: tuple[F64, ...]
    taker: F64
    funding_8h: F64
    last: F64
    turnover_5m: F64
    perp: Mask
    spot: Mask
    venue: Rows


def group_rows(code: Rows, alive: Mask) -> Group:
    """Rows by asset; rows without an asset (code -1) or not listed are left out."""
    rows = np.flatnonzero(alive & (code >= 0))
    order = rows[np.argsort(code[rows], kind="stable")]
    changes = np.flatnonzero(np.diff(code[order], prepend=-2))
    return Group(order, changes, code[order][changes])


def compare(quotes: Quotes, group: Group, sizes: tuple[str, ...]) -> dict[str, F64]:
    """Columns by group; a name that ends in `_row` is a row, -1 = none.

    Perps are compared with perps, and with spot only for the basis: between them lies funding, not an edge.
    """
    order, starts = group.order, group.starts
    if not starts.size:
        return {}
    out: dict[str, F64] = {}
    bid, ask = _only(quotes.bid, quotes.perp), _only(quotes.ask, quotes.perp)
    for name, values, pick in (("bid_usd", bid, highest), ("ask_usd", ask, lowest)):
        best, rows = pick(values, order, starts)
        out[name], out[f"{name.removesuffix('_usd')}_row"] = best, rows.astype(np.float64)
    mid = (bid + ask) * 0.5
    for i, size in enumerate(sizes):
        _edge(out, size, quotes, i, group)
    funding = _only(quotes.funding_8h, quotes.perp)
    rates = best_pair(funding, funding, quotes.venue, group, np.subtract)
    out["funding_min_8h"], out["funding_max_8h"] = rates.low, rates.high
    out["funding_spread_8h"] = rates.high - rates.low
    out["funding_max_row"], out["funding_min_row"] = rates.high_row, rates.low_row
    centre = medians(mid, order, starts)
    spread = np.abs(mid[order] / np.repeat(centre, np.diff(np.append(starts, order.size))) - 1.0)
    widest = np.full(mid.shape, np.nan)
    widest[order] = spread * 1e4
    mids = best_pair(mid, mid, quotes.venue, group, np.subtract)
    out["divergence_bps"] = np.where(np.isnan(mids.low), np.nan, highest(widest, order, starts)[0])
    spot = medians(_only((quotes.bid + quotes.ask) * 0.5, quotes.spot), order, starts)
    out["perp_spot_bps"] = 1e4 * (centre / spot - 1.0)
    weight = sums(np.where(np.isnan(quotes.last), np.nan, quotes.turnover_5m), order, starts)
    out["vwap_usd_5m"] = sums(quotes.last * quotes.turnover_5m, order, starts) / np.where(
        weight > 0, weight, np.nan
    )
    return out


def _edge(out: dict[str, F64], size: str, quotes: Quotes, i: int, group: Group) -> None:
    """What is left, bps, of buying `size` where it is cheapest and selling it where it is dearest, after fees."""
    cost = _only(quotes.buy[i] * (1 + quotes.taker), quotes.perp)
    gain = _only(quotes.sell[i] * (1 - quotes.taker), quotes.perp)
    pair = best_pair(cost, gain, quotes.venue, group, np.divide)
    out[f"edge_{size}_bps"] = 1e4 * (pair.high / pair.low - 1.0)
    out[f"edge_{size}_buy_row"], out[f"edge_{size}_sell_row"] = pair.low_row, pair.high_row


class Pair(msgspec.Struct, frozen=True):
    """The ends of a comparison by group; NaN and -1 where no two venues can be compared."""

    low: F64
    low_row: F64
    high: F64
    high_row: F64


def best_pair(low: F64, high: F64, venue: Rows, group: Group, worth: Callable[[F64, F64], F64]) -> Pair:
    """Lowest `low` and highest `high` of each group on two different venues, the pair that is `worth` most."""
    order, starts = group.order, group.starts
    first, first_row = lowest(low, order, starts)
    last, last_row = highest(high, order, starts)
    second, second_row = lowest(_elsewhere(low, first_row, venue, group), order, starts)
    before, before_row = highest(_elsewhere(high, last_row, venue, group), order, starts)
    apart = (first_row >= 0) & (last_row >= 0) & (venue[first_row] != venue[last_row])
    # Both ends best at one venue: give up the end that costs less.
    keep_low = np.nan_to_num(worth(before, first), nan=-np.inf) >= np.nan_to_num(worth(last, second), nan=-np.inf)
    low_end = np.where(apart | keep_low, first, second)
    high_end = np.where(apart | ~keep_low, last, before)
    known = ~np.isnan(low_end + high_end)
    low_row = np.where(known, np.where(apart | keep_low, first_row, second_row), -1)
    high_row = np.where(known, np.where(apart | ~keep_low, last_row, before_row), -1)
    return Pair(
        np.where(known, low_end, np.nan), low_row.astype(np.float64),
        np.where(known, high_end, np.nan), high_row.astype(np.float64),
    )  # fmt: skip


def _elsewhere(values: F64, row: Rows, venue: Rows, group: Group) -> F64:
    """The values without those on the venue of each group's row."""
    sizes = np.diff(np.append(group.starts, group.order.size))
    out = values.copy()
    out[group.order[venue[group.order] == np.repeat(venue[row], sizes)]] = np.nan
    return out


def _only(values: F64, mask: Mask) -> F64:
    return np.where(mask, values, np.nan)


def count_venues(venue: Rows, group: Group) -> F64:
    """How many venues each group spans; `venue` = each row's, as a number below 64."""
    sizes = np.diff(np.append(group.starts, group.order.size))
    codes = np.repeat(np.arange(group.starts.size), sizes) * 64 + venue[group.order]
    first = np.unique(codes) // 64
    return np.bincount(first, minlength=group.starts.size).astype(np.float64)
