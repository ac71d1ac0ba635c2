"""The faults in force at one venue: put on and taken off while it runs, and asked by it at every turn."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from msgspec import Struct

from crosstape.model.errors import ConfigError
from crosstape.sim.answer import Answer
from crosstape.sim.chaos.act import Act, Site
from crosstape.sim.chaos.fitting import check, listed_at
from crosstape.sim.chaos.kinds import BY_NAME
from crosstape.sim.chaos.language import parse
from crosstape.sim.dialect import Ask
from crosstape.sim.fault import Fault


class InForce(Struct, frozen=True):
    """One fault as the control endpoint shows it; `hits`: how often it struck so far."""

    id: int
    fault: str
    hits: int
    state: str


class Lab:
    """Adds, lists and removes faults; everything else is asked by the server."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.acts: dict[int, Act] = {}
        self._ids = count(1)

    def add(self, text: str) -> int:
        """Put a fault in force, its time counted from now; its id. ConfigError names what is wrong."""
        spec = parse(text, BY_NAME)
        check(spec, BY_NAME[spec.kind], self.site)
        number = next(self._ids)
        self.acts[number] = BY_NAME[spec.kind].act(spec, self.site)
        return number

    def remove(self, number: int) -> bool:
        """Take one off; False = there is none of this id."""
        return self.acts.pop(number, None) is not None

    def clear(self) -> None:
        """Take all off."""
        self.acts.clear()

    def listed(self) -> list[InForce]:
        """All of them, oldest first."""
        return [InForce(number, act.spec.text, act.trigger.hits, _state(act)) for number, act in self.acts.items()]

    def faults(self, also: Iterable[Fault]) -> Iterable[Fault]:
        """What a message goes through on its way out, after the faults given as code."""
        return (*also, *(act.out for act in tuple(self.acts.values())))

    def refused(self, ask: Ask) -> Answer | None:
        """The first fault's answer in place of the venue's."""
        return next((a for act in tuple(self.acts.values()) if (a := act.refuse(ask)) is not None), None)

    def answered(self, ask: Ask, answer: Answer) -> Answer:
        """The venue's answer after every fault."""
        for act in tuple(self.acts.values()):
            answer = act.answered(ask, answer)
        return answer

    def delay_s(self, ask: Ask) -> float:
        """Real seconds a request waits."""
        return sum(act.delay_s(ask) for act in tuple(self.acts.values()))

    def unknown(self, topic: str) -> bool:
        """Whether a topic is refused."""
        return any(act.unknown(topic) for act in self.acts.values())

    def heard(self, topics: Iterable[str]) -> list[str]:
        """Of topics that were acknowledged those that will be served."""
        return [topic for topic in topics if not any(act.mutes(topic) for act in self.acts.values())]

    def step(self) -> None:
        """After every step of the world."""
        for act in tuple(self.acts.values()):
            act.step()

    def symbols(self, market: str = "") -> set[str]:
        """Every instrument the venue lists now."""
        return listed_at(self.site, market)


def _state(act: Act) -> str:
    if act.trigger.over:
        return "over"
    return "active" if act.trigger.turn >= 0 else "waiting"


def put_on(labs: Iterable[Lab], text: str) -> int:
    """Put a fault on every venue that has its target; how many took it. ConfigError when none did, the first's."""
    taken, wrong = 0, None
    for lab in labs:
        try:
            lab.add(text)
            taken += 1
        except ConfigError as error:
            wrong = wrong or error
    if wrong is not None and not taken:
        raise wrong
    return taken
