"""The venues that can be simulated."""

from crosstape.sim.binance import BINANCE
from crosstape.sim.bybit import BYBIT
from crosstape.sim.dialect import Dialect
from crosstape.sim.hyperliquid import HYPERLIQUID
from crosstape.sim.okx import OKX, OKX_CHECKSUMS

DIALECTS: tuple[Dialect, ...] = (BYBIT, BINANCE, OKX, OKX_CHECKSUMS, HYPERLIQUID)
