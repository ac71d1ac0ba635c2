"""The process that runs queries. It may read the history's folder, write nothing, and hold only so much."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from crosstape.store.sql.arena import Shelf
from crosstape.store.sql.narrow import named
from crosstape.store.sql.offer import Offer
from crosstape.store.sql.watch import Watch
from crosstape.store.sql.wire import Done, Job, Start, packed, unpacked

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

NICER = 5
BATCH = 2_048
# What the process needs besides the query's own memory: tables that came along, the result, and the allocator's.
BESIDES_MB = 512


def main() -> None:
    """Until standard input ends."""
    # A copy of what is bounded anyway, for half the time of a relation, which is bound twice.
    warnings.filterwarnings("ignore", "Arrow output on a DB-API result")
    into, out = sys.stdin.buffer, sys.stdout.buffer
    start = unpacked(into.read, Start)
    if not isinstance(start, Start):
        return
    worker = Worker(start)
    confine(start)
    while isinstance(job := unpacked(into.read, Job), Job):
        done, body = worker.run(job)
        out.write(packed(done))
        out.write(body)
        out.flush()
        worker.undo()


def confine(start: Start) -> None:
    """From here on: no file longer than nothing can be written, memory ends, and others go first."""
    os.nice(NICER)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    if pages:
        # DuckDB counts most of what it allocates, not all: a list or a string of gigabytes is stopped here.
        most = pages * os.sysconf("SC_PAGE_SIZE") + ((start.memory_mb + BESIDES_MB) << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def locked(folder: str, memory_mb: int) -> duckdb.DuckDBPyConnection:
    """A database in memory that sees one folder and cannot be told otherwise."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": "1",
            "memory_limit": f"{memory_mb}MB",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        },
    )
    path = folder.replace("'", "''")
    for line in (
        "SET temp_directory = ''",
        "SET allow_community_extensions = false",
        "SET TimeZone = 'UTC'",
        f"SET allowed_directories = ['{path}']",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(line)
    return connection


class Worker:
    """Keeps the connection and what it was given."""

    def __init__(self, start: Start) -> None:
        self._connection = locked(start.folder, start.memory_mb)
        self._watch = Watch(self._connection.interrupt)
        self._most = start.result_mb << 20
        self._offer = Offer(Shelf(start.arena))
        self._registered = set[str]()

    def run(self, job: Job) -> tuple[Done, bytes | pa.Buffer]:
        """One query; whatever it does, the next finds everything as before."""
        import duckdb
        import pyarrow as pa

        self._offer.take(job.tables)
        try:
            if refusal := refused(job.sql):
                return Done(kind="statement", error=refusal), b""
            self._watch.begin(job.seconds)
            return self._narrowed(job)
        except duckdb.InterruptException:
            return Done(kind="time", error=f"the query took longer than {job.seconds:g} s"), b""
        except (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError):
            return Done(kind="memory", error="the query needs more memory than it may have"), b""
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError, ValueError) as error:
            if "Out of Memory" in str(error) or "allocat" in str(error):
                return Done(kind="memory", error="the query needs more memory than it may have"), b""
            return Done(kind="sql", error=str(error)), b""
        finally:
            self._watch.end()

    def undo(self) -> None:
        """After the answer: nothing of the query is left for the next."""
        import duckdb

        # There is nothing to undo where it failed before it began.
        with contextlib.suppress(duckdb.Error):
            self._connection.execute("ROLLBACK")
        while self._registered:
            self._connection.unregister(self._registered.pop())

    def _narrowed(self, job: Job) -> tuple[Done, bytes | pa.Buffer]:
        import duckdb

        words = job.words if job.known else self._named(job)
        if job.words is not None and (words is None or not words <= job.words):
            return Done(kind="again", words=words), b""
        if words is None:
            return self._answered(job, None)
        try:
            return self._answered(job, words)
        except duckdb.BinderException:
            # What does not fit is said of the whole table, with all its columns to choose from.
            self.undo()
            return Done(kind="again"), b""

    def _named(self, job: Job) -> frozenset[str] | None:
        import duckdb

        tables = (*job.views, *(given.name for given in job.tables))
        with contextlib.suppress(
            duckdb.ParserException, duckdb.CatalogException, msgspec.DecodeError, RecursionError
        ):
            found = self._connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [job.sql]).fetchall()
            return named(msgspec.json.decode(found[0][0]), tables)
        return None

    def _answered(self, job: Job, words: frozenset[str] | None) -> tuple[Done, bytes | pa.Buffer]:
        connection = self._connection
        for given in job.tables:
            connection.register(given.name, self._offer.table(given, words))
            self._registered.add(given.name)
        connection.execute("BEGIN TRANSACTION")
        for name, select in job.views.items():
            connection.execute(f'CREATE TEMP VIEW "{name}" AS {select}')
        return self._result(connection.execute(job.sql), job.limit, words)

    def _result(self, answer: Any, limit: int, words: frozenset[str] | None) -> tuple[Done, bytes | pa.Buffer]:
        import pyarrow as pa

        reader = answer.to_arrow_reader(BATCH)
        sink, rows, truncated = pa.BufferOutputStream(), 0, False
        with pa.ipc.new_stream(sink, reader.schema) as writer:
            for batch in reader:
                if rows + batch.num_rows > limit:
                    batch, truncated = batch.slice(0, limit - rows), True
                rows += batch.num_rows
                writer.write_batch(batch)
                if sink.tell() > self._most:
                    return Done(kind="size", error=f"the result is larger than {self._most >> 20} MB"), b""
                if truncated:
                    break
        body = sink.getvalue()
        return Done(body.size, truncated, words=words), body


def refused(sql: str) -> str:
    """Why this is not one SELECT; "" when it is."""
    import duckdb

    statements = duckdb.extract_statements(sql)
    if len(statements) != 1:
        return f"one SELECT is taken, these are {len(statements)} statements"
    kind = statements[0].type
    if kind != duckdb.StatementType.SELECT:
        return f"one SELECT is taken, this is {kind.name.replace('_', ' ')}"
    return ""
