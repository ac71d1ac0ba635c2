"""cryptofeed's `.jsonl.zst` captures: one JSON object a line, `t` says what it is."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from operator import itemgetter
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
    text: str = msgspec.field(name="data", default="")
    b64: str = ""


def arrivals(file: BinaryIO, path: str) -> Iterator[Arrival]:
    """Arrivals in the order of their time.

    These files hold one connection after the other, each from its beginning, so the whole file is read before
    the first arrival is given; what one connection said keeps its order.
    """
    reached: dict[str, int] = {}
    found: list[tuple[int, int, Arrival]] = []
    for i, arrival in enumerate(_lines(file, path)):
        socket = arrival.socket
        reached[socket] = max(arrival.ts, reached.get(socket, 0))
        found.append((reached[socket], i, arrival))
    found.sort(key=itemgetter(0, 1))
    return (arrival for _, _, arrival in found)


def _lines(file: BinaryIO, path: str) -> Iterator[Arrival]:
    decoder = msgspec.json.Decoder(_Line)
    at = 0
    for text in file:
        try:
            line = decoder.decode(text)
            body = base64.b64decode(line.b64, validate=True) if line.b64 else line.text.encode()
        except (msgspec.MsgspecError, ValueError) as e:
            raise TapeError(f"unreadable line: {e}", path, at) from e
        kind = KINDS.get(line.t)
        if kind is not None:
            ts = nanoseconds(bytes(line.ts), path, at)
            yield Arrival(ts, kind, line.conn, line.url or line.addr, body, at)
        at += len(text)
