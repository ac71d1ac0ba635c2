"""Bybit v5 as the simulator speaks it."""

from crosstape.sim.answer import Answer
from crosstape.sim.bybit.listing import contracts
from crosstape.sim.bybit.manners import MANNERS
from crosstape.sim.bybit.voice import BybitVoice
from crosstape.sim.dialect import Dialect, Quota

BYBIT = Dialect(
    name="bybit",
    contracts=contracts,
    voice=BybitVoice,
    requests=Quota(600, 5.0),
    opens=Quota(500, 300.0),
    refused=Answer(403, b'{"retCode":10006,"retMsg":"access too frequent","result":{},"retExtInfo":{}}'),
    manners=MANNERS,
)
