"""Rows as DataFrames; polars and pandas are imported when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from crosstape.client.errors import ClientError

if TYPE_CHECKING:
    import pandas
    import polars

TIME = "_ms"
# Durations, not instants.
LASTING = frozenset({"age_ms", "lag_ms"})


def to_polars(rows: Sequence[Any]) -> polars.DataFrame:
    """Columns that end in `_ms` become times (UTC, microseconds) under the name without it."""
    import polars

    frame = polars.DataFrame([_plain(row) for row in rows], infer_schema_length=None)
    times = [name for name in frame.columns if name.endswith(TIME) and name not in LASTING]
    frame = frame.with_columns(
        (polars.col(name).cast(polars.Float64) * 1_000.0).round().cast(polars.Int64)
        .cast(polars.Datetime("us", "UTC")).alias(name)
        for name in times
    )  # fmt: skip
    return frame.rename({name: name.removesuffix(TIME) for name in times if name.removesuffix(TIME) not in frame})


def to_pandas(rows: Sequence[Any]) -> pandas.DataFrame:
    """The same columns as `to_polars`."""
    try:
        import pandas
    except ImportError as error:
        raise ClientError("pandas is not installed; .polars() gives the same table") from error
    frame = to_polars(rows)
    return pandas.DataFrame({name: frame[name].to_list() for name in frame.columns})


def _plain(row: Any) -> dict[str, Any]:
    return row if isinstance(row, dict) else msgspec.structs.asdict(row)
