"""One asset against itself on other venues; on the asset's busiest row only."""

from __future__ import annotations

from crosstape.metrics.column import F64, Cadence, metric
from crosstape.state.at import At


@metric("rate", cadence=Cadence.SECOND)
def funding_spread_8h(at: At) -> F64:
    """Highest minus lowest funding per eight hours over the asset's perps."""
    return at.cross("funding_spread_8h")


@metric("bps", cadence=Cadence.SECOND)
def edge_10k_bps(at: At) -> F64:
    """Buying 10 000 of the cheapest of the asset's perps, selling the dearest: through depth, after fees."""
    return at.cross("edge_10k_bps")


@metric("bps", cadence=Cadence.SECOND)
def edge_100k_bps(at: At) -> F64:
    """The same for 100 000."""
    return at.cross("edge_100k_bps")


@metric("bps", cadence=Cadence.SECOND)
def divergence_bps(at: At) -> F64:
    """Farthest mid of the asset's perps from their median, in dollars."""
    return at.cross("divergence_bps")


@metric("bps", cadence=Cadence.SECOND)
def perp_spot_bps(at: At) -> F64:
    """Median perp over median spot of the asset, in dollars."""
    return at.cross("perp_spot_bps")


@metric("ms", cadence=Cadence.SECOND)
def lead_lag_ms(at: At) -> F64:
    """By how much the asset's busiest perp moves before this one, + = it leads; of five minutes of 100 ms mids."""
    return at.cross("lead_lag_ms")


@metric("ms", cadence=Cadence.SECOND)
def lead_lag_error_ms(at: At) -> F64:
    """Standard error of the lead, from six stretches of those five minutes."""
    return at.cross("lead_lag_error_ms")


@metric("count", cadence=Cadence.SECOND)
def venues(at: At) -> F64:
    """Venues that list the asset."""
    return at.cross("venues")
