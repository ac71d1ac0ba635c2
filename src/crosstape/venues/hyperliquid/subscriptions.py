"""Hyperliquid's subscriptions: topics to their objects and back, answers, and what an instrument needs.

A topic is "<type>:<coin>", "l2Book.fast:<coin>" the best five levels. Answers echo the subscription but no id of
ours, and come in the order of the requests.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crosstape.model.instrument import Instrument
from crosstape.wire.venue import Ack

CONTEXTS = "allDexsAssetCtxs"
_FAST = ".fast"


class _Said(msgspec.Struct):
    channel: str
    data: msgspec.Raw = msgspec.Raw(b"null")


_said = msgspec.json.Decoder(_Said)
_texts = msgspec.json.Decoder(str)


def subscription(topic: str) -> dict[str, str | bool]:
    """Their object for a topic.

    >>> subscription("trades:xyz:TSLA")
    {'type': 'trades', 'coin': 'xyz:TSLA'}
    >>> subscription("l2Book.fast:BTC"), subscription("allDexsAssetCtxs")
    ({'type': 'l2Book', 'coin': 'BTC', 'fast': True}, {'type': 'allDexsAssetCtxs'})
    """
    kind, _, coin = topic.partition(":")
    named: dict[str, str | bool] = {"type": kind.removesuffix(_FAST)}
    if coin:
        named["coin"] = coin
    if kind.endswith(_FAST):
        named["fast"] = True
    return named


def subscribe(topics: Sequence[str], request_id: str, method: str = "subscribe") -> bytes:
    """The message that asks for a topic; they take one a message."""
    (topic,) = topics
    return msgspec.json.encode({"method": method, "subscription": subscription(topic)})


def ack(payload: bytes) -> Ack | None:
    """Their answer to a request, or None."""
    if payload[:12] != b'{"channel":"' or payload[12:20] not in (b"subscrip", b'error","'):
        return None
    try:
        said = _said.decode(payload)
        if said.channel == "subscriptionResponse":
            return Ack(True, "")
        text = _texts.decode(said.data)
    except msgspec.MsgspecError:
        return None
    if '"post"' in text or '"ping"' in text:
        return None
    # Asked twice, or dropped twice: it is as we want it.
    return Ack(text.startswith(("Already subscribed", "Already unsubscribed")), "", text)


def topics(instrument: Instrument, tier: str) -> tuple[str, ...]:
    """A: everything with both books, 4; B: best bid and offer and trades, 2; C: what comes for all at once.

    The quote is before the trades: its time tells which of the first trades are of the past.
    """
    if tier == "C":
        return ()
    return (*book_topics(instrument, tier), f"bbo:{instrument.native}", f"trades:{instrument.native}")


def book_topics(instrument: Instrument, tier: str) -> tuple[str, ...]:
    """The topics whose fresh subscription brings a fresh book."""
    return (f"l2Book:{instrument.native}", f"l2Book{_FAST}:{instrument.native}") if tier == "A" else ()
