"""Imports a file: good rows go to the history or the ledger once, bad ones to a file beside, with their lines."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import msgspec

from crosstape.model.errors import ConfigError
from crosstape.store.history.files import History
from crosstape.store.history.schemas import TIMEFRAMES_S
from crosstape.store.importing.batches import Batch, batches, shape_of
from crosstape.store.importing.convert import converted
from crosstape.store.importing.fills import fills
from crosstape.store.importing.identity import Identity
from crosstape.store.importing.plan import Plan, Told, plan_of
from crosstape.store.ledger import Ledger
from crosstape.store.records import Stream

if TYPE_CHECKING:
    import polars as pl

SHOWN = 20
PREVIEWED = 10
MOST_SYMBOLS = 1_000
Progress = Callable[[int], None]


class Preview(msgspec.Struct, frozen=True):
    """What would be imported: the plan, the first rows as they would be, and the first that would not."""

    plan: Plan
    rows: list[dict[str, Any]]
    bad: list[tuple[int, str, str]]


class Outcome(msgspec.Struct, frozen=True):
    """What came of an import. `new` rows were not there before; `bad` ones are in `rejects`; `reasons`: the first,
    as (line, why, text)."""

    streams: tuple[Stream, ...]
    layout: str
    rows: int
    new: int
    bad: int
    rejects: str
    reasons: tuple[tuple[int, str, str], ...]


def preview(path: Path, told: Told, name: str = "") -> Preview:
    """Looks at the first rows; nothing is kept. ConfigError: the file or what was told about it is wrong."""
    shape = shape_of(path)
    plan = plan_of(path, shape, told, name)
    batch = next(batches(path, shape, 200), None)
    if batch is None or any(field not in plan.columns for field in ("ts",)):
        return Preview(plan, [], [])
    good, bad = _judged(batch, plan)
    rows = [{**row, "id": f"{plan.market}:{row['symbol']}"} for row in good.head(PREVIEWED).drop("at").to_dicts()]
    return Preview(plan, rows, bad[:PREVIEWED])


class Importer:
    """Writes what files hold. One at a time: two imports of one file would each find nothing there yet."""

    def __init__(self, ledger: Ledger, history: History, rejects: Path) -> None:
        self._ledger, self._history, self._rejects = ledger, history, rejects

    def run(
        self, path: Path, told: Told, name: str = "", stream: str = "", progress: Progress = lambda rows: None
    ) -> Outcome:
        """Import a file; what was imported before adds nothing. `name`: the file's, where it lies under another.

        ConfigError: something about it is not sure, and says what to tell. StoreError: the disk or the ledger does
        not take it; what was taken until then is kept, and the same import again adds the rest.
        """
        name = name or path.name
        plan = plan_of(path, shape_of(path), told, name)
        if plan.unsure:
            raise ConfigError("; ".join(plan.unsure))
        work = _Work(self._ledger, self._history, plan, stream or name, name)
        with _Rejects(self._rejects, name) as rejects:
            for batch in batches(path, plan.shape):
                good, bad = _judged(batch, plan)
                rejects.put(bad)
                work.put(batch, good, rejects)
                progress(work.rows)
        shown, file = tuple(rejects.first), str(rejects.path) if rejects.count else ""
        return Outcome(work.grown(), plan.layout, work.rows, work.new, rejects.count, file, shown)


class _Work:
    """One import under way."""

    def __init__(self, ledger: Ledger, history: History, plan: Plan, stream: str, origin: str) -> None:
        self._ledger, self._history, self._plan = ledger, history, plan
        self._stream, self._origin = stream, origin
        self._streams: dict[str, Stream] = {}
        self._identity = Identity()
        self._seen: Counter[str] = Counter()
        self.rows = self.new = 0

    def put(self, batch: Batch, good: pl.DataFrame, rejects: _Rejects) -> None:
        """Keep the good rows."""
        self.rows += good.height
        if not good.height:
            return
        if self._plan.kind == "executions":
            made, bad = fills(batch.frame, good, self._plan)
            rejects.put([(int(batch.lines[at]), why, batch.text(at)) for at, why in bad])
            self.rows -= len(bad)
            ids = {row.instrument for row in made}
            stream = self._of("" if len(ids) != 1 else ids.pop())
            self.new += self._ledger.executions.put(stream.id, made, self._seen)
            return
        for symbol, rows in _by_symbol(good):
            self._history_put(f"{self._plan.market}:{symbol}", rows)

    def grown(self) -> tuple[Stream, ...]:
        """The streams as they are now."""
        found = (self._ledger.streams.get(stream.id) for stream in self._streams.values())
        return tuple(stream for stream in found if stream is not None)

    def _history_put(self, id: str, rows: pl.DataFrame) -> None:
        import polars as pl

        plan, kind = self._plan, "trades"
        if plan.kind == "candles":
            span = next(name for name, seconds in TIMEFRAMES_S.items() if seconds == plan.span_s)
            kind, rows = f"candles_{span}", rows.with_columns(pl.lit(span).alias("timeframe"))
        else:
            rows = self._identity.told(id, rows)
        table = rows.drop("at", "symbol").with_columns(pl.lit(id).alias("id"), pl.lit("import").alias("origin"))
        stream = self._of(id)
        new = self._history.append(kind, plan.market, table.to_arrow())
        self._ledger.streams.grow(stream.id, new, cast(int, rows["ts"].min()), cast(int, rows["ts"].max()))
        self.new += new

    def _of(self, id: str) -> Stream:
        if (stream := self._streams.get(id)) is not None:
            return stream
        if self._plan.kind == "executions" and self._streams:
            return next(iter(self._streams.values()))
        if len(self._streams) >= MOST_SYMBOLS:
            raise ConfigError(
                f"symbol: the file has more than {MOST_SYMBOLS} instruments; is another column meant?"
            )
        alone = self._plan.kind == "executions" or "symbol" not in self._plan.columns
        name = self._stream if alone else f"{self._stream[:100]} · {id}"
        found = self._streams[id] = self._ledger.streams.add(name[:200], "file", self._plan.kind, id, self._origin)
        return found


class _Rejects:
    """The file of rows that were not taken: made with the first of them."""

    def __init__(self, folder: Path, name: str) -> None:
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:120]
        self.path = folder / f"{safe}.rejects.csv"
        self.count, self.first = 0, list[tuple[int, str, str]]()
        self._file: IO[str] | None = None

    def __enter__(self) -> _Rejects:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def put(self, rows: list[tuple[int, str, str]]) -> None:
        """Write them down."""
        if not rows:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="")
            csv.writer(self._file).writerow(("line", "reason", "text"))
        csv.writer(self._file).writerows(rows)
        self.first += rows[: SHOWN - len(self.first)]
        self.count += len(rows)


def _judged(batch: Batch, plan: Plan) -> tuple[pl.DataFrame, list[tuple[int, str, str]]]:
    """Good rows; bad ones as (line, why, text), by line."""
    width = len(plan.shape.columns)
    what = "no JSON object" if plan.shape.form == "ndjson" else f"not {width} columns"
    good, bad = converted(batch.frame, plan)
    found = [(line, what, text[:2_000]) for line, text in batch.broken]
    found += [(int(batch.lines[at]), why, batch.text(at)[:2_000]) for at, why in bad.iter_rows()]
    return good, sorted(found)


def _by_symbol(good: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    if good["symbol"].n_unique() == 1:
        yield str(good["symbol"][0]), good
        return
    for (symbol,), rows in good.partition_by("symbol", as_dict=True, maintain_order=True).items():
        yield str(symbol), rows
