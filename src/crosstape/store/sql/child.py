"""Our side of the process that runs queries: started when needed, killed when it does not come back."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import msgspec
from msgspec import structs

from crosstape.store.sql.arena import Arena
from crosstape.store.sql.parts import Block, Part, Tables
from crosstape.store.sql.settings import SqlSettings
from crosstape.store.sql.watch import Watch
from crosstape.store.sql.wire import Done, Given, Job, Place, Start, packed, unpacked

# A function that does not look at its interruption is given so long, then its process ends.
GRACE_S = 1.0
STARTS_S = 20.0
DIED = "the query needed more than its process may have, and was ended"
# Its memory is bounded by addresses: allocators that reserve gigabytes, or some for every thread, are told not to.
PLAIN = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}
ENTRY = "from crosstape.store.sql.worker import main; main()"
# Queries whose columns are remembered, and how long one may be.
QUERIES, LONGEST = 256, 8_192
WORD = re.compile(r"\w+")
KEPT = ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class Child:
    """One process; one query at a time, from one thread. It knows nothing of our environment but the paths."""

    def __init__(self, folder: Path, settings: SqlSettings) -> None:
        self._arena = Arena()
        self._start = Start(str(folder), self._arena.handle, settings.memory_mb, settings.result_mb)
        self._process: subprocess.Popen[bytes] | None = None
        self._there: dict[str, int] = {}
        self._words: OrderedDict[tuple[str, ...], frozenset[str] | None] = OrderedDict()
        self._watch = Watch(self._kill)
        self._late = False
        self.starts = 0

    def run(
        self, sql: str, limit: int, seconds: float, views: Mapping[str, str], tables: Tables
    ) -> tuple[Done, bytes]:
        """The query's answer and its Arrow stream."""
        process, fresh = self._running()
        key = (sql, *views, *tables)
        # Whatever it names stands in it, most often as a word: what else it needs, it asks for.
        known, said = key in self._words, frozenset(WORD.findall(sql.lower()))
        job = Job(sql, limit, seconds, dict(views), known=known, words=self._words[key] if known else said)
        self._late = False
        self._watch.begin(seconds + GRACE_S + (STARTS_S if fresh else 0.0))
        try:
            done, body = _asked(process, self._with(job, tables))
            # Twice at most: once to name them, once to take everything.
            while done.kind == "again":
                done, body = _asked(
                    process, self._with(structs.replace(job, known=True, words=done.words), tables)
                )
            self._learn(key, done.words)
            if done.kind == "memory":
                # What it holds now it would hold on to.
                self.end()
            return done, body
        except (OSError, EOFError, msgspec.MsgspecError):
            self.end()
            if self._late:
                return Done(kind="time", error=f"the query took longer than {seconds:g} s"), b""
            return Done(kind="memory", error=DIED), b""
        finally:
            self._watch.end()

    def close(self) -> None:
        """The process and the memory are gone when this returns."""
        self.end()
        self._watch.close()
        self._arena.close()

    def end(self) -> None:
        """The process is gone when this returns; the next query starts another."""
        process, self._process = self._process, None
        self._there.clear()
        self._arena.clear()
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                # What was buffered for a process that died has no reader.
                with contextlib.suppress(OSError):
                    pipe.close()

    def _kill(self) -> None:
        self._late = True
        if (process := self._process) is not None:
            process.kill()

    def _running(self) -> tuple[subprocess.Popen[bytes], bool]:
        if self._process is not None and self._process.poll() is None:
            return self._process, False
        self.end()
        self.starts += 1
        environment = {name: os.environ[name] for name in KEPT if name in os.environ} | PLAIN
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(
            [sys.executable, "-c", ENTRY], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=environment, pass_fds=(self._arena.handle,), start_new_session=True,
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(packed(self._start))
        return self._process, True

    def _learn(self, key: tuple[str, ...], words: frozenset[str] | None) -> None:
        if len(key[0]) > LONGEST:
            return
        self._words[key] = words
        self._words.move_to_end(key)
        if len(self._words) > QUERIES:
            self._words.popitem(last=False)

    def _with(self, job: Job, tables: Tables) -> Job:
        """The job with the places of what it names."""
        given = tuple(
            Given(
                name,
                tuple(
                    place
                    for i, part in enumerate(parts)
                    if (place := self._place(f"{name}/{i}", i, part, job.words))
                ),
            )
            for name, parts in tables.items()
        )
        return structs.replace(job, tables=given)

    def _place(self, key: str, i: int, part: Part | Block, words: frozenset[str] | None) -> Place | None:
        """None where nothing of it is named; the first part always is there, to count rows by."""
        if isinstance(part, Block):
            names = [name for name in part.columns if words is None or name.lower() in words]
            return self._arena.fill(key, part, names) if names else None
        if i and words is not None and not any(name.lower() in words for name in part.table.column_names):
            return None
        if self._there.get(key) == part.version:
            return Place(key, same=True)
        self._there[key] = part.version
        return Place(key, *self._arena.put(key, part.table))


def _asked(process: subprocess.Popen[bytes], job: Job) -> tuple[Done, bytes]:
    into, out = process.stdin, process.stdout
    assert into is not None
    assert out is not None
    into.write(packed(job))
    into.flush()
    done = unpacked(out.read, Done)
    if not isinstance(done, Done):
        raise EOFError
    return done, _whole(out, done.size)


def _whole(out: IO[bytes], size: int) -> bytes:
    body = out.read(size)
    if len(body) < size:
        raise EOFError
    return body
