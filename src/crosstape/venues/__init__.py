"""One room a venue; the tuple of them is what crosstape speaks."""

from crosstape.venues.binance import BINANCE
from crosstape.venues.bitmex import BITMEX
from crosstape.venues.bybit import BYBIT
from crosstape.venues.hyperliquid import HYPERLIQUID
from crosstape.venues.okx import OKX
from crosstape.wire.venue import Venue

VENUES: tuple[Venue, ...] = (BYBIT, BINANCE, OKX, HYPERLIQUID, BITMEX)
