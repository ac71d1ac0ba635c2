"""What a fault can do to a venue, and where: each kind of fault overrides what it touches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from crosstape.sim.answer import Answer
from crosstape.sim.chaos.language import Spec
from crosstape.sim.chaos.trigger import Trigger
from crosstape.sim.connection import Connection
from crosstape.sim.dialect import Ask, Dialect
from crosstape.sim.fault import Conn, Out
from crosstape.sim.world import World


class Site(Protocol):
    """The simulated venue a fault is put on."""

    dialect: Dialect
    world: World

    @property
    def connections(self) -> Mapping[int, Connection]:
        """Its clients by number."""


class Act:
    """One fault in force. What a kind does not touch goes through as it is."""

    def __init__(self, spec: Spec, site: Site) -> None:
        self.spec, self.site = spec, site
        self.trigger = Trigger(spec, lambda: site.world.now_ns)

    def out(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """What goes out in place of one message."""
        return (payload,)

    def refuse(self, ask: Ask) -> Answer | None:
        """An answer in place of the venue's own; a socket's opening is asked with the method CONNECT."""
        return None

    def answered(self, ask: Ask, answer: Answer) -> Answer:
        """What becomes of an answer of the venue."""
        return answer

    def delay_s(self, ask: Ask) -> float:
        """How many real seconds a request waits."""
        return 0.0

    def unknown(self, topic: str) -> bool:
        """Whether the venue says that it has no such topic."""
        return False

    def mutes(self, topic: str) -> bool:
        """Whether a subscription is acknowledged and never served."""
        return False

    def step(self) -> None:
        """Called after every step of the world."""

    def about(self, topic: str) -> bool:
        """Whether a topic is one of the fault's."""
        if not topic:
            return False
        channel, symbol = self.site.dialect.manners.about(topic)
        wanted = self.spec.values.get("channel", "any")
        return wanted in ("any", channel) and self.spec.target in ("*", "?", symbol)

    def mine(self, conn: Conn) -> bool:
        """Whether the message at hand is one of the fault's: by topic and by the market of its connection."""
        apart = self.site.dialect.manners.by_address
        here = not apart or conn.category.startswith(self.spec.values.get("market", ""))
        return here and self.about(conn.topic)

    def chosen(self) -> Sequence[Connection]:
        """The connections a fault of connections is about: all, those of a category, or the oldest."""
        found = list(self.site.connections.values())
        if self.spec.target == "?":
            return found[:1]
        return [c for c in found if self.spec.target == "*" or c.category.startswith(self.spec.target)]
