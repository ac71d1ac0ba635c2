"""Trading fees by market and tier: the published entry tiers, to be replaced by one's own in the configuration."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Fee(msgspec.Struct, frozen=True):
    """Maker and taker fee, bps of notional; `source` = where the figure is from."""

    market: str = ""
    tier: str = "own"
    maker_bps: Annotated[float, msgspec.Meta(ge=-100, le=1000)] = 0.0
    taker_bps: Annotated[float, msgspec.Meta(ge=-100, le=1000)] = 0.0
    source: str = "configuration"


_PUBLISHED = "the venue's published schedule as known in 2025, entry tier without discounts; check your own"

FEES: tuple[Fee, ...] = (
    Fee("bybit-linear", "VIP 0", 2.0, 5.5, _PUBLISHED),
    Fee("bybit-inverse", "VIP 0", 2.0, 5.5, _PUBLISHED),
    Fee("bybit-spot", "VIP 0", 10.0, 10.0, _PUBLISHED),
    Fee("binance-usdm", "Regular", 2.0, 5.0, _PUBLISHED),
    Fee("binance-coinm", "Regular", 2.0, 5.0, _PUBLISHED),
    Fee("binance-spot", "Regular", 10.0, 10.0, _PUBLISHED),
    Fee("okx-swap", "Regular", 2.0, 5.0, _PUBLISHED),
    Fee("okx-futures", "Regular", 2.0, 5.0, _PUBLISHED),
    Fee("okx-spot", "Regular", 8.0, 10.0, _PUBLISHED),
    Fee("hyperliquid", "Tier 0", 1.5, 4.5, _PUBLISHED),
    Fee("hyperliquid-spot", "Tier 0", 4.0, 7.0, _PUBLISHED),
)
UNKNOWN = Fee("", "unknown", 10.0, 10.0, "no schedule known for this market: 10 bps assumed")


def fee_of(market: str, own: dict[str, Fee]) -> Fee:
    """The operator's fee for a market, else the published one, else a stated assumption."""
    if market in own:
        return own[market]
    return next((fee for fee in FEES if fee.market == market), UNKNOWN)
