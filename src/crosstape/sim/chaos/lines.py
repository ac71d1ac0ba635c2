"""Faults of connections: half-open, dripping, cut, short-lived, closed for maintenance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crosstape.sim.answer import Answer
from crosstape.sim.chaos.act import Act
from crosstape.sim.dialect import Ask
from crosstape.sim.fault import Close, Conn, Drip, Out

SECOND = 1_000_000_000


class HalfOpen(Act):
    """The other end is gone and TCP does not know: nothing arrives, pongs neither, nothing is read, no FIN."""

    def step(self) -> None:
        """Takes the connections that are there when it begins; they stay so until the client gives up."""
        if self.trigger.begins():
            for connection in self.chosen():
                connection.die()


class Slow(Act):
    """Bytes come so slowly that a message takes seconds."""

    def out(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """The same bytes, drop by drop."""
        near = self.spec.target in ("*", "?") or conn.category.startswith(self.spec.target)
        if not near or not self.trigger.strikes(conn, payload):
            return (payload,)
        return (Drip(payload, self.spec.number("bytes_per_s")),)


class Cut(Act):
    """Connections end, with a code or (1006) without a word."""

    def step(self) -> None:
        """All at once."""
        if self.trigger.begins():
            for connection in self.chosen():
                connection.cut(Close(self.spec.number("code"), "fault"))


class Lifetime(Act):
    """A connection lives so long and no longer."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.most_ns = int(self.spec.seconds("seconds") * SECOND)

    def step(self) -> None:
        """Cuts the old ones."""
        if self.trigger.turn < 0:
            return
        born = self.site.world.now_ns - self.most_ns
        for connection in self.chosen():
            if connection.opened_ns <= born and not connection.leaving:
                self.trigger.hits += 1
                connection.cut(Close(self.spec.number("code"), "lifetime"))


class Maintenance(Act):
    """The venue's own notice, then its own close; it takes nobody and answers nothing until it is over."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.notice_ns = int(self.spec.seconds("notice") * SECOND)
        self.close_ns = 0

    def step(self) -> None:
        """Notice at the beginning, close when its time is up."""
        now, manners = self.site.world.now_ns, self.site.dialect.manners
        if self.trigger.begins():
            self.close_ns = now + self.notice_ns
            for connection in self.chosen():
                if said := manners.notice(connection.id, now // 1_000_000):
                    connection.send(said)
        if self.close_ns and now >= self.close_ns:
            self.close_ns = 0
            for connection in self.chosen():
                connection.cut(manners.closing)

    def refuse(self, ask: Ask) -> Answer | None:
        """REST and new sockets alike, between the close and the end."""
        down = self.trigger.turn >= 0 and not self.close_ns
        return self.site.dialect.manners.busy if down else None
