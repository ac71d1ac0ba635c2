"""What rests in the book."""

from __future__ import annotations

import numpy as np

from crosstape.kernels import depth as kernel
from crosstape.kernels import price as prices
from crosstape.metrics.column import F64, Cadence, metric
from crosstape.state.at import At
from crosstape.state.fields import ASK, ASK_SIZE, BID, BID_SIZE, SPREAD_DT, SPREAD_TIME
from crosstape.state.state import ASK_10, ASK_50, BID_10, BID_50, BUY_10K, BUY_100K, SELL_10K, SELL_100K


@metric("price")
def bid(at: At) -> F64:
    """Best bid."""
    return at[BID].copy()


@metric("base")
def bid_size(at: At) -> F64:
    """Size at the best bid."""
    return at[BID_SIZE].copy()


@metric("price")
def ask(at: At) -> F64:
    """Best ask."""
    return at[ASK].copy()


@metric("base")
def ask_size(at: At) -> F64:
    """Size at the best ask."""
    return at[ASK_SIZE].copy()


@metric("bps")
def spread_bps(at: At) -> F64:
    """Spread over mid; NaN while crossed."""
    return prices.spread_bps(at[BID], at[ASK])


@metric("bps", "1m", "5m", "1h")
def spread_mean_bps(at: At, seconds: int) -> F64:
    """Time-weighted mean spread over the part of the window in which it was known."""
    known = at.total(SPREAD_DT, seconds)
    return at.total(SPREAD_TIME, seconds) / np.where(known > 0.05, known, np.nan)


@metric("quote", cadence=Cadence.SECOND)
def depth_10bps(at: At) -> F64:
    """Value resting within 10 bps of mid, both sides; NaN past the last known level."""
    return at.depth(BID_10) + at.depth(ASK_10)


@metric("quote", cadence=Cadence.SECOND)
def depth_50bps(at: At) -> F64:
    """Value resting within 50 bps of mid, both sides; NaN past the last known level."""
    return at.depth(BID_50) + at.depth(ASK_50)


@metric("ratio", cadence=Cadence.SECOND)
def imbalance_10bps(at: At) -> F64:
    """(bids - asks) / (bids + asks) within 10 bps, in [-1, 1]."""
    return kernel.imbalance(at.depth(BID_10), at.depth(ASK_10))


@metric("ratio", cadence=Cadence.SECOND)
def imbalance_50bps(at: At) -> F64:
    """(bids - asks) / (bids + asks) within 50 bps, in [-1, 1]."""
    return kernel.imbalance(at.depth(BID_50), at.depth(ASK_50))


@metric("bps", cadence=Cadence.SECOND)
def impact_10k(at: At) -> F64:
    """Mean cost against mid of buying and selling 10 000 quote through the book; NaN past its depth."""
    return (at.depth(BUY_10K) + at.depth(SELL_10K)) * 0.5


@metric("bps", cadence=Cadence.SECOND)
def impact_100k(at: At) -> F64:
    """Mean cost against mid of buying and selling 100 000 quote through the book; NaN past its depth."""
    return (at.depth(BUY_100K) + at.depth(SELL_100K)) * 0.5
