"""cryptofeed's text captures: a line for each connect, message sent, message received and REST answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from crosstape.model.errors import TapeError
from crosstape.model.frame import Kind
from crosstape.tape.arrivals import Arrival, nanoseconds

RECEIVED = re.compile(rb"(\d+(?:\.\d+)?): ")
ADDRESSED = re.compile(rb"((?:wss?|https?)://\S+)(?: header: .*?)? (<->|<-|->) (\d+(?:\.\d+)?)(?:: |\s*$)")
CONFIGURATION = b"configuration: "


def arrivals(file: BinaryIO, path: str) -> Iterator[Arrival]:
    """One arrival for each connect, message received and answer.

    A line that begins none of these goes on with the body before it (an answer may be several lines long).
    """
    socket = ""
    for offset, lines in _records(file, path):
        line = lines[0]
        if found := RECEIVED.match(line):
            ts = nanoseconds(found[1], path, offset)
            yield Arrival(ts, Kind.DATA, socket or "socket", "", _body(lines, found.end()), offset)
        elif found := ADDRESSED.match(line):
            address, ts = found[1].decode("utf-8", "replace"), nanoseconds(found[3], path, offset)
            if found[2] == b"<->":
                socket = address
                yield Arrival(ts, Kind.OPEN, address, address, b"", offset)
            elif found[2] == b"->":
                yield Arrival(ts, Kind.ANSWER, "", address, _body(lines, found.end()), offset)


def _records(file: BinaryIO, path: str) -> Iterator[tuple[int, list[bytes]]]:
    """Each record's lines without their ends, and where it begins."""
    lines: list[bytes] = []
    began = at = 0
    for line in file:
        if RECEIVED.match(line) or ADDRESSED.match(line) or line.startswith(CONFIGURATION):
            if lines:
                yield began, lines
            lines, began = [line.rstrip(b"\r\n")], at
        elif lines:
            lines.append(line.rstrip(b"\r\n"))
        elif line.strip():
            raise TapeError("not a line of a cryptofeed capture", path, at)
        at += len(line)
    if lines:
        yield began, lines


def _body(lines: list[bytes], start: int) -> bytes:
    return b"\n".join([lines[0][start:], *lines[1:]]).rstrip(b"\n") if len(lines) > 1 else lines[0][start:]
