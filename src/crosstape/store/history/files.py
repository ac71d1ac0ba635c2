"""The history folder: append rows, read them back."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from crosstape.model.errors import StoreError
from crosstape.store.history import parts
from crosstape.store.history.fresh import fresh, ordered
from crosstape.store.history.schemas import fitted, kind_of, schema

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

DAY_NS = 86_400_000_000_000
SPANS = 10_000
# How far apart two sources may put the time of one trade: such a trade is still found by its id.
APART_NS = 60_000_000_000
ALL_TIME = (-(1 << 63), (1 << 63) - 1)


class History:
    """Rows of `schemas.KINDS` in Parquet files under one folder. Any thread and any process may append.

    `steady` is held while files are replaced: who reads several of them at once holds it too.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steady = threading.RLock()
        # Files whose rows were all appended `once`, by this History.
        self.own: set[Path] = set()
        self._spans: OrderedDict[Path, tuple[int, int]] = OrderedDict()

    def append(self, kind: str, market: str, table: pa.Table, once: bool = False) -> int:
        """Keep the rows that are not there yet; returns how many those were. They are on the disk then.

        `once`: the rows are all different, and differ from all that was appended so through this History; they
        are only compared with what others appended. Columns as `schemas.fitted` takes them. ConfigError: the table
        does not fit its kind. StoreError: the disk does not take it.
        """
        rows = fitted(kind, table)
        return sum(self._append(kind, market, day, part, once) for day, part in _by_day(rows))

    def read(
        self,
        kind: str,
        market: str = "",
        since: int = ALL_TIME[0],
        until: int = ALL_TIME[1],
        ids: Sequence[str] = (),
        columns: Sequence[str] = (),
    ) -> pa.Table:
        """Rows with since <= ts < until, by id and time; of all markets, ids and columns where none are named."""
        import polars as pl
        import pyarrow as pa

        with self.steady:
            paths = self.paths(kind, market, since, until)
            wanted = list(columns) or None
            if not paths:
                empty = schema(kind).empty_table()
                return empty.select(wanted) if wanted else empty
            try:
                rows = _scan(kind, paths).filter((pl.col("ts") >= since) & (pl.col("ts") < until))
                if ids:
                    rows = rows.filter(pl.col("id").cast(pl.String).is_in(list(ids)))
                rows = rows.sort("id", "ts", maintain_order=True)
                found: pa.Table = (rows.select(wanted) if wanted else rows).collect().to_arrow()
            except (OSError, pl.exceptions.PolarsError) as error:
                raise StoreError(f"history: cannot read {kind}: {error}") from error
        words = pa.dictionary(pa.int32(), pa.string())
        return found.cast(pa.schema([(f.name, _plain(f.type, words)) for f in found.schema]))

    def paths(self, kind: str, market: str = "", since: int = ALL_TIME[0], until: int = ALL_TIME[1]) -> list[Path]:
        """Files that may have rows of since <= ts < until."""
        kind_of(kind)
        first, last = day_of(max(since, 0)), day_of(max(min(until, ALL_TIME[1]) - 1, 0))
        return [
            part.path
            for folder in parts.days(self.folder, kind, market)
            if first <= folder.name.removeprefix("day=") <= last
            for part in parts.parts(folder)
        ]

    def markets(self, kind: str) -> list[str]:
        """Markets that have rows of the kind."""
        return sorted({parts.market_of(folder) for folder in parts.days(self.folder, kind)})

    def span(self, path: Path) -> tuple[int, int]:
        """First and last ts of a part."""
        known = self._spans.get(path)
        if known is None:
            known = self._spans[path] = _span(path)
            if len(self._spans) > SPANS:
                self._spans.popitem(last=False)
        return known

    def forget(self, path: Path) -> None:
        """The part was replaced: its span may be another."""
        self._spans.pop(path, None)

    def _append(self, kind: str, market: str, day: str, rows: pa.Table, once: bool) -> int:
        import pyarrow.compute as pc

        folder = parts.day_folder(self.folder, kind, market, day)
        bounds = pc.min_max(rows["ts"]).as_py()
        with parts.alone(folder):
            there = parts.parts(folder)
            apart = APART_NS if kind_of(kind).identity else 0
            around = (bounds["min"] - apart, bounds["max"] + apart)
            near = [part.path for part in there if _meet(self.span(part.path), around)]
            if once:
                near = [path for path in near if path not in self.own]
            rows = ordered(rows) if once and not near else fresh(kind_of(kind), rows, near)
            if not rows.num_rows:
                return 0
            number = max((part.last for part in there), default=-1) + 1
            path = parts.write(folder, number, number, rows)
            if once:
                self.own.add(path)
        return int(rows.num_rows)


def _scan(kind: str, paths: Sequence[Path]) -> pl.LazyFrame:
    import polars as pl

    each = [pl.scan_parquet(path, hive_partitioning=False) for path in paths]
    rows = pl.concat(each, how="diagonal") if kind_of(kind).open else pl.concat(each)
    return rows.with_columns(pl.col(pl.Float64).fill_null(float("nan")))


def _by_day(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    import pyarrow.compute as pc

    if not rows.num_rows:
        return
    bounds = pc.min_max(rows["ts"]).as_py()
    if bounds["min"] // DAY_NS == bounds["max"] // DAY_NS:
        yield day_of(bounds["min"]), rows
        return
    # Integer division truncates towards zero: right for every time since the epoch.
    numbers = pc.divide(rows["ts"], DAY_NS)
    for number in sorted(pc.unique(numbers).to_pylist()):
        yield day_of(number * DAY_NS), rows.filter(pc.equal(numbers, number))


def day_of(ts: int) -> str:
    """The UTC day of a time, YYYY-MM-DD."""
    return datetime.fromtimestamp(ts // 1_000_000_000, UTC).strftime("%Y-%m-%d")


def _span(path: Path) -> tuple[int, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"history: cannot read {path}: {error}") from error
    position = metadata.schema.names.index("ts")
    groups = [metadata.row_group(i).column(position).statistics for i in range(metadata.num_row_groups)]
    return min(s.min for s in groups), max(s.max for s in groups)


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _plain(kind: pa.DataType, words: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return words
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind
