"""SQL: what it answers, and that nothing gets out, in, or in the way of others."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from crosstape.model.errors import QueryError
from crosstape.store.history.files import DAY_NS, History
from crosstape.store.ledger import Ledger
from crosstape.store.sql.engine import Sql
from crosstape.store.sql.ledger import ledger_tables
from crosstape.store.sql.parts import Tables, whole
from crosstape.store.sql.settings import SqlSettings
from support.demo import until

START = 1_700_000_000_000_000_000
TIGHT = SqlSettings(memory_mb=128, seconds=1.0, rows=10, max_rows=50_000, result_mb=4, waiting=2)


def trades(n: int, day: int = 0) -> pa.Table:
    return pa.table(
        {
            "ts": [START + day * DAY_NS + i for i in range(n)], "id": ["m:A", "m:B"] * (n // 2), "price": [float(i) for i in range(n)],
            "size": [1.0] * n, "side": ["buy"] * n, "trade_id": [f"{day}-{i}" for i in range(n)],
        }
    )  # fmt: skip


class Live:
    """A table that changes with its version."""

    def __init__(self) -> None:
        self.version = 1

    def __call__(self, said: frozenset[str]) -> Tables:
        table = pa.table({"id": ["m:A", "m:B"], "last": [float(self.version), None], "select": [1, 2]})
        return {"live": whole(self.version, table)} if "live" in said else {}


@pytest.fixture(scope="module")
def live() -> Live:
    return Live()


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory, live: Live) -> Iterator[Sql]:
    """One for all tests: whatever the one before did, the next finds everything in order."""
    history = History(tmp_path_factory.mktemp("history"))
    history.append("trades", "m", trades(100))
    history.append("trades", "n", trades(50, day=1))
    history.append(
        "candles_1m", "m", pa.table({"ts": [START], "id": ["m:A"], "timeframe": ["1m"], "close": [7.0]})
    )
    history.append(
        "candles_1h", "m", pa.table({"ts": [START], "id": ["m:A"], "timeframe": ["1h"], "close": [8.0]})
    )
    made = Sql(history, live, TIGHT)
    yield made
    made.close()


def rows(sql: Sql, text: str, limit: int | None = None) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in sql.query(text, limit).table.to_pylist()]


def refused(sql: Sql, text: str) -> QueryError:
    with pytest.raises(QueryError) as caught:
        sql.query(text)
    return caught.value


def test_live_columns_history_and_both_joined(sql: Sql, live: Live) -> None:
    assert rows(sql, "select id, last from live order by last desc nulls last") == [
        ("m:A", float(live.version)),
        ("m:B", None),
    ]
    assert rows(sql, "select market, count(*), max(price) from trades group by all order by all") == [
        ("m", 100, 99.0),
        ("n", 50, 49.0),
    ]
    assert rows(sql, "select count(*) from trades where day = '2023-11-15'") == [(50,)]
    assert rows(sql, "select timeframe, close from candles order by close") == [("1m", 7.0), ("1h", 8.0)]
    assert rows(sql, "select close from candles_1h") == [(8.0,)]
    assert rows(
        sql, "select l.last, count(*) from trades t join live l using (id) where l.id = 'm:A' group by 1"
    ) == [(1.0, 75)]
    assert rows(sql, "SELECT count(*) FROM Quotes") == [(0,)]
    assert rows(sql, "select epoch_ns(min(time)) from trades") == [(START,)]


def test_a_new_version_is_seen_at_once(sql: Sql, live: Live) -> None:
    for _ in range(3):
        live.version += 1
        assert rows(sql, "from live limit 1")[0][1] == live.version
        assert rows(sql, "select max(last) from live") == [(live.version,)]
    live.version = 1
    sql.query("select 1 from live")


def test_rows_end_at_the_limit(sql: Sql) -> None:
    assert len(rows(sql, "from trades")) == 10
    assert sql.query("from trades").truncated
    assert len(rows(sql, "from trades", 150)) == 150
    assert not sql.query("from trades", 150).truncated
    assert len(rows(sql, "select range from range(100000)", 50_000)) == 50_000
    error = refused_limit(sql)
    assert (error.kind, error.allowed) == ("rows", "1 … 50000")


def refused_limit(sql: Sql) -> QueryError:
    with pytest.raises(QueryError) as caught:
        sql.query("select 1", 50_001)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "copy (select 1) to '{out}'", "copy (select 1) to '{history}/x.parquet'", "copy trades from '{out}'", "attach '{out}' as x",
        "attach ':memory:' as x", "install httpfs", "load httpfs", "force install httpfs from community", "pragma database_list",
        "set memory_limit = '100GB'", "reset memory_limit", "set global threads = 8", "select 1; select 2", "select 1; copy (select 1) to '{out}'",
        "create table x as select 1", "create macro m() as 1", "insert into live values ('x', 1.0, 1)", "delete from live", "update live set last = 1",
        "drop view live", "export database '{out}'", "import database '{out}'", "call pragma_version()", "explain select 1", "explain analyze select 1",
        "prepare p as select 1", "begin", "vacuum", "checkpoint", "use memory", "detach memory", "", "   ", "-- nothing", "create secret (type s3)",
    ],
)  # fmt: skip
def test_anything_but_one_select_is_refused(sql: Sql, tmp_path: Path, text: str) -> None:
    out = tmp_path / "out"
    error = refused(sql, text.format(out=out, history=sql._history.folder))
    assert error.kind in ("statement", "sql")
    assert not out.exists()
    assert not (sql._history.folder / "x.parquet").exists()
    assert rows(sql, "select 1") == [(1,)]


@pytest.mark.parametrize(
    "text",
    [
        "from '/etc/passwd'", "from read_csv('/etc/passwd')", "from read_text('/etc/passwd')", "from read_blob('/etc/passwd')",
        "from read_json('/proc/self/environ')", "from read_text('/proc/self/environ')", "from sniff_csv('/etc/passwd')",
        "from parquet_metadata('/etc/passwd')", "from glob('/etc/*')", "from glob('{history}/../*')", "from read_text('{history}/../secret')",
        "from read_text('{history}/link')", "from read_parquet('https://127.0.0.1/x.parquet')", "from 'http://127.0.0.1/x.csv'",
        "from read_csv('s3://bucket/x.csv')", "select getenv('HOME')", "select * from query('copy (select 1) to ''{history}/q''')",
        "with x as (insert into live values ('x', 1.0, 1) returning *) from x", "with x as materialized (from '/etc/passwd') from x",
        "from sqlite_scan('{history}/../ledger.db', 'api_keys')", "from postgres_scan('host=127.0.0.1', 'public', 'api_keys')",
        "from api_keys", "select hash from api_keys", "from prefs", "from audit_log", "from information_schema.tables where x", "from read_duckdb('/x')",
        "select json_execute_serialized_sql('{{}}')", "from shell('id')", "select system('id')", "from which_secret('/x', 's3')",
    ],
)  # fmt: skip
def test_nothing_outside_is_read(sql: Sql, text: str) -> None:
    folder = sql._history.folder
    (folder.parent / "secret").write_text("secret")
    if not (folder / "link").is_symlink():
        (folder / "link").symlink_to(folder.parent / "secret")
    error = refused(sql, text.format(history=folder))
    assert error.kind in ("sql", "statement")
    assert "secret\n" not in str(error)
    assert not (folder / "q").exists()
    assert rows(sql, "select count(*) from trades") == [(150,)]


def test_what_is_around_a_query_stays_as_it_was(sql: Sql) -> None:
    settings = dict(
        sql.query(
            "select name, value from duckdb_settings() where name in ('lock_configuration', 'enable_external_access')"
        )
        .table.to_pylist()[i]
        .values()
        for i in range(2)
    )
    assert settings == {"lock_configuration": "true", "enable_external_access": "false"}
    assert "disabled by configuration" in str(refused(sql, "from duckdb_secrets()"))
    assert rows(sql, "select current_setting('home_directory')") == [("",)]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("with recursive t(n) as (select 1 union all select n + 1 from t) select max(n) from t", ("time", "memory")),
        ("select count(*) from range(1000000) a, range(1000000) b, range(1000) c", ("time", "memory")),
        ("select count(*) from trades a, trades b, trades c, trades d, trades e, trades f, trades g", ("time", "memory")),
        ("select levenshtein(repeat('a', 100000), repeat('b', 100000))", ("time",)),
        ("select length(repeat('x', 2000000000))", ("memory",)),
        ("select length(repeat(repeat('x', 100000000), 30))", ("memory", "time")),
        ("select list_sum(range(2000000000))", ("memory",)),
        ("with recursive t(s) as (select 'x' union all select s || s from t) select max(length(s)) from t", ("memory", "time")),
        ("select list(range) from range(100000000)", ("memory",)),
        ("select count(distinct a.range || b.range) from range(20000) a, range(20000) b", ("memory", "time")),
        ("select format('{:>2000000000}', 'x')", ("memory", "sql")),
        ("select repeat('x', 1000000) from range(100)", ("memory", "size")),
        ("select range, repeat('x', 1000) from range(50000)", ("size",)),
    ],
)  # fmt: skip
def test_a_limit_that_is_broken_is_told_and_disturbs_nothing(sql: Sql, text: str, kinds: tuple[str, ...]) -> None:
    before = psutil.Process().memory_info().rss
    with pytest.raises(QueryError) as caught:
        sql.query(text, 50_000)
    error = caught.value
    assert error.kind in kinds
    assert error.allowed or error.kind == "sql"
    assert rows(sql, "select count(*), max(l.last) from trades, live l") == [(300, 1.0)]
    assert psutil.Process().memory_info().rss - before < 100e6


def test_a_process_that_is_killed_is_started_again(sql: Sql) -> None:
    sql.query("select 1")
    process = sql._child._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert rows(sql, "select last from live where id = 'm:A'") == [(1.0,)]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(sql.query, "select count(*) from range(1000000) a, range(1000000) b")
        until(lambda: sql._child._process is not None and sql._child._process.poll() is None, "it runs")
        assert sql._child._process is not None
        sql._child._process.kill()
        with pytest.raises(QueryError):
            asked.result()
    assert rows(sql, "select 1") == [(1,)]


def test_the_process_knows_nothing_of_our_environment(sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSTAPE_KEY", "very-secret")
    sql._child.end()
    sql.query("select 1")
    assert sql._child._process is not None
    child = psutil.Process(sql._child._process.pid)
    assert "CROSSTAPE_KEY" not in child.environ()
    assert child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert child.rlimit(psutil.RLIMIT_AS)[0] < 8 << 30


def test_more_than_may_wait_is_refused(sql: Sql) -> None:
    slow = "select count(*) from range(1000000) a, range(1000000) b"
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(sql.query, slow) for _ in range(6)]
        kinds = [error.kind for one in asked if isinstance(error := one.exception(), QueryError)]
    assert sorted(set(kinds)) == ["busy", "time"]
    assert kinds.count("time") >= 2
    assert rows(sql, "select 1") == [(1,)]


def test_two_columns_of_one_name_and_every_type(sql: Sql) -> None:
    found = sql.query(
        "select 1 as a, 2 as a, 1.5::decimal(38,18) as d, now() as t, [1,2] as l, {'x': 1} as s, null as n, 'x'::blob as b"
    ).table
    assert found.num_columns == 8


def test_the_ledger_as_arrow(tmp_path: Path) -> None:
    ledger = Ledger.open("", tmp_path)
    try:
        ledger.access.create("mine", "admin")
        ledger.boards.save("top", "select 1", "me")
        found = ledger_tables(
            ledger, frozenset({"saved_boards", "executions", "api_keys", "prefs", "audit_log", "rules"})
        )
        assert sorted(found) == ["executions", "saved_boards"]
        assert found["saved_boards"]["name"].to_pylist() == ["top"]
        assert found["executions"].num_rows == 0
        assert found["executions"].schema.field("price").type == pa.decimal128(38, 18)

        def source(said: frozenset[str]) -> Tables:
            return {name: whole(1, table) for name, table in ledger_tables(ledger, said).items()}

        sql = Sql(History(tmp_path / "history"), source, SqlSettings())
        try:
            assert rows(sql, "select name, owner from saved_boards") == [("top", "me")]
            assert rows(sql, "select sum(price * size) from executions") == [(None,)]
        finally:
            sql.close()
    finally:
        ledger.close()
