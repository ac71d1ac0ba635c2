"""One room a venue; the tuple of them is what crosstape speaks."""

from crosstape.venues.binance import BINANCE
from crosstape.venues.bitmex import BITMEX
from crosstape.venues.bybit import BYBIT
from crosstape.venues.ccxt import CCXT
from crosstape.venues.hyperliquid import HYPERLIQUID
from crosstape.venues.okx import OKX
from crosstape.venues.push import PUSH
from crosstape.wire.venue import Venue

VENUES: tuple[Venue, ...] = (BYBIT, BINANCE, OKX, HYPERLIQUID, BITMEX)

# Venues without addresses of their own: what reaches a machine otherwise.
LOCAL: tuple[Venue, ...] = (PUSH, CCXT)
# What a machine must be able to read.
READ: tuple[Venue, ...] = (*VENUES, *LOCAL)
