"""What a subscription names: the topic, parsed and checked, and what a topic is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from crosstape.api.codec import Head, Schema
from crosstape.api.message import Message
from crosstape.engine.view import View
from crosstape.model.event import AnyEvent, Liquidation

ENCODINGS = ("json", "columns")


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client may say. `where` filters markets and boards as REST does; `id` comes back in the answer."""

    op: Literal["subscribe", "unsubscribe", "ping", "pause", "resume"]
    topic: Annotated[str, Meta(max_length=200)] = ""
    n: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    hz: Literal[1, 2, 5, 10] = 10
    columns: Annotated[tuple[str, ...], Meta(max_length=200)] = ()
    encoding: Literal["json", "columns"] = "json"
    where: Annotated[dict[str, Annotated[str, Meta(max_length=200)]], Meta(max_length=16)] = {}
    resume: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)] | None = None
    id: Annotated[str, Meta(max_length=64)] | int | None = None


class Spec(msgspec.Struct, frozen=True):
    """Subscriptions that agree in this share a channel."""

    topic: str
    n: int
    hz: int
    columns: tuple[str, ...]
    encoding: str
    where: tuple[tuple[str, str], ...] = ()


class Grouped:
    """A view's events by row, grouped once for all topics; liquidations also together."""

    __slots__ = ("by_row", "forced")

    def __init__(self, view: View) -> None:
        self.by_row: dict[int, list[tuple[int, AnyEvent]]] = {}
        self.forced: list[tuple[int, AnyEvent]] = []
        for pair in view.events:
            self.by_row.setdefault(pair[0], []).append(pair)
            if type(pair[1]) is Liquidation:
                self.forced.append(pair)

    def of(self, row: int | None) -> Sequence[tuple[int, AnyEvent]]:
        """A row's, in order; None = all liquidations."""
        return self.forced if row is None else self.by_row.get(row, ())


class Topic(Protocol):
    """What a channel publishes. `events`: batches that were missed are lost, not replaced by newer state."""

    events: bool
    schema: Schema
    n: int

    def step(self, view: View, due: bool, grouped: Grouped) -> int:
        """Take a view; when due, close a batch: how many changes it has (0 = none)."""
        ...

    def delta(self, head: Head) -> tuple[Message, ...]:
        """The batch just closed."""
        ...

    def snapshot(self, head: Head) -> tuple[Message, ...] | None:
        """Everything as of the last closed batch; None = not known yet."""
        ...

    @property
    def books(self) -> tuple[int, ...]:
        """Rows whose books it needs."""
        ...
