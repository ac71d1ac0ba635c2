"""Hyperliquid as the simulator speaks it: POST /info, and a socket that takes one subscription a message."""

from crosstape.sim.answer import Answer
from crosstape.sim.dialect import Dialect, Quota
from crosstape.sim.hyperliquid.listing import contracts
from crosstape.sim.hyperliquid.manners import MANNERS
from crosstape.sim.hyperliquid.voice import HyperliquidVoice

# What requests weigh is counted by the voice; nobody gets more than this past it.
HYPERLIQUID = Dialect(
    name="hyperliquid",
    contracts=contracts,
    voice=HyperliquidVoice,
    requests=Quota(1200, 60.0),
    opens=Quota(30, 60.0),
    refused=Answer(429, b"null"),
    manners=MANNERS,
)
