"""Tables as bytes: CSV, JSON, NDJSON, Parquet, Arrow; and what sums one up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["json", "csv", "ndjson", "parquet", "arrow"]
MEDIA: dict[str, bytes] = {
    "json": b"application/json",
    "csv": b"text/csv; charset=utf-8",
    "ndjson": b"application/x-ndjson",
    "parquet": b"application/vnd.apache.parquet",
    "arrow": b"application/vnd.apache.arrow.stream",
}


def encoded(table: pa.Table, form: str) -> bytes:
    """A table as csv, ndjson, parquet (zstd) or arrow (an IPC stream). In text NaN is empty or null, times are
    ISO 8601 in UTC, amounts keep their digits."""
    if form == "ndjson":
        encode = msgspec.json.Encoder(enc_hook=str).encode
        return b"".join(encode(row) + b"\n" for row in plain(table).to_pylist())
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    if form == "csv":
        from pyarrow import csv

        csv.write_csv(_flat(plain(table)), sink)
    elif form == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return bytes(sink.getvalue())


def plain(table: pa.Table) -> pa.Table:
    """The same for a person or a script: nothing that JSON or CSV has no word for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for i, field in enumerate(table.schema):
        kind, column = field.type, table[i]
        if pa.types.is_floating(kind):
            finite = pc.is_finite(column)
            column = pc.if_else(finite, column, pa.scalar(None, kind))
        elif pa.types.is_timestamp(kind):
            column = pc.strftime(pc.cast(column, pa.timestamp(kind.unit, kind.tz or "UTC")), "%Y-%m-%dT%H:%M:%SZ")
        elif pa.types.is_decimal(kind):
            column = _texts(column, digits)
        elif pa.types.is_dictionary(kind):
            column = pc.cast(column, kind.value_type)
        elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            column = pa.chunked_array(
                [[v.hex() if v is not None else None for v in column.to_pylist()]], pa.string()
            )
        elif pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
            column = pa.chunked_array(
                [[str(v) if v is not None else None for v in column.to_pylist()]], pa.string()
            )
        table = table.set_column(i, field.name, column)
    return table


def of_records(rows: Sequence[dict[str, Any]], header: Sequence[str]) -> pa.Table:
    """Records of the API as a table of these columns; lists of words are joined by |."""
    import pyarrow as pa

    def flat(value: Any) -> Any:
        return "|".join(map(str, value)) if isinstance(value, list | tuple) else value

    return pa.table({name: pa.array([flat(row.get(name)) for row in rows], from_pandas=True) for name in header})


def summarised(table: pa.Table) -> pa.Table:
    """A row a column: type, known, distinct; of numbers least, greatest, mean, deviation, quartiles."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = []
    for field in table.schema:
        column = table[field.name]
        if pa.types.is_dictionary(field.type):
            column = column.cast(field.type.value_type)
        row: dict[str, Any] = {"column": field.name, "type": str(column.type)}
        number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_decimal(
            column.type)  # fmt: skip
        if number:
            column = column.cast(pa.float64(), safe=False)
            column = column.filter(pc.is_finite(column))
        row["known"] = len(column) - column.null_count
        row["distinct"] = pc.count_distinct(column).as_py() if not pa.types.is_nested(column.type) else None
        if number and row["known"]:
            least = pc.min_max(column).as_py()
            quarters = pc.quantile(column, [0.25, 0.5, 0.75]).to_pylist()
            row |= {"min": least["min"], "max": least["max"], "mean": pc.mean(column).as_py(),
                    "stddev": pc.stddev(column, ddof=1).as_py() if row["known"] > 1 else None,
                    "p25": quarters[0], "p50": quarters[1], "p75": quarters[2]}  # fmt: skip
        rows.append(row)
    numbers = ("min", "max", "mean", "stddev", "p25", "p50", "p75")
    kinds = [("column", pa.string()), ("type", pa.string()), ("known", pa.int64()), ("distinct", pa.int64())]
    return pa.Table.from_pylist(rows, pa.schema(kinds + [(name, pa.float64()) for name in numbers]))


def digits(amount: Decimal) -> str:
    """All digits, none that say nothing, no exponent."""
    return f"{amount.normalize():f}"


def _texts(column: pa.ChunkedArray, text: Callable[[Any], str]) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([[None if v is None else text(v) for v in column.to_pylist()]], pa.string())


def _flat(table: pa.Table) -> pa.Table:
    """Nested values as JSON: CSV has no other place for them. A text a spreadsheet would run is quoted."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encode = msgspec.json.Encoder(enc_hook=str).encode
    for i, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            texts = [None if v is None else encode(v).decode() for v in table[i].to_pylist()]
            table = table.set_column(i, field.name, pa.chunked_array([texts], pa.string()))
        elif pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            table = table.set_column(i, field.name, pc.replace_substring_regex(table[i], r"^([=@+\t\r])", r"'\1"))
    return table
