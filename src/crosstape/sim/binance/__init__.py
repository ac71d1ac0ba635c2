"""Binance USD-M and spot as the simulator speaks them."""

from crosstape.sim.binance.listing import contracts
from crosstape.sim.binance.manners import MANNERS
from crosstape.sim.binance.rest import BUSY
from crosstape.sim.binance.voice import BinanceVoice
from crosstape.sim.dialect import Dialect, Quota

BINANCE = Dialect(
    name="binance",
    contracts=contracts,
    voice=BinanceVoice,
    # Weights are the limit that counts.
    requests=Quota(61_000, 300.0),
    opens=Quota(300, 300.0),
    refused=BUSY,
    manners=MANNERS,
    cuts_silent=False,
    heartbeat_s=60.0,
)
