"""What the server needs of a venue to speak for it: a declaration, and its voice over one world."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from crosstape.sim.answer import Answer
from crosstape.sim.assets import Asset
from crosstape.sim.facts import Happened
from crosstape.sim.listing import Contract
from crosstape.sim.manners import Manners
from crosstape.sim.world import World

Key = tuple[str, str]
Query = Mapping[str, str]
F64 = npt.NDArray[np.float64]


class Reply(Struct, frozen=True):
    """What a venue says to one message of a client, in order, and what it changes."""

    payloads: tuple[bytes, ...] = ()
    change: Literal["", "subscribe", "unsubscribe"] = ""
    topics: tuple[str, ...] = ()


class Ask(Struct, frozen=True):
    """A REST request; `raw` is the query as it was written, which is what a client signs."""

    method: str
    path: str
    query: Query
    body: bytes = b""
    headers: Query = {}
    raw: str = ""


class Seat(Struct, frozen=True):
    """Where a socket's address puts a client: a category, and topics that the address itself subscribes to."""

    category: str
    topics: tuple[str, ...] = ()


class Quota(Struct, frozen=True):
    """So many in a sliding window of simulated time."""

    count: int
    window_s: float


class Voice(Protocol):
    """A venue over one world. A key is (category, topic); each topic is rendered once, whoever listens.

    `refuses` tells which topics are not known although they could be: a fault may say so while it runs.
    """

    refuses: Callable[[str], bool]

    def seat(self, path: str, query: Query) -> Seat | None:
        """Where a socket with this address sits; None = there is no such address."""

    def known(self, key: Key) -> bool:
        """Whether the venue has this topic."""

    def open(self, key: Key) -> bytes | None:
        """Starts a known topic if it is not running; the bytes a new subscriber gets first, if any."""

    def close(self, key: Key) -> None:
        """Stops a topic nobody listens to."""

    def publish(self, happened: Happened) -> Iterator[tuple[Key, bytes]]:
        """Every message that one step of the world gives rise to, in order."""

    def load(self) -> F64:
        """(3, rows of the world): how many book, trade and ticker topics each row has."""

    def reply(self, category: str, conn_id: str, held: Collection[str], text: bytes) -> Reply:
        """Answers one message of a client; every topic it subscribes to is known and not held."""

    def answer(self, ask: Ask) -> Answer:
        """Any REST request."""


class Dialect(Struct, frozen=True):
    """A venue that can be simulated.

    contracts    (assets, start ns) -> what it lists
    voice        a fresh voice over a world that holds those contracts
    requests     REST requests it takes, per client; more are answered by `refused` until the ban is over
    opens        connections it takes
    cuts_silent  a client that says nothing for `SimSettings.idle_s` is cut (pings are text)
    heartbeat_s  the venue's own protocol pings; a client that does not answer is cut. 0 = none
    manners      how it refuses and says goodbye
    """

    name: str
    contracts: Callable[[tuple[Asset, ...], int], Sequence[Contract]]
    voice: Callable[[World], Voice]
    requests: Quota
    opens: Quota
    refused: Answer
    manners: Manners
    cuts_silent: bool = True
    heartbeat_s: float = 0.0

    @property
    def sells(self) -> str:
        """The label of its contracts: variants of a venue list the same."""
        return self.name.partition("-")[0]
