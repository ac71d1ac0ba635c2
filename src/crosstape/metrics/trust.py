"""How far a row can be trusted."""

from __future__ import annotations

import numpy as np

from crosstape.metrics.column import F64, Cadence, metric
from crosstape.metrics.day import ENOUGH, day_coverage
from crosstape.state.at import At
from crosstape.state.fields import LAG, LIVE, RECEIVED, TICKER_ERROR

ALL = ("1m", "5m", "15m", "1h", "4h", "24h")


@metric("share", *ALL)
def coverage(at: At, seconds: int) -> F64:
    """Live seconds over window seconds, in [0, 1]."""
    return np.minimum(at.total(LIVE, seconds) / seconds, 1.0)


@metric("ms")
def age_ms(at: At) -> F64:
    """Since the row's last message; NaN when there was none."""
    received = at[RECEIVED]
    return np.where(received > 0, np.maximum(at.ts * 1e-9 - received, 0.0) * 1e3, np.nan)


@metric("ms")
def lag_ms(at: At) -> F64:
    """Our receive time minus the venue's event time, of the last streamed message; its clock against ours."""
    return at[LAG] * 1e3


@metric("fraction")
def price_accuracy(at: At) -> F64:
    """1 - |last trade / the venue's own ticker - 1| when its ticker last came; NaN until both are known."""
    return 1.0 - np.abs(at[TICKER_ERROR])


@metric("code", cadence=Cadence.SECOND)
def day_source(at: At) -> F64:
    """Whose 24 h figures are shown: 0 the venue's, 1 our own."""
    return (day_coverage(at) >= ENOUGH).astype(np.float64)


@metric("days", cadence=Cadence.SECOND)
def listed_days(at: At) -> F64:
    """Days since the listing; NaN where the venue does not say."""
    return at.listed_days
