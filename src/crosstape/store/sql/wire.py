"""What is said between crosstape and the process that runs queries: a length, a message, and Arrow bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable

import msgspec

SIZE = struct.Struct("<I")


class Start(msgspec.Struct, frozen=True):
    """The first message: what holds for every query. `arena` is a file handle."""

    folder: str
    arena: int
    memory_mb: int
    result_mb: int


class Place(msgspec.Struct, frozen=True):
    """A part of a table in the arena: an Arrow stream, or where there are `names` a block.

    same    an Arrow stream is as it was
    names   the block's columns that are there, and `at`, their places among all
    rows    how many of the block's are wanted; which ones stands before the columns
    wrote   those of the columns that are not as they were
    """

    key: str
    offset: int = 0
    size: int = 0
    same: bool = False
    names: tuple[str, ...] = ()
    at: tuple[int, ...] = ()
    total: int = 0
    rows: int = 0
    wrote: tuple[str, ...] = ()


class Given(msgspec.Struct, frozen=True):
    """A table a query may name."""

    name: str
    parts: tuple[Place, ...]


class Job(msgspec.Struct, frozen=True):
    """One query. `views` are those over the history: name -> SELECT. `limit` rows at most come back.

    words   of the blocks only these columns were given, None for everything
    known   and they are what it names
    """

    sql: str
    limit: int
    seconds: float
    views: dict[str, str] = {}
    tables: tuple[Given, ...] = ()
    known: bool = False
    words: frozenset[str] | None = None


class Done(msgspec.Struct, frozen=True):
    """What came of it: `size` bytes of an Arrow stream follow, or `error` says why not, `kind` which limit.

    words   what it names, None for everything; kind "again": and that was not given
    """

    size: int = 0
    truncated: bool = False
    kind: str = ""
    error: str = ""
    words: frozenset[str] | None = None


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
