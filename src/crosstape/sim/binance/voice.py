"""Binance's voice: its streams, commands and REST over one world."""

from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from crosstape.sim.account import Account
from crosstape.sim.answer import Answer
from crosstape.sim.binance import private, spot
from crosstape.sim.binance.rest import answer
from crosstape.sim.binance.stream import Stream
from crosstape.sim.dialect import Ask, Key, Query, Reply, Seat
from crosstape.sim.facts import Happened
from crosstape.sim.weights import Weights
from crosstape.sim.world import World

# An address without a route is one of the spot market; futures' own were retired.
ROUTES: Final = {"public": "usdm/public", "market": "usdm/market"}


class Command(Struct):
    """A client's message."""

    method: str = ""
    params: list[str] = []
    id: Any = None


class BinanceVoice(Stream):
    """The streams of `Stream` with what clients say and ask, and the accounts that trade there, one a house."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.own = private.PrivateSide(Account(world, "binance", "usdm"))
        self.spot = spot.SpotSide(Account(world, "binance", "spot"))
        self.weights = {"usdm": Weights(2400), "spot": Weights(6000)}

    def seat(self, path: str, query: Query) -> Seat | None:
        """[/public|/market]/ws[/<stream>] sends bare messages, …/stream[?streams=a/b] puts an envelope on."""
        if (seat := self.spot.seat(path)) is not None:
            return seat
        parts = path.strip("/").split("/")
        if parts[0] == private.CATEGORY:
            return self.own.seat(query)
        route = ROUTES.get(parts[0])
        if route is not None:
            parts = parts[1:]
        if not parts or parts[0] not in ("ws", "stream"):
            return None
        raw, named = parts[0] == "ws", tuple(parts[1:])
        named += tuple(name for name in query.get("streams", "").split("/") if name)
        return Seat((route or "spot") + ("/raw" if raw else ""), named)

    def known(self, key: Key) -> bool:
        """Whether this stream will ever speak here."""
        if key[0] == spot.CATEGORY:
            return key[1] == spot.USER
        return key[1].endswith(f":{self.own.key}") if key[0] == private.CATEGORY else super().known(key)

    def open(self, key: Key) -> bytes | None:
        """Nothing is sent first."""
        if key[0] == spot.CATEGORY:
            self.spot.open = True
        elif key[0] == private.CATEGORY:
            self.own.open.add(key[1])
        else:
            return super().open(key)
        return None

    def close(self, key: Key) -> None:
        """Stops a stream nobody listens to."""
        if key[0] == spot.CATEGORY:
            self.spot.open = False
        elif key[0] == private.CATEGORY:
            self.own.open.discard(key[1])
        else:
            super().close(key)

    def publish(self, happened: Happened) -> Iterator[tuple[Key, bytes]]:
        """The market's messages, then the accounts'."""
        yield from super().publish(happened)
        yield from self.own.publish(self.own.account.step(happened), self.world.now_ns)
        yield from self.spot.publish(self.spot.account.step(happened), self.world.now_ns)

    def reply(self, category: str, conn_id: str, held: Collection[str], text: bytes) -> Reply:
        """Commands; a stream that does not exist here is acknowledged like any other."""
        if category == spot.CATEGORY:
            return self.spot.reply(held, text, self.world.now_ns // private.MS)
        try:
            command = msgspec.json.decode(text, type=Command)
        except msgspec.MsgspecError:
            return Reply((b'{"error":{"code":3,"msg":"Invalid JSON"}}',))
        if command.method == "LIST_SUBSCRIPTIONS":
            return Reply((_said(list(held), command.id),))
        if command.method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            wrong = {"error": {"code": 2, "msg": "Invalid request: unknown method"}, "id": command.id}
            return Reply((msgspec.json.encode(wrong),))
        wanted = dict.fromkeys(command.params)
        if command.method == "UNSUBSCRIBE":
            gone = tuple(name for name in wanted if name in held)
            return Reply((_said(None, command.id),), "unsubscribe", gone)
        fresh = tuple(name for name in wanted if name not in held and self.known((category, name)))
        return Reply((_said(None, command.id),), "subscribe", fresh)

    def answer(self, ask: Ask) -> Answer:
        """GET only, but for listen keys; signed where it is about the account."""
        now = self.world.now_ns
        found = self.own.answer(ask, now) or self.spot.answer(ask, now)
        return found if found is not None else answer(self, self.weights, ask.path, ask.query)


def _said(result: list[str] | None, number: Any) -> bytes:
    return msgspec.json.encode({"result": result, "id": number})
