"""OKX's ways: what its channels are about, how it refuses and says goodbye."""

from typing import Final

from crosstape.sim.answer import Answer
from crosstape.sim.fault import Close
from crosstape.sim.manners import Manners
from crosstape.sim.okx.voice import notice

CHANNELS: Final = {
    "books": "book", "bbo-tbt": "quote", "tickers": "ticker", "mark-price": "mark", "index-tickers": "index",
    "funding-rate": "funding", "open-interest": "interest", "liquidation-orders": "liquidations",
}  # fmt: skip
FREQUENT: Final = b'{"code":"50011","msg":"Too Many Requests","data":[]}'
CLOSED: Final = b'{"code":"50001","msg":"Service temporarily unavailable. Try again later.","data":[]}'


def about(topic: str) -> tuple[str, str]:
    """<channel>:<instrument>, or of liquidations a whole line."""
    channel, _, symbol = topic.partition(":")
    return CHANNELS.get(channel, channel), "" if channel == "liquidation-orders" else symbol


def ahead(conn_id: str, ms: int) -> bytes:
    """64008: the connection will soon be closed."""
    return notice(conn_id)


MANNERS = Manners(
    about=about,
    limited=Answer(429, FREQUENT),
    banned=Answer(403, b"error code: 1015"),
    busy=Answer(503, CLOSED),
    bodies={
        403: b"error code: 1015",
        429: FREQUENT,
        451: b'{"code":"50119","msg":"API key doesn\'t exist","data":[]}',
        500: b'{"code":"50026","msg":"System error. Try again later.","data":[]}',
        503: CLOSED,
    },
    notice=ahead,
    closing=Close(4004, "service upgrade"),
)
