"""Bybit's ways: what its topics are about, how it refuses and says goodbye."""

from typing import Final

from crosstape.sim.answer import Answer
from crosstape.sim.fault import Close
from crosstape.sim.manners import Manners

CHANNELS: Final = {
    "orderbook": "book", "publicTrade": "trades", "tickers": "ticker", "kline": "candles",
    "allLiquidation": "liquidations",
}  # fmt: skip
FREQUENT: Final = b'{"retCode":10006,"retMsg":"access too frequent","result":{},"retExtInfo":{}}'
SYSTEM: Final = b'{"retCode":10016,"retMsg":"Internal System Error.","result":{},"retExtInfo":{}}'


def about(topic: str) -> tuple[str, str]:
    """orderbook.1 is the touch, deeper ones are books."""
    kind, _, rest = topic.partition(".")
    middle, _, symbol = rest.rpartition(".")
    return "quote" if kind == "orderbook" and middle == "1" else CHANNELS.get(kind, kind), symbol


MANNERS = Manners(
    about=about,
    limited=Answer(403, FREQUENT),
    banned=Answer(403, FREQUENT),
    busy=Answer(503, SYSTEM),
    bodies={
        403: FREQUENT,
        429: b'{"retCode":10429,"retMsg":"System level frequency protection","result":{},"retExtInfo":{}}',
        451: b'{"retCode":10024,"retMsg":"Compliance rules triggered","result":{},"retExtInfo":{}}',
        500: SYSTEM,
        503: SYSTEM,
    },
    closing=Close(1012, "service restart"),
    counted="u",
    by_address=True,
)
