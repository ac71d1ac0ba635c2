"""What tells one trade from another where a file gives no number: the row itself, and how often it came before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

SAME = ("ts", "price", "size", "side")


class Identity:
    """Two equal trades of one file are two, and a second reading of it finds the same two.

    Equal ones are counted over the whole of a batch and on from the end of the one before: the rows of the newest
    time stamp are remembered, by instrument.
    """

    def __init__(self) -> None:
        self._last: dict[str, pl.DataFrame] = {}

    def told(self, id: str, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with a `trade_id` each."""
        import polars as pl

        if "trade_id" in rows.columns and rows["trade_id"].ne("").all():
            return rows
        counted = rows.with_columns((pl.int_range(pl.len()).over(SAME)).alias("again"))
        before = self._last.get(id)
        if before is not None:
            counted = counted.join(before, on=SAME, how="left", maintain_order="left")
            counted = counted.with_columns(pl.col("again") + pl.col("count").fill_null(0)).drop("count")
        newest = counted.filter(pl.col("ts") == counted["ts"].max())
        self._last[id] = newest.group_by(SAME).agg((pl.col("again").max() + 1).alias("count"))
        parts = [pl.col("ts"), pl.col("price"), pl.col("size"), pl.col("side"), pl.col("again")]
        made = pl.concat_str([pl.lit("#"), pl.concat_str(parts, separator="/")])
        if "trade_id" in rows.columns:
            made = pl.when(pl.col("trade_id") != "").then(pl.col("trade_id")).otherwise(made)
        return counted.with_columns(made.alias("trade_id")).drop("again")
