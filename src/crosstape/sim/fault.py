"""Faults between a venue and its clients: what happens to outgoing bytes and to REST answers, as values."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from msgspec import Struct, field

from crosstape.sim.answer import Answer


class Close(Struct, frozen=True):
    """The connection ends with this code; 1006 means cut without a closing handshake."""

    code: int
    reason: str = ""


class Delay(Struct, frozen=True):
    """Nothing goes out on the connection for so many seconds of real time."""

    seconds: float


class Drip(Struct, frozen=True):
    """A message that goes out a few bytes at a time, so many a real second."""

    payload: bytes
    bytes_per_s: int


class Conn(Protocol):
    """What a fault may know of a connection. `topic`: what the message at hand is about, "" for acks and pongs;
    `first`: it is what a fresh subscription brings."""

    number: int
    category: str
    topic: str
    first: bool


Out = bytes | Close | Delay | Drip
Fault = Callable[[Conn, bytes], Iterable[Out]]
RestFault = Callable[[str, Mapping[str, str]], Answer | None]


def through(faults: Iterable[Fault], conn: Conn, payload: bytes) -> list[Out]:
    """What goes out in place of one message."""
    out: list[Out] = [payload]
    for fault in faults:
        out = [after for item in out for after in (fault(conn, item) if isinstance(item, bytes) else (item,))]
    return out


class Nth(Struct):
    """Finds the n-th message (from 1) of each connection whose topic starts with `topic`."""

    topic: str
    n: int
    counts: dict[int, int] = field(default_factory=dict)

    def count(self, conn: Conn) -> int:
        """Which message of the topic this is, 0 for any other."""
        if not conn.topic or not conn.topic.startswith(self.topic):
            return 0
        self.counts[conn.number] = self.counts.get(conn.number, 0) + 1
        return self.counts[conn.number]

    def hit(self, conn: Conn) -> bool:
        """Whether this is the one."""
        return self.count(conn) == self.n


class Drop(Nth):
    """The n-th message never arrives: a gap."""

    def __call__(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """Nothing in its place."""
        return () if self.hit(conn) else (payload,)


class Duplicate(Nth):
    """The n-th message arrives twice."""

    def __call__(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """The message and the message."""
        return (payload, payload) if self.hit(conn) else (payload,)


class Reorder(Nth):
    """The n-th message arrives after the one that follows it on its topic."""

    held: dict[int, bytes] = field(default_factory=dict)

    def __call__(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """Holds one message back until the next."""
        count = self.count(conn)
        if count == self.n:
            self.held[conn.number] = payload
            return ()
        if count and conn.number in self.held:
            return (payload, self.held.pop(conn.number))
        return (payload,)


class Malform(Nth):
    """The n-th message is cut in half: not JSON any more."""

    def __call__(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """The first half."""
        return (payload[: len(payload) // 2],) if self.hit(conn) else (payload,)


class Freeze(Nth):
    """From the n-th message on the topic is silent, while acks and pongs go on."""

    def __call__(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """Nothing any more."""
        return () if self.count(conn) >= self.n else (payload,)


class Stall(Nth):
    """The n-th message and all after it come `seconds` late, pongs too: a half-open line."""

    seconds: float = 1.0

    def __call__(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """A pause, then the message."""
        return (Delay(self.seconds), payload) if self.hit(conn) else (payload,)


class Hangup(Nth):
    """The connection is closed in place of the n-th message."""

    code: int = 1006

    def __call__(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """The end."""
        return (Close(self.code, "fault"),) if self.hit(conn) else (payload,)


class Refuse(Struct):
    """REST requests below a path get this status, the first `times` of them (-1: all)."""

    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"access too frequent"
    times: int = -1

    def __call__(self, path: str, query: Mapping[str, str]) -> Answer | None:
        """The refusal, or None to let the request through."""
        if self.times == 0 or not path.startswith(self.path):
            return None
        self.times -= 1
        return Answer(self.status, self.body, self.headers)
