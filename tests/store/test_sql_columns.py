"""Only the columns that a query names go through the engine, and no query can tell."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pytest

from crosstape.model.errors import QueryError
from crosstape.store.history.files import History
from crosstape.store.sql.engine import Sql
from crosstape.store.sql.narrow import named
from crosstape.store.sql.parts import Block, Part, Tables, whole
from crosstape.store.sql.settings import SqlSettings

ROWS = np.array([0, 2, 3, 5])
WIDE = {f"c{i}": np.arange(6, dtype=float) * (i + 1) for i in range(30)}
WIDE["c3"][2] = np.nan
BOARDS = pa.table(
    {"board": ["up", "up", "down"], "rank": [1, 2, 1], "id": ["m:C", "m:A", "m:F"], "value": [3.0, 2.0, None]}
)


class Live:
    """Names, state and a block of columns, of which some rows are listed; what a query should see, beside."""

    def __init__(self) -> None:
        self.version = 1
        self.columns, self.rows = dict(WIDE), ROWS
        self.names = np.array([f"m:{letter}" for letter in "ABCDEF"])

    def __call__(self, said: frozenset[str]) -> Tables:
        parts = (
            Part(self.version, pa.table({"id": self.names[self.rows].tolist(), "last": [1.0, 2.0, None, 4.0][: self.rows.size]})),
            Part(self.version, pa.table({"quality": np.arange(self.rows.size, dtype=np.uint32)})),
            Block(self.version, self.columns, self.rows),
        )  # fmt: skip
        return {"live": parts, "boards": whole(0, BOARDS)}

    def plain(self) -> pa.Table:
        table = pa.table(
            {
                "id": self.names[self.rows].tolist(), "last": [1.0, 2.0, None, 4.0][: self.rows.size],
                "quality": np.arange(self.rows.size, dtype=np.uint32),
            }
        )  # fmt: skip
        for name, values in self.columns.items():
            table = table.append_column(name, pa.array(values[self.rows], from_pandas=True))
        return table


@pytest.fixture(scope="module")
def live() -> Live:
    return Live()


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory, live: Live) -> Iterator[Sql]:
    made = Sql(History(tmp_path_factory.mktemp("history")), live, SqlSettings())
    yield made
    made.close()


def outright(live: Live, text: str) -> pa.Table:
    """What DuckDB says of the whole tables."""
    with duckdb.connect() as connection:
        connection.register("live", live.plain())
        connection.register("boards", BOARDS)
        return connection.sql(text).to_arrow_table()


QUERIES = (
    "from live", "select * from live", 'select c1 as "a b" from live order by "a b"', "select c1 from live", "select count(*) from live", "select 1 from live", "table live",
    "select C1, \"c2\" from LIVE where c3 is null", "select l from live l", "select live from live", "select l.c1 from live as l",
    "select #4 as a from live", "select #2 as a, c9 as b from live", "select columns('c1.') from live", "select l.* from live l",
    "select * exclude (id) from live", "select * replace (c1 + 1 as c1) from live", "select * like 'c2%' from live",
    "from (describe live)", "select a.column_name, l.id from (describe live) a, live l order by all", "from (summarize live)",
    "select column_name from duckdb_columns() where table_name = 'live' order by all",
    "select count(*) from duckdb_columns, live", "select count(*) from information_schema.columns where table_name = 'live' and 'id' < 'z'",
    "with duckdb_columns as (select 1) select count(*) from duckdb_columns, live",
    "select x from (with duckdb_columns as (select 1 as x) from duckdb_columns), live",
    "select c5 from live l(a, b, c) order by a", "select count(*) from live natural join boards", "select count(*), sum(c7) from live natural join boards",
    "select l.id, c4, b.rank from live l join boards b using (id) order by all", "select id from live positional join boards",
    "select c1 from live union by name select c2 from live order by all", "select max(c1) filter (where c2 > 3) from live",
    "select c1 as c2 from live where c2 > 3 order by c2", "select sum(c1) over (order by c2) from live", "select distinct on (c6 % 2) c6 from live order by c7",
    "with a as (from live), b as materialized (select c1 from a) select sum(c1) from b", "select (select max(c8) from live m where m.c1 <= l.c2) as x from live l",
    "select list_transform([1, 2], lambda q: q + c1) from live", "select unnest([c1, c2]) from live", "select {'a': c1, 'b': live.c2} from live",
    "select to_json(l) from live l", "select c1::int, try_cast(c2 as varchar) from live", "select case when c1 > 2 then c2 else c3 end from live",
    "select c1 from live limit (select 2)", "select c9 from live qualify row_number() over (order by c8) < 3", "select c1, sum(c2) from live group by all order by all",
    "select c1, c2, count(*) from live group by grouping sets ((c1), (c2)) order by all", "select sum(c1) from live having max(c2) > 0",
    "select id from live where id in (select id from boards)", "select c1 from live where exists (from boards b where b.id = live.id)",
    "select * from query('select c1, c2 from live')", "from query_table('live') limit 1", "select c1 from live using sample 100%", "pivot live on id in ('m:A', 'm:C') using sum(c1) order by last",
    "unpivot (select id, c1, c2 from live) on c1, c2", "select id from live order by all", "select c10 from live where c1 between c2 and c11 or c12 is not null",
    "select value from boards", "select board, rank from boards order by all", "from boards", "with live as (select 5 as c1) select c1 from live",
    "with recursive t(n) as (select 1 union all select n + 1 from t where n < 3) select n, c1 from t, live order by all", "select sum(c1) from live, range(3)",
    "select alias(c1), typeof(c2) from live", "select coalesce(c3, last, c1) from live", "select min(columns(*)) from live", "values (1), (2)",
)  # fmt: skip


@pytest.mark.parametrize("text", QUERIES)
def test_an_answer_is_that_of_the_whole_table(sql: Sql, live: Live, text: str) -> None:
    try:
        expected = outright(live, text)
    except duckdb.Error as error:
        with pytest.raises(QueryError, match=re.escape(str(error).splitlines()[0])):
            sql.query(text)
        return
    for _ in range(2):
        found = sql.query(text).table
        assert found.schema.names == expected.schema.names
        assert found.to_pylist() == expected.to_pylist()


def words(text: str) -> frozenset[str] | None:
    with duckdb.connect() as connection:
        found: Any = connection.execute("select json_serialize_sql(?::varchar)", [text]).fetchone()
    return named(msgspec.json.decode(found[0]), ("live", "boards"))


def test_few_are_taken_where_few_are_named() -> None:
    assert words("select id, C1 from live l where l.c2 > 0 order by c3") == {"id", "c1", "l", "c2", "c3"}
    assert words("select count(*) from live join boards using (id)") == {"id"}
    assert words("with a as (select c1 from live) select c1 from a") == {"c1"}
    for everything in (
        "from live",
        "select l from live l",
        "select #1 from live",
        "select 1 from duckdb_columns",
        "drop table live",
        "select",
    ):
        assert words(everything) is None


def test_a_name_that_is_not_there_is_answered_with_those_that_are(sql: Sql) -> None:
    with pytest.raises(QueryError, match=r"Candidate bindings: .*c1") as caught:
        sql.query("select id, c1_ from live")
    assert caught.value.kind == "sql"
    for _ in range(2):
        with pytest.raises(QueryError, match=r'column "no such" not found[^C]*Candidate bindings: "last"'):
            sql.query('select "no such" from live')
    assert sql.query("select c1 from live").table.num_rows == 4


def test_what_changes_is_seen_and_what_does_not_stays(sql: Sql, live: Live) -> None:
    text = "select id, c1, c2 from live order by id"
    assert sql.query(text).table.equals(outright(live, text))
    live.version, live.columns = 2, {**live.columns, "c1": live.columns["c1"] + 100}
    assert sql.query(text).table.equals(outright(live, text))
    live.version, live.rows = 3, np.array([1, 4])
    assert sql.query(text).table.equals(outright(live, text))
    live.version, live.columns = 4, {name: values for name, values in live.columns.items() if name != "c0"}
    assert sql.query("from live").table.to_pylist() == outright(live, "from live").to_pylist()
    wider = {name: np.arange(5_000.0) + i for i, name in enumerate(live.columns)}
    live.version, live.columns, live.names = 5, wider, np.array([f"m:{i}" for i in range(5_000)])
    live.rows = np.array([0, 4_999])
    assert sql.query(text).table.to_pylist() == outright(live, text).to_pylist()
    sql._child.end()
    assert sql.query(text).table.to_pylist() == outright(live, text).to_pylist()


def test_columns_go_over_when_they_are_first_named(sql: Sql, live: Live) -> None:
    """Random queries over columns of which some are new memory each time, some not, and some rows."""
    rng = random.Random(5)
    live.version = 999
    live.rows, live.names, live.columns = ROWS, np.array([f"m:{letter}" for letter in "ABCDEF"]), dict(WIDE)
    for turn in range(150):
        if rng.random() < 0.6:
            live.version = 1_000 + turn
            for name in rng.sample(list(live.columns), rng.randrange(6)):
                live.columns = {**live.columns, name: live.columns[name] + turn}
        if rng.random() < 0.1:
            live.version = 2_000 + turn
            live.rows = np.array(sorted(rng.sample(range(6), 4)))
        if rng.random() < 0.05:
            sql._child.end()
        names = rng.sample([*WIDE, "quality", "last"], rng.randrange(1, 4))
        text = f"select {', '.join(names)} from live" if rng.random() < 0.9 else "select * from live"
        assert sql.query(text).table.to_pylist() == outright(live, text).to_pylist()


def test_a_column_that_went_is_told_with_those_that_are_left(sql: Sql, live: Live) -> None:
    live.version, live.columns = 3_000, dict(WIDE)
    assert sql.query("select c0 from live").table.num_rows == 4
    live.version, live.columns = 3_001, {name: values for name, values in WIDE.items() if name != "c0"}
    with pytest.raises(QueryError, match=r'"c0" not found in FROM clause[^C]*Candidate bindings: .*c1'):
        sql.query("select c0 from live")
    live.version, live.columns = 3_002, dict(WIDE)
    assert sql.query("select c0 from live").table.equals(outright(live, "select c0 from live"))
