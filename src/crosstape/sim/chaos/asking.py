"""Faults of requests: refused with a status, limited as the venue does, slow."""

from __future__ import annotations

from typing import Any

from crosstape.sim.answer import Answer
from crosstape.sim.chaos.act import Act
from crosstape.sim.dialect import Ask


class Refused(Act):
    """Requests below a path get a status, with the venue's own body where it has one."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        status, wait_s = self.spec.number("status"), self.spec.seconds("retry_after")
        body = self.spec.values["body"].encode() or self.site.dialect.manners.bodies.get(status, b"refused")
        headers = {"Retry-After": f"{wait_s:.0f}"} if wait_s > 0 else {}
        self.said = Answer(status, body, headers)

    def refuse(self, ask: Ask) -> Answer | None:
        """The refusal."""
        return self.said if under(self.spec.target, ask) and self.trigger.asked() else None


class Limited(Act):
    """The venue's own answer to one who asks too often; more than `patience` further requests are a ban."""

    def refuse(self, ask: Ask) -> Answer | None:
        """Limited first, banned when asked on and on."""
        if ask.method == "CONNECT" or not under(self.spec.target, ask) or not self.trigger.asked():
            return None
        manners = self.site.dialect.manners
        return manners.banned if self.trigger.hits > self.spec.number("patience") else manners.limited


class Sluggish(Act):
    """Answers come late."""

    def delay_s(self, ask: Ask) -> float:
        """As long as it is told."""
        hit = ask.method != "CONNECT" and under(self.spec.target, ask) and self.trigger.asked()
        return self.spec.seconds("seconds") if hit else 0.0


def under(target: str, ask: Ask) -> bool:
    """Whether a request is one of a target's: "*" = all of REST, "connect" = the opening of sockets, else the
    beginning of a path (or, where all is POST, the `type` in the body)."""
    if ask.method == "CONNECT":
        return target == "connect"
    return (
        target == "*"
        or ask.path.startswith(target)
        or f'"type":"{target}"'.encode() in ask.body.replace(b" ", b"")
    )
