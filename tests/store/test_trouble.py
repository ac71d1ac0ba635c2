"""Locks, full disks, kills: StoreError while it lasts, nothing lost that was confirmed."""

from __future__ import annotations

import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from crosstape.model.completeness import Completeness
from crosstape.model.errors import StoreError
from crosstape.store import database as module
from crosstape.store.database import Database, open_database
from crosstape.store.ledger import Ledger

Open = Callable[..., Ledger]

WRITING = """
import sys
from crosstape.store.ledger import Ledger
from crosstape.model.completeness import Completeness
ledger = Ledger.open(sys.argv[1])
for hour in range(1_000_000):
    ledger.completeness_put([Completeness("a/0", hour, frames=hour), Completeness("b/0", hour, frames=hour)])
    print(hour, flush=True)
"""

FULL = """
import resource, sys
from crosstape.model.errors import StoreError
from crosstape.store.ledger import Ledger
ledger = Ledger.open(sys.argv[1])
ledger.prefs_put("ann", {"a": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, resource.RLIM_INFINITY))
try:
    ledger.prefs_put("big", {"a": "x" * 1_000_000})
except StoreError as error:
    print("StoreError", error)
assert ledger.prefs_get("ann") == {"a": 1}
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ledger.prefs_put("big", {"a": "x" * 1_000_000})
assert len(ledger.prefs_get("big")["a"]) == 1_000_000
ledger.close()
print("recovered")
"""


def test_readers_go_on_while_one_writes(ledger: Ledger) -> None:
    stop, troubles, reads = threading.Event(), [], []

    def read() -> None:
        while not stop.is_set():
            try:
                rows = ledger.completeness("", 0, 1_000)
                reads.append(len(rows))
            except StoreError as error:
                troubles.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for hour in range(200):
        ledger.completeness_put([Completeness("a", hour), Completeness("b", hour)])
    stop.set()
    for reader in readers:
        reader.join()
    assert troubles == []
    assert len(reads) > 10
    assert all(n % 2 == 0 for n in reads)
    assert len(ledger.completeness("", 0, 1_000)) == 400


def test_writers_from_many_threads_all_land(ledger: Ledger) -> None:
    def write(n: int) -> None:
        for hour in range(20):
            ledger.completeness_put([Completeness(f"s{n}", hour)])

    writers = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(ledger.completeness("", 0, 1_000)) == 160


@pytest.mark.parametrize("rounds", [3])
def test_kill_9_while_writing_loses_nothing_confirmed(url: str, opened: Open, rounds: int) -> None:
    for _ in range(rounds):
        writing = subprocess.Popen([sys.executable, "-c", WRITING, url], stdout=subprocess.PIPE, text=True)
        assert writing.stdout is not None
        for _ in range(50):
            writing.stdout.readline()
        writing.send_signal(signal.SIGKILL)
        confirmed = [int(line) for line in writing.stdout.read().split("\n")[:-1] if line]
        writing.wait()
        writing.stdout.close()
        last = confirmed[-1] if confirmed else 49
        ledger = opened(url)
        rows = ledger.completeness("", 0, 1_000_000)
        assert {r.hour for r in rows if r.source == "a/0"} >= set(range(last + 1))
        assert {r.hour for r in rows if r.source == "a/0"} == {r.hour for r in rows if r.source == "b/0"}
        ledger.prefs_put("ann", {"alive": True})
        ledger.close()
    if url.startswith("sqlite"):
        raw = sqlite3.connect(url.removeprefix("sqlite:///"))
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        raw.close()


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no file size limit here")
def test_a_full_disk_is_a_store_error_and_passes(tmp_path: Path) -> None:
    out = subprocess.run(
        [sys.executable, "-c", FULL, f"sqlite:///{tmp_path}/ledger.db"], capture_output=True, text=True
    )
    assert out.returncode == 0, out.stderr
    assert "StoreError the ledger cannot write" in out.stdout
    assert "recovered" in out.stdout


def test_a_lock_held_elsewhere_is_a_store_error_and_passes(tmp_path: Path, opened: Open) -> None:
    file = tmp_path / "ledger.db"
    ledger = opened(f"sqlite:///{file}?timeout=0.05")
    ledger.prefs_put("ann", {"a": 1})
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        ledger.prefs_put("ann", {"a": 2})
    assert ledger.prefs_get("ann") == {"a": 1}
    other.execute("ROLLBACK")
    other.close()
    ledger.prefs_put("ann", {"a": 3})
    assert ledger.prefs_get("ann") == {"a": 3}


def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_bytes(b"not a database " * 1_000)
    with pytest.raises(StoreError, match="not a database"):
        Ledger.open(f"sqlite:///{file}")
    assert file.read_bytes() == b"not a database " * 1_000


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot open"):
        Ledger.open("", tmp_path / "file" / "data")


def test_a_server_that_went_away_and_came_back_is_used_again(postgres: str, url: str, ledger: Ledger) -> None:
    if url.startswith("sqlite"):
        return
    import psycopg

    ledger.prefs_put("ann", {"a": 1})
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert ledger.prefs_get("ann") == {"a": 1}
    ledger.prefs_put("ann", {"a": 2})
    assert ledger.prefs_get("ann") == {"a": 2}


def test_too_many_waiting_writes_are_refused_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_WRITES", 2)
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    database = open_database(f"sqlite:///{tmp_path}/ledger.db")
    free, inside = threading.Event(), threading.Event()
    slow = threading.Thread(target=database.write, args=(lambda c: (inside.set(), free.wait(5)),))
    waiting = threading.Thread(target=_touch, args=(database,))
    slow.start()
    assert inside.wait(5)
    waiting.start()
    time.sleep(0.05)
    with pytest.raises(StoreError, match="refused"):
        _touch(database)
    assert database.refused == 1
    free.set()
    slow.join()
    waiting.join()
    _touch(database)
    database.close()


def _touch(database: Database) -> None:
    database.write(lambda c: c.execute(text("UPDATE prefs SET updated_ts = updated_ts")))
