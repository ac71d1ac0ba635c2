"""cryptofeed's `.jsonl.zst` captures: one JSON object a line, `t` says what it is."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from crosstape.model.errors import TapeError
from crosstape.model.frame import Kind
from crosstape.tape.arrivals import Arrival, nanoseconds

KINDS = {"connect": Kind.OPEN, "recv": Kind.DATA, "http": Kind.ANSWER}


class _Line(msgspec.Struct):
    t: str
    conn: str = ""
    ts: msgspec.Raw = msgspec.Raw(b"0")
    addr: str = ""
    url: str = ""
    data: str = ""
    b64: str = ""


def arrivals(file: BinaryIO, path: str) -> Iterator[Arrival]:
    """Arrivals in the order of their time.

    These files hold one connection after the other, each from its beginning, so the whole file is read before
    the first arrival is given.
    """
    last: dict[str, int] = {}
    found: list[Arrival] = []
    for arrival in _lines(file, path):
        socket = arrival.socket
        ts = max(arrival.ts, last.get(socket, 0))
        last[socket] = ts
        found.append(arrival)
    found.sort(key=_ts)
    return iter(found)


def _ts(arrival: Arrival) -> int:
    return arrival.ts


def _lines(file: BinaryIO, path: str) -> Iterator[Arrival]:
    decoder = msgspec.json.Decoder(_Line)
    at = 0
    with file:
        for text in file:
            try:
                line = decoder.decode(text)
                body = base64.b64decode(line.b64, validate=True) if line.b64 else line.data.encode()
            except (msgspec.MsgspecError, ValueError) as e:
                raise TapeError(f"unreadable line: {e}", path, at) from e
            kind = KINDS.get(line.t)
            if kind is not None:
                ts = nanoseconds(bytes(line.ts), path, at)
                socket = "" if kind is Kind.ANSWER else line.conn
                yield Arrival(ts, kind, socket, line.url or line.addr, body, at)
            at += len(text)
