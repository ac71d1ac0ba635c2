"""Small parts become few: neighbours of a day are merged; no row is ever in two files that count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crosstape.store.history import parts
from crosstape.store.history.files import History
from crosstape.store.history.parts import Part

if TYPE_CHECKING:
    import polars as pl

FEW = 8
# Sizes between which neighbours count as alike, and beyond which a part is left alone.
LEVELS = (1 << 20, 8 << 20, 64 << 20)


def compact(history: History, folder: Path, ended: bool) -> int:
    """Merge what is due in a day's folder; how many parts that took away. A day that has `ended` is merged all.

    Readers of several files hold `history.steady`: the change waits for them.
    """
    gone = 0
    with parts.alone(folder):
        while run := _due(parts.parts(folder), ended):
            rows = _merged([part.path for part in run]).to_arrow()
            table = rows.cast(narrow(rows.schema))
            with history.steady:
                path = parts.write(folder, run[0].first, run[-1].last, table)
                merged = {part.path for part in run}
                if merged <= history.own:
                    history.own.add(path)
                history.own -= merged - {path}
                parts.remove([part for part in run if (part.first, part.last) != (run[0].first, run[-1].last)])
            gone += len(run) - 1
    return gone


def _due(there: Sequence[Part], ended: bool) -> list[Part]:
    """The first run of neighbours to merge: of an ended day two that fit together, else FEW of a size."""
    sizes = [part.path.stat().st_size for part in there]
    for level in LEVELS[-1:] if ended else LEVELS:
        run: list[Part] = []
        total = 0
        for part, size in zip(there, sizes, strict=True):
            if size >= level or total + size > LEVELS[-1]:
                if len(run) >= (2 if ended else FEW):
                    return run
                run, total = [], 0
            if size < level:
                run.append(part)
                total += size
        if len(run) >= (2 if ended else FEW):
            return run
    return []


def _merged(paths: Sequence[Path]) -> pl.DataFrame:
    import polars as pl

    each = [pl.read_parquet(path, hive_partitioning=False) for path in paths]
    return pl.concat(each, how="diagonal").sort("id", "ts", maintain_order=True)


def narrow(schema: object) -> object:
    """The schema as parts have it: words as dictionaries, plain strings."""
    import pyarrow as pa

    words = pa.dictionary(pa.int32(), pa.string())
    fields = []
    for field in schema:  # type: ignore[attr-defined]
        kind = field.type
        if pa.types.is_dictionary(kind):
            kind = words
        elif pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            kind = pa.string()
        fields.append((field.name, kind))
    return pa.schema(fields)
