"""The portable form of a ledger: JSON lines under zstd, the same from SQLite and PostgreSQL.

The first line is the header; every other is [table, rows]. Amounts and bytes are texts.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, LargeBinary, Table, func, insert, select, text

from crosstape.model.errors import StoreError
from crosstape.model.money import written
from crosstape.store.tables import TABLES
from crosstape.store.types import Money

FORMAT = "crosstape ledger 1"
ROWS = 1_000
LEVEL = 6
Batches = Iterator[tuple[str, list[dict[str, Any]]]]


class Header(msgspec.Struct, frozen=True):
    """`counts`: rows by table, so that a file that ends early is not taken for a whole one."""

    format: str
    revision: str
    counts: dict[str, int]


def dump(connection: Connection, revision: str, counts: dict[str, int], path: Path) -> dict[str, int]:
    """Write every table; rows by table."""
    import zstandard

    with path.open("wb") as file, zstandard.ZstdCompressor(LEVEL, write_checksum=True).stream_writer(file) as out:
        out.write(msgspec.json.encode(Header(FORMAT, revision, counts)) + b"\n")
        for table in TABLES.sorted_tables:
            if table.name not in counts:
                continue
            makers = {column.name: _maker(column.type) for column in table.columns}
            stream = connection.execution_options(yield_per=ROWS).execute(select(table))
            for part in stream.mappings().partitions(ROWS):
                rows = [{str(name): makers[name](value) for name, value in row.items()} for row in part]
                out.write(msgspec.json.encode((str(table.name), rows)) + b"\n")
    return counts


def open_dump(path: Path) -> tuple[Header, Batches]:
    """The header, and the rows in the order to insert them; StoreError when it is damaged."""
    lines = _lines(path)
    try:
        header = msgspec.json.decode(next(lines, b""), type=Header)
    except msgspec.MsgspecError as error:
        raise StoreError(f"{path} is no backup of a ledger") from error
    if header.format != FORMAT:
        raise StoreError(f"{path} is no backup that this version reads: {header.format!r}")
    return header, _batches(lines, path)


def load(connection: Connection, rows: Batches) -> None:
    """Insert all rows; counters go on behind the highest id."""
    touched: dict[str, Table] = {}
    for name, batch in rows:
        table = touched[name] = TABLES.tables[name]
        takers = {column.name: _taker(column.type) for column in table.columns}
        values = [{field: takers[field](value) for field, value in row.items()} for row in batch]
        if values:
            connection.execute(insert(table), values)
    if connection.dialect.name == "postgresql":
        for table in touched.values():
            if "id" in table.columns:
                highest = connection.execute(select(func.max(table.c.id))).scalar_one()
                counter = text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :highest)")
                connection.execute(counter, {"table": table.name, "highest": highest})


def _lines(path: Path) -> Iterator[bytes]:
    import zstandard

    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            rest = b""
            while part := stream.read(1 << 20):
                *whole, rest = (rest + part).split(b"\n")
                yield from whole
    except (OSError, zstandard.ZstdError) as error:
        raise StoreError(f"{path} is damaged: {error}") from error
    if rest:
        raise StoreError(f"{path} is damaged: it ends in the middle of a line")


def _batches(lines: Iterator[bytes], path: Path) -> Batches:
    for line in lines:
        try:
            name, rows = msgspec.json.decode(line, type=tuple[str, list[dict[str, Any]]])
        except msgspec.MsgspecError as error:
            raise StoreError(f"{path} is damaged: {error}") from error
        if name not in TABLES.tables or any(
            field not in TABLES.tables[name].columns for row in rows for field in row
        ):
            raise StoreError(f"{path} is damaged: it has rows of an unknown table or column")
        yield name, rows


def _maker(kind: Any) -> Callable[[Any], Any]:
    if isinstance(kind, Money):
        return lambda value: None if value is None else written(value)
    if isinstance(kind, LargeBinary):
        return lambda value: None if value is None else b64encode(bytes(value)).decode()
    return lambda value: value


def _taker(kind: Any) -> Callable[[Any], Any]:
    if isinstance(kind, Money):
        return lambda value: None if value is None else Decimal(value)
    if isinstance(kind, LargeBinary):
        return lambda value: None if value is None else b64decode(value)
    return lambda value: value
