"""Other people's captures in: the format is told by content, the frames are ours."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import zstandard

from crosstape.model.errors import TapeError
from crosstape.model.frame import Frame
from crosstape.tape import captured_gz, captured_jsonl, captured_text
from crosstape.tape.arrivals import Arrival, Naming, framed

Format = Literal["cryptofeed text", "cryptofeed jsonl", "hftbacktest"]

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
HEAD = 1 << 16
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError)


class Capture(Iterator[Frame]):
    """The frames of one capture, numbered from 0.

    format   which of the formats it is
    clamped  arrivals so far that were older than the one before on their connection, and took its time
    """

    def __init__(self, path: Path, format: Format, arrivals: Iterator[Arrival], naming: Naming) -> None:
        self.path = path
        self.format = format
        self._naming = naming
        self._frames = framed(arrivals, naming)

    @property
    def clamped(self) -> int:
        """Arrivals whose time was moved so that it never goes back."""
        return self._naming.clamped

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        try:
            return next(self._frames)
        except DAMAGE as e:
            raise TapeError(f"the capture is cut short or damaged: {e}", str(self.path), 0) from e


def read_capture(
    path: str | Path,
    market_of: Callable[[str], str | None],
    market: str = "",
    shard: int = 0,
    continues: bool = False,
) -> Capture:
    """The frames of a public capture: cryptofeed text, cryptofeed `.jsonl.zst`, or hftbacktest `.gz`.

    OPEN for a connect, DATA for a message received, ANSWER for a REST body; nothing for what was sent.
    `market_of` maps the address of a socket or of REST to a market, `market` overrides it (hftbacktest files
    name no address, so they need it). Sources are `market/0` for the first socket of a market (`shard` moves
    the count, for captures that keep each connection in a file of its own), `market/1` for the next beside
    it, and `market/rest`. `continues`: an hftbacktest file goes on with the connection of the one before, so
    it opens none.
    """
    path = Path(path)
    naming = Naming(str(path), market_of, market, shard)
    format = _format(path)
    return Capture(path, format, _arrivals(path, format, continues), naming)


def _arrivals(path: Path, format: Format, continues: bool) -> Iterator[Arrival]:
    with _plain(path) as file:
        if format == "cryptofeed text":
            yield from captured_text.arrivals(file, str(path))
        elif format == "cryptofeed jsonl":
            yield from captured_jsonl.arrivals(file, str(path))
        else:
            yield from captured_gz.arrivals(file, str(path), continues)


def _plain(path: Path) -> io.BufferedReader:
    """The file's bytes, unpacked."""
    file = open(path, "rb", 0)  # noqa: SIM115 - closed with the reader around it
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(GZIP_MAGIC):
        file.close()
        return io.BufferedReader(gzip.GzipFile(path), HEAD)
    if magic == ZSTD_MAGIC:
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file), HEAD)
    return io.BufferedReader(file, HEAD)


def _format(path: Path) -> Format:
    """Which format a file is, by how its first line begins."""
    try:
        with _plain(path) as file:
            line = file.peek(HEAD).partition(b"\n")[0]
    except DAMAGE as e:
        raise TapeError(f"the capture is cut short or damaged: {e}", str(path), 0) from e
    if line.startswith(b"{") and b'"t":' in line:
        return "cryptofeed jsonl"
    if captured_gz.LINE.match(line):
        return "hftbacktest"
    if captured_text.RECEIVED.match(line) or captured_text.ADDRESSED.match(line):
        return "cryptofeed text"
    raise TapeError("not a capture of a known format", str(path), 0)
