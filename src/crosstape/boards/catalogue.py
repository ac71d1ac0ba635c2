"""The built-in boards, top to bottom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstape.boards.board import Board
from crosstape.metrics import book, cross, derivatives, flow, price, trust, volatility
from crosstape.model.quality import Quality

F64 = NDArray[np.float64]
LIQUID = 1_000_000.0
# What compares books of several venues is wrong if one of them is.
SOUND = Quality.STALE | Quality.RESYNCING | Quality.CROSSED | Quality.SKEWED


def away_from_half(share: F64) -> F64:
    """How one-sided a share is: 0 balanced, 0.5 all one way."""
    return np.abs(share - 0.5)


BOARDS: tuple[Board, ...] = (
    Board("gainers_5m", "Gainers, 5 min", price.change["5m"], min_turnover_usd=LIQUID),
    Board("losers_5m", "Losers, 5 min", price.change["5m"], ascending=True, min_turnover_usd=LIQUID),
    Board("gainers_1h", "Gainers, 1 h", price.change["1h"], min_turnover_usd=LIQUID),
    Board("losers_1h", "Losers, 1 h", price.change["1h"], ascending=True, min_turnover_usd=LIQUID),
    Board("gainers_24h", "Gainers, 24 h", price.change["24h"], min_turnover_usd=LIQUID),
    Board("losers_24h", "Losers, 24 h", price.change["24h"], ascending=True, min_turnover_usd=LIQUID),
    Board("turnover_24h", "Turnover, 24 h", flow.turnover_usd["24h"]),
    Board("turnover_5m", "Turnover, 5 min", flow.turnover_usd["5m"]),
    Board("volume_surge", "Volume surge, 5 min", flow.volume_surge["5m"], min_turnover_usd=LIQUID),
    Board("velocity_up", "Fastest up, 1 min", price.velocity["1m"], min_turnover_usd=LIQUID),
    Board("velocity_down", "Fastest down, 1 min", price.velocity["1m"], ascending=True, min_turnover_usd=LIQUID),
    Board("cvd_up", "Net taker buying, 5 min", flow.cvd["5m"]),
    Board("cvd_down", "Net taker selling, 5 min", flow.cvd["5m"], ascending=True),
    Board("one_sided", "Takers one-sided, 1 h", flow.taker_buy_share["1h"], key=away_from_half,
          min_turnover_usd=LIQUID),
    Board("large_trades", "Share of large trades, 1 h", flow.large_share["1h"], min_turnover_usd=LIQUID),
    Board("oi_up", "Open interest up, 1 h", derivatives.oi_change["1h"], min_turnover_usd=LIQUID),
    Board("oi_down", "Open interest down, 1 h", derivatives.oi_change["1h"], ascending=True,
          min_turnover_usd=LIQUID),
    Board("oi_largest", "Largest open interest", derivatives.oi_usd.column),
    Board("funding_highest", "Highest funding, APR", derivatives.funding_apr.column),
    Board("funding_lowest", "Lowest funding, APR", derivatives.funding_apr.column, ascending=True),
    Board("basis_highest", "Highest basis", derivatives.basis_bps.column),
    Board("basis_lowest", "Lowest basis", derivatives.basis_bps.column, ascending=True),
    Board("spread_tightest", "Tightest spread, 1 min mean", book.spread_mean_bps["1m"], ascending=True),
    Board("spread_widest", "Widest spread, 1 min mean", book.spread_mean_bps["1m"], min_turnover_usd=LIQUID),
    Board("deepest", "Deepest within 10 bps", book.depth_10bps.column),
    Board("imbalance_bid", "Book leans to bids, 10 bps", book.imbalance_10bps.column, min_turnover_usd=LIQUID),
    Board("imbalance_ask", "Book leans to asks, 10 bps", book.imbalance_10bps.column, ascending=True,
          min_turnover_usd=LIQUID),
    Board("volatile", "Most volatile, 1 h", volatility.realised_vol["1h"], min_turnover_usd=LIQUID),
    Board("liquidations_1h", "Liquidations, 1 h", derivatives.liquidations_usd["1h"]),
    Board("funding_spread", "Funding spread across venues, 8 h", cross.funding_spread_8h.column,
          beside=("venues", "funding_8h", "turnover_usd_24h")),
    Board("cross_edge", "Edge across venues for 10 000, after fees", cross.edge_10k_bps.column, refuse=SOUND,
          beside=("edge_100k_bps", "venues", "turnover_usd_24h")),
    Board("divergence", "Price divergence across venues", cross.divergence_bps.column, refuse=SOUND,
          beside=("venues", "last", "turnover_usd_24h")),
    Board("perp_over_spot", "Perp over spot", cross.perp_spot_bps.column, refuse=SOUND),
    Board("newest", "Newest listings", trust.listed_days.column, ascending=True, refuse=Quality(0)),
    Board("worst_quality", "Worst coverage, 1 h", trust.coverage["1h"], ascending=True, refuse=Quality(0),
          beside=("age_ms", "lag_ms", "turnover_usd_24h")),
)  # fmt: skip
