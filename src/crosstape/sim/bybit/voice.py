"""Bybit's voice: its topics, commands and REST over one world, and the account that trades in it."""

from collections.abc import Collection, Iterator

from crosstape.sim.account import Account
from crosstape.sim.answer import Answer
from crosstape.sim.bybit import private
from crosstape.sim.bybit.native import CATEGORIES
from crosstape.sim.bybit.ops import reply
from crosstape.sim.bybit.rest import answer
from crosstape.sim.bybit.stream import Stream
from crosstape.sim.dialect import Ask, Key, Query, Reply, Seat
from crosstape.sim.facts import Happened
from crosstape.sim.world import World

ROOT = "/v5/public/"


class BybitVoice(Stream):
    """The topics of `Stream` with what clients say and ask."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.own = private.PrivateSide(Account(world, "bybit", "linear"))

    def seat(self, path: str, query: Query) -> Seat | None:
        """One address a category."""
        if path == "/v5/private":
            return Seat(private.CATEGORY)
        category = path.removeprefix(ROOT)
        return Seat(category) if path.startswith(ROOT) and category in CATEGORIES else None

    def known(self, key: Key) -> bool:
        """Whether the venue has this topic."""
        return key[1] in private.TOPICS if key[0] == private.CATEGORY else super().known(key)

    def open(self, key: Key) -> bytes | None:
        """Private topics show nothing first."""
        if key[0] != private.CATEGORY:
            return super().open(key)
        self.own.open.add(key[1])
        return None

    def close(self, key: Key) -> None:
        """Stops a topic nobody listens to."""
        if key[0] == private.CATEGORY:
            self.own.open.discard(key[1])
        else:
            super().close(key)

    def publish(self, happened: Happened) -> Iterator[tuple[Key, bytes]]:
        """The market's messages, then the account's."""
        yield from super().publish(happened)
        yield from self.own.publish(self.own.account.step(happened), self.world.now_ns)

    def reply(self, category: str, conn_id: str, held: Collection[str], text: bytes) -> Reply:
        """Commands as Bybit answers them."""
        if category == private.CATEGORY:
            return private.reply(conn_id, held, text, self.world.now_ns // private.MS)
        return reply(self, category, conn_id, held, text)

    def answer(self, ask: Ask) -> Answer:
        """GET only, signed where it is about the account."""
        found = self.own.answer(ask, self.world.now_ns)
        return found if found is not None else answer(self, ask.path, ask.query)
