"""Which rows are new: by key, against themselves and against the files they meet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstape.store.history.schemas import Kind

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


def fresh(kind: Kind, rows: pa.Table, near: Sequence[Path]) -> pa.Table:
    """Rows whose key is neither earlier in the table nor in the files near it, by id and time.

    A row without identity is one more than those equal to it: appended again it is known, whatever came with it.
    """
    import polars as pl
    import pyarrow as pa
    import pyarrow.compute as pc

    frame = pl.DataFrame({name: pl.from_arrow(rows[name]) for name in _columns(kind)})
    frame = frame.with_columns(pl.col(pl.Categorical).cast(pl.String)).with_row_index("_row")
    kept = [_named(kind, frame, near), _nameless(kind, frame, near)] if kind.identity else []
    kept = kept or [_new(frame, kind.key, _known(near, kind.key, None))]
    chosen = pl.concat([part.select("_row", "id", "ts") for part in kept]).sort("id", "ts", "_row")
    places = chosen["_row"].to_arrow()
    if len(places) == rows.num_rows and pc.all(pc.equal(places, pa.arange(0, len(places)))).as_py():
        return rows
    return rows.take(places)


def ordered(rows: pa.Table) -> pa.Table:
    """All of them, by id and time."""
    import numpy as np

    array = rows["id"].combine_chunks()
    words = np.array(array.dictionary.to_pylist(), np.str_)
    place = np.empty(words.size, np.int32)
    place[np.argsort(words, kind="stable")] = np.arange(words.size, dtype=np.int32)
    return rows.take(np.lexsort((rows["ts"].to_numpy(), place[array.indices.to_numpy()])))


def _columns(kind: Kind) -> list[str]:
    return list(dict.fromkeys((*kind.key, *kind.otherwise, "id", "ts")))


def _named(kind: Kind, frame: pl.DataFrame, near: Sequence[Path]) -> pl.DataFrame:
    import polars as pl

    has = pl.col(kind.identity) != ""
    return _new(frame.filter(has), kind.key, _known(near, kind.key, has))


def _nameless(kind: Kind, frame: pl.DataFrame, near: Sequence[Path]) -> pl.DataFrame:
    import polars as pl

    lacks = pl.col(kind.identity) == ""
    columns = ("id", *kind.otherwise)
    count = pl.int_range(pl.len()).over(columns).alias("_nth")
    mine = frame.filter(lacks)
    if not mine.height:
        return mine
    known = _known(near, columns, lacks)
    counted = known.with_columns(count) if known is not None else None
    return _new(mine.with_columns(count), (*columns, "_nth"), counted)


def _known(near: Sequence[Path], columns: Sequence[str], only: pl.Expr | None) -> pl.DataFrame | None:
    import polars as pl

    if not near:
        return None
    needed = list(columns) if only is None else list(dict.fromkeys((*columns, *only.meta.root_names())))
    rows: Any = pl.scan_parquet(list(near), hive_partitioning=False).select(needed)
    rows = rows.with_columns(pl.col(pl.Categorical).cast(pl.String), pl.col(pl.Float64).fill_null(float("nan")))
    found: pl.DataFrame = (rows if only is None else rows.filter(only)).select(list(columns)).collect()
    return found


def _new(frame: pl.DataFrame, key: Sequence[str], known: pl.DataFrame | None) -> pl.DataFrame:
    columns = list(key)
    once = frame.unique(columns, keep="first", maintain_order=True)
    return once if known is None or not known.height else once.join(known, on=columns, how="anti")
