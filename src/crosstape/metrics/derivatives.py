"""Open interest, funding, basis, liquidations."""

from __future__ import annotations

import numpy as np

from crosstape.kernels import price as prices
from crosstape.metrics.column import F64, metric
from crosstape.state.at import At
from crosstape.state.fields import (
    FUNDING,
    FUNDING_HOURS,
    INDEX,
    LAST,
    LIQ_LONG,
    LIQ_SHORT,
    LONG_SHARE,
    MARK,
    NEXT_FUNDING,
    OI,
)

ALL = ("1m", "5m", "15m", "1h", "4h", "24h")


def _reference(at: At) -> F64:
    return np.where(np.isnan(at[MARK]), at[LAST], at[MARK])


@metric("base")
def oi(at: At) -> F64:
    """Open interest, one side."""
    return at[OI].copy()


@metric("usd")
def oi_usd(at: At) -> F64:
    """Open interest at the mark price, one side."""
    return at[OI] * _reference(at) * at.usd


@metric("fraction", *ALL)
def oi_change(at: At, seconds: int) -> F64:
    """Open interest over that of a window ago, minus 1; in base units, so that price does not show as flow."""
    return prices.change(at[OI], at.oi_ago(seconds))


@metric("rate")
def funding(at: At) -> F64:
    """Rate of the venue's own interval; + = longs pay."""
    return at[FUNDING].copy()


def _hourly(at: At) -> F64:
    hours = at[FUNDING_HOURS]
    return at[FUNDING] / np.where(hours > 0, hours, np.nan)


@metric("h")
def funding_hours(at: At) -> F64:
    """Hours between two fundings."""
    return at[FUNDING_HOURS].copy()


@metric("rate")
def funding_8h(at: At) -> F64:
    """Funding for eight hours, whatever the venue's interval."""
    return _hourly(at) * 8.0


@metric("apr")
def funding_apr(at: At) -> F64:
    """Funding a year, simple: rate × 8 760 / interval hours."""
    return _hourly(at) * 8760.0


@metric("s")
def next_funding_s(at: At) -> F64:
    """Seconds to the next funding; 0 when it is due."""
    return np.maximum(at[NEXT_FUNDING] - at.ts * 1e-9, 0.0)


@metric("bps")
def basis_bps(at: At) -> F64:
    """Mark (last where there is none) over the index."""
    return prices.basis_bps(_reference(at), at[INDEX])


@metric("apr")
def basis_apr(at: At) -> F64:
    """Basis of a dated future until its expiry, simply annualised; NaN for what does not expire."""
    return prices.simple_apr(_reference(at) / at[INDEX] - 1.0, at.to_expiry_s)


@metric("ratio")
def long_short_ratio(at: At) -> F64:
    """Accounts that are long over accounts that are short, as the venue counts its own; NaN where it does not."""
    share = at[LONG_SHARE]
    return share / np.where(share < 1.0, 1.0 - share, np.nan)


@metric("quote", *ALL)
def liquidations_long(at: At, seconds: int) -> F64:
    """Value of longs closed by force."""
    return at.total(LIQ_LONG, seconds)


@metric("quote", *ALL)
def liquidations_short(at: At, seconds: int) -> F64:
    """Value of shorts closed by force."""
    return at.total(LIQ_SHORT, seconds)


@metric("usd", "5m", "1h", "24h")
def liquidations_usd(at: At, seconds: int) -> F64:
    """Value of all positions closed by force."""
    return (at.total(LIQ_LONG, seconds) + at.total(LIQ_SHORT, seconds)) * at.usd
