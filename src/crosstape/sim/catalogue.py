"""The venues that can be simulated."""

from crosstape.sim.bybit import BYBIT
from crosstape.sim.dialect import Dialect

DIALECTS: tuple[Dialect, ...] = (BYBIT,)
