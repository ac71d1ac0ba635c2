"""Who trades, how much, and which way."""

from __future__ import annotations

import numpy as np

from crosstape.kernels import flow as kernel
from crosstape.metrics.column import F64, metric
from crosstape.metrics.day import day_or_own
from crosstape.state.at import At
from crosstape.state.fields import BOUGHT, DAY_TURNOVER, LARGE, OFI, SOLD, TRADES

ALL = ("1m", "5m", "15m", "1h", "4h", "24h")


def _traded(at: At, seconds: int) -> F64:
    return at.total(BOUGHT, seconds) + at.total(SOLD, seconds)


@metric("quote", *ALL)
def turnover(at: At, seconds: int) -> F64:
    """Value traded in the window. 24 h: the venue's figure until coverage is 99 %."""
    own = _traded(at, seconds)
    return day_or_own(at, own, at[DAY_TURNOVER]) if seconds == 86400 else own


@metric("usd", *ALL)
def turnover_usd(at: At, seconds: int) -> F64:
    """Turnover in US dollars at the tape's own rates; NaN where the quote currency has none."""
    return turnover.function(at, seconds) * at.usd


@metric("ratio", "1m", "5m", "15m", "1h")
def volume_surge(at: At, seconds: int) -> F64:
    """Turnover of the window over the median of the 20 windows before it."""
    return kernel.surge(_traded(at, seconds), at.usual_turnover(seconds)[0])


@metric("z", "1m", "5m", "15m", "1h")
def volume_surge_z(at: At, seconds: int) -> F64:
    """Robust z-score of the log turnover against the 20 windows before it."""
    return kernel.surge_z(_traded(at, seconds), *at.usual_turnover(seconds))


@metric("quote", *ALL)
def cvd(at: At, seconds: int) -> F64:
    """Cumulative volume delta: taker buys minus taker sells."""
    return at.total(BOUGHT, seconds) - at.total(SOLD, seconds)


@metric("share", *ALL)
def taker_buy_share(at: At, seconds: int) -> F64:
    """Share of the turnover that takers bought, in [0, 1]; NaN where nothing traded."""
    return kernel.share(at.total(BOUGHT, seconds), at.total(SOLD, seconds))


@metric("1/s", *ALL)
def trade_rate(at: At, seconds: int) -> F64:
    """Trades a second."""
    return at.total(TRADES, seconds) / seconds


@metric("quote", "5m", "1h", "24h")
def mean_trade(at: At, seconds: int) -> F64:
    """Mean value of a trade; NaN where nothing traded."""
    trades = at.total(TRADES, seconds)
    return _traded(at, seconds) / np.where(trades > 0.5, trades, np.nan)


@metric("share", "5m", "1h", "24h")
def large_share(at: At, seconds: int) -> F64:
    """Share of turnover in trades of at least ten times the last hour's mean; [0, 1]."""
    traded = _traded(at, seconds)
    return np.clip(at.total(LARGE, seconds) / np.where(traded > 0, traded, np.nan), 0.0, 1.0)


@metric("quote", "1m", "5m", "15m", "1h")
def ofi(at: At, seconds: int) -> F64:
    """Order flow imbalance of the best level (Cont, Kukanov, Stoikov 2014); + = buying pressure."""
    return at.total(OFI, seconds)
