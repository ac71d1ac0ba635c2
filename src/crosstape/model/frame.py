"""A frame: one thing that reached us, in the order we took it."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Kind(IntEnum):
    """What a frame is; the numbers are the tape format's and never change."""

    OPEN = 1
    DATA = 2
    ANSWER = 3
    FAILED = 4
    CLOSE = 5
    TICK = 6
    COMMAND = 7


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One entry of the tape.

    seq        position in the one total order, from 0, without a hole
    ts_recv    ns since the epoch when we got it; never decreases along the tape
    source     "bybit-linear/0" a stream's shard, "bybit-linear/instruments" a poll, "crosstape/clock" …
    conn       which connection of that source (counted from 1; 0 where there is none)
    kind       see `Kind`
    request    what an ANSWER or FAILED answers, as `wire.request.Request.key()` writes it; "" otherwise
    status     HTTP status, or a socket's close code; 0 where there is none
    headers    the answer's headers that matter, "name: value" a line, names in lower case; "" otherwise
    payload    the bytes as the venue sent them
    """

    seq: int
    ts_recv: int
    source: str
    conn: int
    kind: Kind
    request: str
    status: int
    headers: str
    payload: bytes


CLOCK = "crosstape/clock"
CONFIG = "crosstape/config"
INTAKE = "crosstape/intake"
