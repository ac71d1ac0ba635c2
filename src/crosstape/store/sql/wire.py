"""What is said between crosstape and the process that runs queries: a length, a message, and Arrow bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable

import msgspec

SIZE = struct.Struct("<I")
KINDS = ("sql", "statement", "time", "memory", "size", "died")


class Start(msgspec.Struct, frozen=True):
    """The first message: what holds for every query. `arena` is a file handle."""

    folder: str
    arena: int
    memory_mb: int
    result_mb: int


class Place(msgspec.Struct, frozen=True):
    """A part of a table in the arena: an Arrow stream, or where there are `names` a block of so many rows."""

    key: str
    offset: int = 0
    size: int = 0
    names: tuple[str, ...] = ()
    rows: int = 0
    same: bool = False


class Given(msgspec.Struct, frozen=True):
    """A table a query may name."""

    name: str
    parts: tuple[Place, ...]


class Job(msgspec.Struct, frozen=True):
    """One query. `views` are those over the history: name -> SELECT. `limit` rows at most come back."""

    sql: str
    limit: int
    seconds: float
    views: dict[str, str] = {}
    tables: tuple[Given, ...] = ()


class Done(msgspec.Struct, frozen=True):
    """What came of it: `size` bytes of an Arrow stream follow, or `error` says why not, `kind` which limit."""

    size: int = 0
    truncated: bool = False
    kind: str = ""
    error: str = ""


def packed(message: msgspec.Struct) -> bytes:
    """Ready to be sent."""
    body = msgspec.msgpack.encode(message)
    return SIZE.pack(len(body)) + body


def unpacked(read: Callable[[int], bytes], kind: type[msgspec.Struct]) -> msgspec.Struct | None:
    """The next message; None at the end."""
    head = read(SIZE.size)
    if len(head) < SIZE.size:
        return None
    return msgspec.msgpack.decode(read(SIZE.unpack(head)[0]), type=kind)
