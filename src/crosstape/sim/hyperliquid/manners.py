"""Hyperliquid's ways: what its channels are about, how it refuses; it says no goodbye."""

from typing import Final

from crosstape.sim.answer import Answer
from crosstape.sim.fault import Close
from crosstape.sim.manners import Manners

CHANNELS: Final = {
    "l2Book": "book", "l2Book.fast": "book", "bbo": "quote", "activeAssetCtx": "ticker", "candle": "candles",
    "allMids": "ticker", "allDexsAssetCtxs": "ticker",
}  # fmt: skip


def about(topic: str) -> tuple[str, str]:
    """<type>:<coin>[,interval]; of what is about all coins nothing, or a dex, stands behind the colon."""
    kind, _, rest = topic.partition(":")
    symbol = "" if kind.startswith("all") else rest.partition(",")[0]
    return CHANNELS.get(kind, kind), symbol


MANNERS = Manners(
    about=about,
    limited=Answer(429, b"null"),
    banned=Answer(429, b"null"),
    busy=Answer(502, b"<html>502 Bad Gateway</html>"),
    bodies={429: b"null", 500: b"null"},
    closing=Close(1006),
)
