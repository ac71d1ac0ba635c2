"""Takes rows out of the history: those of one instrument, one time and one origin."""

from __future__ import annotations

from crosstape.store.history import parts
from crosstape.store.history.compaction import narrow
from crosstape.store.history.files import History


def remove_rows(history: History, kind: str, market: str, id: str, since: int, until: int, origin: str) -> int:
    """Remove rows with since <= ts < until; how many went. Each file is replaced whole or not at all."""
    gone = 0
    for folder in sorted({path.parent for path in history.paths(kind, market, since, until)}):
        with parts.alone(folder), history.steady:
            for part in parts.parts(folder):
                gone += _remove(history, part, id, since, until, origin)
    return gone


def _remove(history: History, part: parts.Part, id: str, since: int, until: int, origin: str) -> int:
    import polars as pl

    first, last = history.span(part.path)
    if last < since or first >= until:
        return 0
    rows = pl.read_parquet(part.path, hive_partitioning=False)
    wanted = (pl.col("id").cast(pl.String) == id) & (pl.col("origin").cast(pl.String) == origin)
    kept = rows.filter(~(wanted & (pl.col("ts") >= since) & (pl.col("ts") < until)))
    if kept.height == rows.height:
        return 0
    history.forget(part.path)
    if kept.height:
        table = kept.to_arrow()
        parts.write(part.path.parent, part.first, part.last, table.cast(narrow(table.schema)))
    else:
        parts.remove([part])
    return rows.height - kept.height
