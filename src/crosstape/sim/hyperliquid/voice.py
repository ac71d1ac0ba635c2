"""Hyperliquid's voice: subscriptions one a message, posts over the socket, POST /info."""

from collections.abc import Collection
from typing import Any

import msgspec

from crosstape.sim.answer import Answer
from crosstape.sim.dialect import Ask, Query, Reply, Seat
from crosstape.sim.hyperliquid.rest import Weights, answer
from crosstape.sim.hyperliquid.stream import Stream
from crosstape.sim.hyperliquid.topics import message
from crosstape.sim.world import World


class Request(msgspec.Struct):
    """A client's message."""

    method: str
    subscription: dict[str, Any] = {}
    id: int = 0
    request: dict[str, Any] = {}


class HyperliquidVoice(Stream):
    """The channels of `Stream` with what clients say and ask."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.weights = Weights()

    def seat(self, path: str, query: Query) -> Seat | None:
        """One address for everything."""
        return Seat("ws") if path == "/ws" else None

    def reply(self, category: str, conn_id: str, held: Collection[str], text: bytes) -> Reply:
        """Every request is answered; what is wrong with it they say as a text."""
        try:
            request = msgspec.json.decode(text, type=Request)
        except msgspec.MsgspecError:
            return _unreadable(text)
        if request.method == "ping":
            return Reply((b'{"channel":"pong"}',))
        if request.method == "post":
            return Reply((self._post(request),))
        if request.method not in ("subscribe", "unsubscribe") or "type" not in request.subscription:
            return _unreadable(text)
        return self._change(category, held, request)

    def _change(self, category: str, held: Collection[str], request: Request) -> Reply:
        topic, asked = topic_of(request.subscription), msgspec.json.encode(request.subscription).decode()
        subscribing = request.method == "subscribe"
        if not self.known((category, topic)):
            return Reply((message("error", f"Invalid subscription {asked}"),))
        if subscribing == (topic in held):
            return Reply((message("error", f"Already {request.method}d: {asked}"),))
        echoed = request.subscription
        if echoed["type"] == "l2Book":
            echoed = {"nSigFigs": None, "mantissa": None} | echoed
        said = message("subscriptionResponse", {"method": request.method, "subscription": echoed})
        return Reply((said,), "subscribe" if subscribing else "unsubscribe", (topic,))

    def _post(self, request: Request) -> bytes:
        """A read over the socket: the answer's type and what the same POST would say."""
        payload = request.request.get("payload", {})
        found = answer(self, self.weights, msgspec.json.encode(payload))
        response: dict[str, Any] = {"type": "error", "payload": found.body.decode()}
        if request.request.get("type") == "info" and found.status == 200:
            response = {"type": "info", "payload": {"type": payload["type"], "data": msgspec.Raw(found.body)}}
        return message("post", {"id": request.id, "response": response})

    def answer(self, ask: Ask) -> Answer:
        """Reads are POSTs to one path."""
        if ask.path != "/info":
            return Answer(404, b"")
        return answer(self, self.weights, ask.body) if ask.method == "POST" else Answer(405, b"")


def topic_of(subscription: dict[str, Any]) -> str:
    """Its name among ours; "" when it asks for what we do not have."""
    kind, coin = subscription["type"], subscription.get("coin", "")
    if kind == "allMids":
        return f"allMids:{subscription.get('dex') or ''}"
    if kind == "candle":
        return f"candle:{coin},{subscription.get('interval', '')}"
    if kind == "l2Book":
        if subscription.get("nSigFigs") is not None or subscription.get("mantissa") is not None:
            return ""
        kind = "l2Book.fast" if subscription.get("fast") else kind
    return f"{kind}:{coin}" if coin else str(kind)


def _unreadable(text: bytes) -> Reply:
    said = f"Error parsing JSON into valid websocket request: {text.decode('utf-8', 'replace')}"
    return Reply((message("error", said),))
