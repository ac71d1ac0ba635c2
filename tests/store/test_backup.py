"""A backup is the ledger as of one moment, restored whole or not at all, on either database."""

from __future__ import annotations

import contextlib
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, select, text

from crosstape.model.access import Written
from crosstape.model.completeness import Completeness
from crosstape.model.errors import ConfigError, StoreError
from crosstape.model.event import Side
from crosstape.model.execution import Execution
from crosstape.store.backup import backup, check, restore
from crosstape.store.database import parse
from crosstape.store.ledger import Ledger
from crosstape.store.tables import TABLES

Open = Callable[..., Ledger]
PORTABLE = "ledger.jsonl.zst"


def fill(n: int) -> Execution:
    return Execution(n, "bybit-linear:BTCUSDT", Side.SELL, Decimal("0.000000000000000001"), Decimal(n), str(n))


@pytest.fixture
def full(url: str, opened: Open) -> str:
    """A ledger with something in it."""
    ledger = opened(url)
    ledger.prefs_put("ann", {"né": [1, None, {"a": "Ω"}]})
    ledger.access.create("desk", "trader", ("ws",))
    ledger.audit_put([Written(1, "desk", 1, "trader", "127.0.0.1", "POST", "/x", 200)])
    ledger.completeness_put([Completeness("a/0", 1)])
    stream = ledger.streams.add("fills", "file", "executions").id
    ledger.executions.put(stream, [fill(n) for n in range(1, 2_500)])
    ledger.boards.save("mine", "SELECT 1 AS id", "ann")
    ledger.close()
    return url


def everything(url: str) -> dict[str, list[object]]:
    engine = create_engine(parse(url))
    try:
        with engine.connect() as connection:
            return {
                table.name: sorted(map(repr, connection.execute(select(table)).all()))
                for table in TABLES.sorted_tables
            }
    finally:
        engine.dispose()


@pytest.fixture
def other(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/other/ledger.db"


def test_there_and_back_on_both_databases(full: str, other: str, tmp_path: Path) -> None:
    before = everything(full)
    counts = backup(full, tmp_path / PORTABLE)
    assert counts["executions"] == 2_499
    assert stat.S_IMODE((tmp_path / PORTABLE).stat().st_mode) == 0o600
    assert restore(other, tmp_path / PORTABLE) == counts
    assert everything(other) == before
    back = tmp_path / "back.jsonl.zst"
    backup(other, back)
    assert restore(full, back, replace=True) == counts
    assert everything(full) == before
    assert check(full) == check(other)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_ids_go_on_where_they_were(full: str, other: str, opened: Open, tmp_path: Path) -> None:
    backup(full, tmp_path / PORTABLE)
    restore(full, tmp_path / PORTABLE, replace=True)
    ledger = opened(full)
    assert ledger.streams.add("next", "file", "executions").id == 2
    ledger.access.create("next", "viewer")
    assert [key.id for key in ledger.access.all()] == [1, 2]


def test_a_sqlite_copy(full: str, other: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    if full.startswith("postgres"):
        with pytest.raises(ConfigError, match="only a SQLite ledger can be copied as a database"):
            backup(full, copy)
        assert not copy.exists()
        return
    before = everything(full)
    backup(full, copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    restore(other, copy)
    assert everything(other) == before == everything(f"sqlite:///{copy}")


def test_a_sqlite_copy_goes_into_either_database(url: str, opened: Open, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path}/source.db"
    first = opened(source)
    first.prefs_put("ann", {"a": 1})
    first.close()
    backup(source, tmp_path / "copy.db")
    restore(url, tmp_path / "copy.db")
    assert opened(url).prefs_get("ann") == {"a": 1}


def test_a_ledger_with_rows_is_not_overwritten(full: str, tmp_path: Path) -> None:
    backup(full, tmp_path / PORTABLE)
    before = everything(full)
    with pytest.raises(ConfigError, match=r"not empty \(.*2499 executions.*--replace"):
        restore(full, tmp_path / PORTABLE)
    assert everything(full) == before
    with pytest.raises(ConfigError, match="exists already"):
        backup(full, tmp_path / PORTABLE)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_a_damaged_backup_changes_nothing(full: str, tmp_path: Path, share: float) -> None:
    backup(full, tmp_path / PORTABLE)
    whole = (tmp_path / PORTABLE).read_bytes()
    before = everything(full)
    cut, flipped = tmp_path / "cut", tmp_path / "flipped"
    cut.write_bytes(whole[: int(len(whole) * share)])
    changed = bytearray(whole)
    changed[int(len(whole) * share)] ^= 0xFF
    flipped.write_bytes(changed)
    for bad in (cut, flipped):
        with pytest.raises(StoreError, match=r"damaged|no backup"):
            restore(full, bad, replace=True)
        assert everything(full) == before


def test_what_is_no_ledger_is_named(tmp_path: Path, other: str) -> None:
    with pytest.raises(ConfigError, match="there is no ledger at"):
        check(other)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(StoreError, match=r"damaged|no backup"):
        restore(other, tmp_path / "text")
    strange = f"sqlite:///{tmp_path}/strange.db"
    with create_engine(strange).begin() as connection:
        connection.execute(text("CREATE TABLE x (a INTEGER)"))
    with pytest.raises(ConfigError, match=r"no ledger of crosstape's"):
        check(strange)


def test_a_damaged_ledger_is_found(tmp_path: Path, opened: Open) -> None:
    file = tmp_path / "ledger.db"
    url = f"sqlite:///{file}"
    ledger = opened(url)
    ledger.executions.put(ledger.streams.add("fills", "file", "executions").id, [fill(n) for n in range(1, 500)])
    ledger.close()
    assert check(url)[1]["executions"] == 499
    pages = bytearray(file.read_bytes())
    for page in range(len(pages) // 2 // 4096, len(pages) // 4096):
        pages[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(pages)
    with pytest.raises(StoreError):
        check(url)


def test_a_backup_of_a_ledger_in_use_is_one_moment(full: str, other: str, opened: Open, tmp_path: Path) -> None:
    """Each put adds two rows that belong together; no backup has one of them."""
    ledger, stop = opened(full), threading.Event()
    stream = ledger.streams.add("pairs", "push", "executions").id

    def write() -> None:
        n = 10_000
        while not stop.is_set():
            ledger.executions.put(stream, [fill(n), fill(n + 1)])
            n += 2

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for round in range(3):
            file = tmp_path / f"{round}.jsonl.zst"
            backup(full, file)
            restore(other, file, replace=True)
            kept = Ledger.open(other)
            with contextlib.closing(kept):
                pairs = kept.streams.named("pairs")
                assert pairs is not None
                assert kept.executions.count(pairs.id) == pairs.count
                assert pairs.count % 2 == 0
    finally:
        stop.set()
        writing.join()


PUTTING = """
import sys
from decimal import Decimal
from crosstape.model.event import Side
from crosstape.model.execution import Execution
from crosstape.store.ledger import Ledger
ledger = Ledger.open(sys.argv[1])
stream = ledger.streams.add("fills", "push", "executions").id
n = ledger.executions.count(stream)
while True:
    rows = [Execution(n + i, "x:BTCUSDT", Side.BUY, Decimal(1), Decimal(1), str(n + i)) for i in range(10)]
    ledger.executions.put(stream, rows)
    n += 10
    print(n, flush=True)
"""


def _acknowledged(url: str) -> int:
    process = subprocess.Popen([sys.executable, "-c", PUTTING, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    last = 0
    with process.stdout as out:
        for line in _first(out, 30):
            last = int(line)
        process.send_signal(signal.SIGKILL)
        for line in out:
            with contextlib.suppress(ValueError):
                last = max(last, int(line))
    process.wait()
    return last


def _first(lines: Iterator[str], most: int) -> Iterator[str]:
    for _, line in zip(range(most), lines, strict=False):
        yield line


def test_killed_while_it_writes_nothing_acknowledged_is_lost(url: str, opened: Open) -> None:
    for _ in range(2):
        acknowledged = _acknowledged(url)
        ledger = opened(url)
        stream = ledger.streams.named("fills")
        assert stream is not None
        count = ledger.executions.count(stream.id)
        assert acknowledged <= count <= acknowledged + 10
        assert stream.count == count
        assert len({row.trade_id for row in ledger.executions.every(stream.id)}) == count
        ledger.close()
    assert check(url)[1]["executions"] == count


def test_the_copy_keeps_what_the_insert_wrote(other: str, opened: Open) -> None:
    ledger = opened(other)
    wallets = TABLES.tables["wallet_balances"]
    row = {"wallet_address": "a", "token_mint": "b", "updated_ts": 1, "balance": Decimal("1.5"), "usd_value": None}
    ledger._database.write(lambda c: c.execute(insert(wallets), row))
    assert ledger._database.read(lambda c: c.execute(select(wallets)).mappings().one()) == row
