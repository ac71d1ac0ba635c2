"""Public captures of Binance as frames of crosstape's own sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crosstape.model.frame import Frame, Kind
from crosstape.tape.captures import read_capture


def captured(path: Path, market: str, continues: bool = False, seq: int = 0) -> Iterator[Frame]:
    """A capture's frames with every answer under the poll that would have asked for it."""
    for frame in read_capture(path, lambda _: market, market, continues=continues):
        source, request = frame.source, frame.request
        if frame.kind is Kind.ANSWER:
            target = request.partition(" ")[2]
            name = "books" if "/depth?" in target else "instruments"
            source, request = f"{market}/{name}", f"{name} {target}"
        yield Frame(
            seq + frame.seq, frame.ts_recv, source, frame.conn, frame.kind, request, frame.status, frame.headers,
            frame.payload,
        )  # fmt: skip
