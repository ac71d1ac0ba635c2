"""SQL over tables in memory and the history: a bounded queue, one thread, one confined process."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from crosstape.model.errors import QueryError
from crosstape.store.history.files import History
from crosstape.store.history.schemas import KINDS, TIMEFRAMES_S, schema
from crosstape.store.sql.child import Child
from crosstape.store.sql.parts import Block, Part, Tables, whole
from crosstape.store.sql.settings import SqlSettings

if TYPE_CHECKING:
    import pyarrow as pa

# What a query sees of the words that it says.
Source = Callable[[frozenset[str]], Tables]
TIME = "make_timestamp_ns(ts) AS time"
NAMED = re.compile(r"\w+")
CANDLES = tuple(map("candles_{}".format, TIMEFRAMES_S))


class Result(msgspec.Struct, frozen=True):
    """Rows of a query; `truncated`: there were more than the limit. `seconds` without the wait for its turn."""

    table: pa.Table
    truncated: bool
    seconds: float


class Sql:
    """Answers queries of any thread, one after the other. `source` gives the tables whose names a query says."""

    def __init__(self, history: History, source: Source, settings: SqlSettings) -> None:
        self.settings, self._history, self._source = settings, history, source
        self._child = Child(history.folder, settings)
        self._thread = ThreadPoolExecutor(1, "sql")
        self._room = threading.BoundedSemaphore(settings.waiting)

    def query(self, sql: str, limit: int | None = None) -> Result:
        """The rows of one SELECT, at most `limit`; QueryError says what was wrong and what is allowed."""
        most = self.settings.max_rows
        limit = self.settings.rows if limit is None else limit
        if not 1 <= limit <= most:
            raise QueryError("rows", f"limit: {limit} rows are not possible", f"1 … {most}")
        if not self._room.acquire(blocking=False):
            raise QueryError("busy", f"{self.settings.waiting} queries wait already; try again")
        try:
            future: Future[Result] = self._thread.submit(self._run, sql, limit)
        except RuntimeError as error:
            self._room.release()
            raise QueryError("busy", "crosstape is about to end") from error
        future.add_done_callback(lambda _: self._room.release())
        return future.result()

    def close(self) -> None:
        """Queries that wait are not begun; the process ends."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._child.close()

    def _run(self, sql: str, limit: int) -> Result:
        import pyarrow as pa

        began = time.perf_counter()
        said = frozenset(NAMED.findall(sql.lower()))
        tables = dict(self._source(said))
        views: dict[str, str] = {}
        # No file is replaced while it is being read.
        with self._history.steady:
            for name in (*KINDS, "candles"):
                if name in said and name not in tables:
                    self._over(name, views, tables)
            done, body = self._child.run(sql, limit, self.settings.seconds, views, tables)
        if done.kind:
            raise QueryError(done.kind, done.error, self._allowed(done.kind))
        return Result(pa.ipc.open_stream(body).read_all(), done.truncated, time.perf_counter() - began)

    def _over(self, name: str, views: dict[str, str], tables: dict[str, tuple[Part | Block, ...]]) -> None:
        """A view over a kind's files, or an empty table where there are none."""
        kinds = CANDLES if name == "candles" else (name,)
        here = [kind for kind in kinds if any((self._history.folder / kind).glob("market=*/day=*/*.parquet"))]
        if not here:
            tables[name] = whole(0, empty(kinds[0]))
            return
        root = str(self._history.folder).replace("'", "''")
        files = ", ".join(f"'{root}/{kind}/*/*/*.parquet'" for kind in here)
        views[name] = (
            f"SELECT *, {TIME} FROM read_parquet([{files}], union_by_name = true, "
            "hive_partitioning = true, hive_types = {'market': VARCHAR, 'day': DATE})"
        )

    def _allowed(self, kind: str) -> str:
        limits = self.settings
        return {
            "time": f"{limits.seconds:g} s", "memory": f"{limits.memory_mb} MB", "size": f"{limits.result_mb} MB",
            "statement": "exactly one SELECT",
        }.get(kind, "")  # fmt: skip


def empty(kind: str) -> pa.Table:
    """A kind of history that has no rows, with the columns a query may name."""
    import pyarrow as pa

    table = schema(kind).empty_table()
    more = {"market": pa.string(), "day": pa.date32(), "time": pa.timestamp("ns")}
    for name, kind_of in more.items():
        table = table.append_column(name, pa.array([], kind_of))
    return table
