"""A file as batches of texts: whatever it is, each row has a line number and can be shown as it stood."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import msgspec

from crosstape.model.errors import ConfigError, StoreError

if TYPE_CHECKING:
    import polars as pl

Form = Literal["csv", "ndjson", "parquet"]
BLOCK = 24 << 20
ROWS = 250_000
LONGEST_LINE = 1 << 20
HEAD = 200


class Batch(msgspec.Struct, frozen=True):
    """Rows of a file.

    frame    the columns, all texts; null = empty, or not there
    lines    the line (of Parquet: the row, from 1) that each came from
    text     (place in the frame) -> the row as it stood
    broken   (line, row as it stood) of rows that are none
    """

    frame: pl.DataFrame
    lines: pl.Series
    text: Callable[[int], str]
    broken: Sequence[tuple[int, str]] = ()


class Shape(msgspec.Struct, frozen=True):
    """How a file is to be taken apart. `header` False: `columns` are named col1, col2 …"""

    form: Form
    columns: tuple[str, ...]
    delimiter: str = ","
    header: bool = True


def shape_of(path: Path) -> Shape:
    """From the beginning of a file. ConfigError: nothing we can read; StoreError: it cannot be opened."""
    with _opened(path) as file:
        first = _read(file, 4, path)
    if first == b"PAR1":
        return Shape("parquet", tuple(_parquet(path).schema_arrow.names))
    lines = head(path)
    if not lines:
        raise ConfigError(f"file: {path.name} is empty")
    if lines[0].lstrip()[:1] == "{":
        names = dict.fromkeys(name for line in lines for name in _object(line) or ())
        return Shape("ndjson", tuple(names))
    return _csv_shape(path, lines[0].lstrip("\ufeff"))


def _csv_shape(path: Path, line: str) -> Shape:
    counts = {d: line.count(d) for d in (",", ";", "\t", "|")}
    delimiter = max(counts, key=lambda d: counts[d])
    if not counts[delimiter]:
        raise ConfigError(f"file: {path.name} is no CSV, NDJSON or Parquet: its first line has one column")
    cells = _cells(line, delimiter)
    if any(_numeric(cell) for cell in cells):
        return Shape("csv", tuple(f"col{n + 1}" for n in range(len(cells))), delimiter, header=False)
    names = [
        name if name and name not in cells[:n] else f"{name or 'col'}_{n + 1}" for n, name in enumerate(cells)
    ]
    return Shape("csv", tuple(names), delimiter)


def head(path: Path) -> list[str]:
    """The first lines that are not empty."""
    with _opened(path) as file:
        block = _read(file, 1 << 20, path).decode("utf-8", "replace")
    return [line for line in block.splitlines()[: HEAD * 2] if line.strip()][:HEAD]


def batches(path: Path, shape: Shape, rows: int = 0) -> Iterator[Batch]:
    """All of the file, or only so many of its first rows."""
    if shape.form == "parquet":
        yield from _of_parquet(path, rows or ROWS, once=bool(rows))
        return
    number = 1
    read = _of_csv if shape.form == "csv" else _of_ndjson
    for lines in _lines(path, rows + 1 if rows else 0):
        skipped = 1 if number == 1 and shape.form == "csv" and shape.header else 0
        yield read(lines[skipped:], number + skipped, shape)
        number += len(lines)
        if rows:
            return


def _lines(path: Path, most: int) -> Iterator[list[str]]:
    """Blocks of whole lines; one that is longer than LONGEST_LINE is cut there."""
    left = b""
    with _opened(path) as file:
        if most:
            block = _read(file, 1 << 20, path)
            yield _split(block if len(block) < 1 << 20 else block[: block.rfind(b"\n") + 1], most)
            return
        while block := _read(file, BLOCK, path):
            block = left + block
            cut = block.rfind(b"\n") + 1
            if not cut and len(block) < LONGEST_LINE:
                left = block
                continue
            cut = cut or LONGEST_LINE
            left = block[cut:]
            yield _split(block[:cut])
    if left:
        yield _split(left)


def _split(block: bytes, most: int = 0) -> list[str]:
    lines = block.decode("utf-8", "replace").split("\n")
    if not lines[-1]:
        lines.pop()
    return lines[:most] if most else lines


def _of_csv(lines: list[str], first: int, shape: Shape) -> Batch:
    """Split at the delimiter all at once; only lines whose quotes hide a delimiter are read one by one."""
    import polars as pl

    width, column = len(shape.columns), pl.col("line")
    frame = pl.DataFrame({"line": lines}, schema={"line": pl.String}).with_row_index("at")
    frame = frame.with_columns(column.str.strip_chars_end("\r")).filter(column.str.strip_chars() != "")
    fitting = column.str.count_matches(shape.delimiter, literal=True) == width - 1
    good, odd = frame.filter(fitting), frame.filter(~fitting)
    parts = good["line"].str.split_exact(shape.delimiter, width - 1).struct.unnest()
    parts.columns = [str(n) for n in range(width)]
    cells = pl.all().str.strip_chars(' "')
    parts = parts.select(cells).select(pl.when(pl.all() != "").then(pl.all()))
    at, broken = good["at"], list[tuple[int, str]]()
    if odd.height:
        saved, found_at = [], []
        for place, line in odd.iter_rows():
            found = _cells(line, shape.delimiter) if '"' in line else []
            if len(found) == width:
                saved.append([cell or None for cell in found])
                found_at.append(place)
            else:
                broken.append((first + place, line))
        if saved:
            schema = {str(n): pl.String for n in range(width)}
            parts = pl.concat([parts, pl.DataFrame(saved, schema=schema, orient="row")])
            at = pl.concat([at, pl.Series("at", found_at, dtype=at.dtype)])
    parts.columns = list(shape.columns)
    places = at.to_list()
    return Batch(parts, at.cast(pl.Int64) + first, lambda n: lines[int(places[n])].rstrip("\r"), broken)


def _of_ndjson(lines: list[str], first: int, shape: Shape) -> Batch:
    import polars as pl

    wanted, found, at = shape.columns, list[list[str | None]](), list[int]()
    broken = []
    for place, line in enumerate(lines):
        if not line.strip():
            continue
        row = _object(line)
        if row is None:
            broken.append((first + place, line.rstrip("\r")))
            continue
        found.append([row.get(name) for name in wanted])
        at.append(place)
    frame = pl.DataFrame(found, schema=dict.fromkeys(wanted, pl.String), orient="row")
    return Batch(frame, pl.Series("at", at, dtype=pl.Int64) + first, lambda n: lines[at[n]].rstrip("\r"), broken)


def _object(line: str) -> dict[str, str | None] | None:
    """A JSON object as texts, one level of nesting as a.b; None where it is none."""
    try:
        found = msgspec.json.decode(line.lstrip("\ufeff"))
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None
    if not isinstance(found, dict):
        return None
    row: dict[str, str | None] = {}
    for name, value in found.items():
        if isinstance(value, dict):
            row |= {f"{name}.{inner}": _text(part) for inner, part in value.items()}
        else:
            row[name] = _text(value)
    return row


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(value).decode()


def _of_parquet(path: Path, rows: int, once: bool) -> Iterator[Batch]:
    import polars as pl
    import pyarrow as pa

    first = 1
    try:
        for part in _parquet(path).iter_batches(rows):
            table = pl.from_arrow(pa.Table.from_batches([part]))
            assert isinstance(table, pl.DataFrame)
            frame = table.select(_as_text(name, kind) for name, kind in table.schema.items())
            lines = pl.Series("at", range(first, first + frame.height), dtype=pl.Int64)
            yield Batch(frame, lines, partial(_shown, frame))
            first += frame.height
            if once:
                return
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        raise ConfigError(f"file: {path.name} cannot be read as Parquet: {str(error)[:200]}") from error


def _shown(frame: pl.DataFrame, n: int) -> str:
    return str(frame.row(n, named=True))


def _as_text(name: str, kind: Any) -> pl.Expr:
    import polars as pl

    column = pl.col(name)
    if isinstance(kind, pl.Datetime | pl.Date):
        return column.cast(pl.Datetime("ns")).cast(pl.Int64).cast(pl.String)
    if isinstance(kind, pl.List | pl.Struct | pl.Array | pl.Object | pl.Binary):
        return pl.lit(None, pl.String).alias(name)
    return column.cast(pl.String)


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"file: {path.name} cannot be read as Parquet: {str(error)[:200]}") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        plain = path.open("rb")
    except OSError as error:
        raise StoreError(f"file: {path.name} cannot be opened: {error.strerror}") from error
    with plain:
        packed = _read(plain, 2, path) == b"\x1f\x8b"
        plain.seek(0)
        if not packed:
            yield plain
            return
        with gzip.open(plain) as unpacked:
            yield unpacked  # type: ignore[misc]


def _read(file: IO[bytes], size: int, path: Path) -> bytes:
    try:
        return file.read(size)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ConfigError(f"file: {path.name} is damaged: {error}") from error
    except OSError as error:
        raise StoreError(f"file: {path.name} cannot be read: {error.strerror}") from error


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader(io.StringIO(line), delimiter=delimiter), [])]
    except csv.Error:
        return []


def _numeric(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
