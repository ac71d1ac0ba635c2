"""hftbacktest's `.gz` captures: `<local ns> <raw json>` a line, Binance's combined stream and REST snapshots."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from crosstape.model.errors import TapeError
from crosstape.model.frame import Kind
from crosstape.tape.arrivals import Arrival

LINE = re.compile(rb"(\d{16,20}) (\{.*)")
STREAM = re.compile(rb'\{"stream":"([^@"]*)')
SNAPSHOT = b'{"lastUpdateId":'


class _Snapshot(msgspec.Struct):
    E: int = 0
    symbol: str = ""
    pair: str = ""


def arrivals(file: BinaryIO, path: str, continues: bool = False) -> Iterator[Arrival]:
    """One OPEN where the capture begins (unless it continues another), DATA a line, ANSWER for a snapshot."""
    at = 0
    symbol = ""
    opened = continues
    for line in file:
        found = LINE.match(line)
        if found is None:
            raise TapeError("not a line of an hftbacktest capture", path, at)
        ts, body = int(found[1]), found[2]
        if not opened:
            opened = True
            yield Arrival(ts, Kind.OPEN, "socket", "", b"", at)
        if body.startswith(SNAPSHOT):
            yield Arrival(ts, Kind.ANSWER, "", _address(body, symbol, path, at), body, at)
        else:
            if stream := STREAM.match(body):
                symbol = stream[1].decode("utf-8", "replace")
            yield Arrival(ts, Kind.DATA, "socket", "", body, at)
        at += len(line)


def _address(body: bytes, symbol: str, path: str, at: int) -> str:
    """What was asked for. The file does not say, but the body's fields tell the API and the stream the symbol."""
    try:
        snapshot = msgspec.json.decode(body, type=_Snapshot)
    except msgspec.MsgspecError as e:
        raise TapeError(f"unreadable snapshot: {e}", path, at) from e
    prefix = "/dapi/v1" if snapshot.pair else "/fapi/v1" if snapshot.E else "/api/v3"
    return f"{prefix}/depth?symbol={snapshot.symbol or symbol.upper()}"
