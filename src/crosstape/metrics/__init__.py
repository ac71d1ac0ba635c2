"""Every live column: a function, its unit, its windows. The tuple below is all of them."""

from crosstape.metrics import book, cross, derivatives, flow, price, trust, volatility
from crosstape.metrics.column import Column, Metric, columns_of

METRICS: tuple[Metric, ...] = (
    price.last, price.mid, price.microprice, price.mark, price.index, price.change, price.velocity,
    price.acceleration, price.high, price.low, price.from_high, price.from_low,
    flow.turnover, flow.turnover_usd, flow.volume_surge, flow.volume_surge_z, flow.cvd, flow.taker_buy_share,
    flow.trade_rate, flow.mean_trade, flow.large_share, flow.ofi,
    book.bid, book.bid_size, book.ask, book.ask_size, book.spread_bps, book.spread_mean_bps,
    book.depth_10bps, book.depth_50bps, book.imbalance_10bps, book.imbalance_50bps,
    book.impact_10k, book.impact_100k,
    derivatives.oi, derivatives.oi_usd, derivatives.oi_change, derivatives.funding,
    derivatives.funding_hours, derivatives.funding_8h, derivatives.funding_apr, derivatives.next_funding_s,
    derivatives.basis_bps, derivatives.basis_apr, derivatives.long_short_ratio,
    derivatives.liquidations_long, derivatives.liquidations_short, derivatives.liquidations_usd,
    volatility.realised_vol, volatility.parkinson, volatility.atr_pct, volatility.vol_percentile,
    cross.funding_spread_8h, cross.edge_10k_bps, cross.edge_100k_bps, cross.divergence_bps, cross.perp_spot_bps,
    cross.lead_lag_ms, cross.lead_lag_error_ms, cross.venues,
    trust.coverage, trust.age_ms, trust.lag_ms, trust.price_accuracy, trust.day_source,
    trust.listed_days,
)  # fmt: skip

COLUMNS: tuple[Column, ...] = columns_of(METRICS)

__all__ = ["COLUMNS", "METRICS", "Column", "Metric"]
