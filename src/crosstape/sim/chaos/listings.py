"""Faults of the market itself: an instrument goes, a new one comes."""

from __future__ import annotations

from typing import Any

import msgspec

from crosstape.model.errors import ConfigError
from crosstape.sim.chaos.act import Act
from crosstape.sim.listing import Contract


def rows_of(act: Act, symbol: str) -> list[int]:
    """The venue's living rows of that name, in the fault's market."""
    rows, market = act.site.world.rows, act.spec.values.get("market", "")
    own = act.site.dialect.sells
    return [
        row
        for row, c in enumerate(rows.contracts)
        if c.venue == own and c.symbol == symbol and rows.alive[row] and c.market.startswith(market)
    ]


class Delist(Act):
    """An instrument is traded no more: its topics fall silent and the catalogue forgets it."""

    def step(self) -> None:
        """Once."""
        if self.trigger.begins():
            for row in rows_of(self, self.spec.target):
                self.site.world.delist(row)


class List(Act):
    """A new instrument, made after one that is there."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        like, name = self.spec.values["like"], self.spec.target
        found = rows_of(self, like)
        if not found:
            raise ConfigError(f"fault {self.spec.text!r}: like={like!r} is not listed at {self.site.dialect.name}")
        self.model: Contract = self.site.world.rows.contracts[found[0]]
        rest = like.removeprefix(self.model.base)
        if rest == like or not name.endswith(rest) or name == rest:
            raise ConfigError(f"fault {self.spec.text!r}: a name like {like!r} ends with {rest!r}")
        self.base = name.removesuffix(rest) if rest else name

    def step(self) -> None:
        """Once."""
        if self.trigger.begins() and not rows_of(self, self.spec.target):
            now = self.site.world.now_ns
            fresh = msgspec.structs.replace(self.model, symbol=self.spec.target, base=self.base, launch_ns=now)
            self.site.world.list(fresh)
