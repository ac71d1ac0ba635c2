"""Binance's ways: what its streams are about, how it refuses and says goodbye."""

from typing import Final

from crosstape.sim.answer import Answer
from crosstape.sim.fault import Close
from crosstape.sim.manners import Manners

CHANNELS: Final = {
    "depth": "book", "bookTicker": "quote", "aggTrade": "trades", "trade": "trades", "ticker": "ticker",
    "miniTicker": "ticker", "markPrice": "mark", "forceOrder": "liquidations",
}  # fmt: skip
BUSY: Final = b'{"code":-1003,"msg":"Too many requests; current limit is exceeded."}'
BANNED: Final = b'{"code":-1003,"msg":"Way too many requests; IP banned."}'
UNKNOWN: Final = b'{"code":-1000,"msg":"An unknown error occurred while processing the request."}'
PLACE: Final = b'{"code":0,"msg":"Service unavailable from a restricted location."}'


def about(topic: str) -> tuple[str, str]:
    """<symbol>@<stream>[@speed], or !<stream>@arr about all."""
    if topic.startswith("!"):
        kind = topic[1:].partition("@")[0]
        return CHANNELS.get(kind, kind), ""
    symbol, _, stream = topic.partition("@")
    kind = stream.partition("@")[0]
    return CHANNELS.get(kind, kind), symbol.upper()


def notice(conn_id: str, ms: int) -> bytes:
    """What spot connections hear before they are dropped; nothing else of Binance's says so."""
    return b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":%d}}' % ms


MANNERS = Manners(
    about=about,
    limited=Answer(429, BUSY, {"Retry-After": "5"}),
    banned=Answer(418, BANNED, {"Retry-After": "20"}),
    busy=Answer(503, b'{"code":-1008,"msg":"Request throttled by system-level protection."}'),
    books=("/fapi/v1/depth", "/api/v3/depth"),
    bodies={403: b"<html>Forbidden</html>", 418: BANNED, 429: BUSY, 451: PLACE, 500: UNKNOWN, 503: UNKNOWN},
    notice=notice,
    closing=Close(1001, "going away"),
    by_address=True,
)
