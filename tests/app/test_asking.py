"""Queries over real views, through REST, both clients and the command line."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from crosstape.api import ApiSettings, Hub
from crosstape.app.asking import open_sql
from crosstape.cli import cli
from crosstape.client import AsyncClient, Client, ClientError, topics
from crosstape.store.history.files import History
from crosstape.store.ledger import Ledger
from crosstape.store.sql.settings import SqlSettings
from support.served import Stage, staged


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SimpleNamespace]:
    """A server with queries over its views, a history and a ledger."""
    hub, ledger = Hub(), Ledger.open("", tmp_path)
    sql = open_sql(
        History(tmp_path / "history"), lambda: hub.view, ledger, SqlSettings(seconds=1.0, memory_mb=128)
    )
    key = ledger.access.create("me", "viewer")
    try:
        async with staged(ApiSettings(port=0), ledger, hub=hub, queries=sql, saved=ledger.boards) as stage:
            yield SimpleNamespace(
                stage=stage, url=f"http://127.0.0.1:{stage.port}", ledger=ledger, key=key, sql=sql
            )
    finally:
        sql.close()
        ledger.close()


async def ask(world: SimpleNamespace, sql: str, **more: object) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{world.url}/api/v1/query", json={"sql": sql, **more}, timeout=30.0)


async def test_live_is_the_view(world: SimpleNamespace) -> None:
    stage: Stage = world.stage
    view = await stage.tick(20)
    table = world.sql.query("from live", 10_000).table
    listed = np.flatnonzero(view.rows.alive)
    assert table["id"].to_pylist() == [view.rows.instruments[row].id for row in listed.tolist()]  # type: ignore[union-attr]
    assert set(view.columns) <= set(table.column_names)
    for name in ("last", "bid", "turnover_usd_24h", "funding_apr", "coverage_1h"):
        np.testing.assert_array_equal(table[name].to_numpy(zero_copy_only=False), view.columns[name][listed])
    assert table["quality"].to_pylist() == view.quality[listed].tolist()
    assert set(table["ts"].to_pylist()) == {view.ts}
    unknown = world.sql.query("select count(*) from live where funding_apr is null").table[0][0].as_py()
    assert unknown == int(np.isnan(view.columns["funding_apr"][listed]).sum()) > 0


async def test_assets_and_boards(world: SimpleNamespace) -> None:
    view = await world.stage.tick(1)
    assert world.sql.query("select asset from assets", 1000).table["asset"].to_pylist() == list(view.assets.names)
    found = world.sql.query("select board, rank, id, value from boards", 10_000).table.to_pylist()
    for name, ranking in view.boards.items():
        mine = [row for row in found if row["board"] == name]
        assert [row["id"] for row in mine] == [view.rows.instruments[r].id for r in ranking.rows.tolist()]  # type: ignore[union-attr]
        assert [row["rank"] for row in mine] == list(range(1, len(mine) + 1))


async def test_every_format_is_the_same_table(world: SimpleNamespace) -> None:
    sql = "select id, last, funding_apr, kind = 'PERP' as perp from live order by id"
    answer = (await ask(world, sql)).json()
    assert [column["name"] for column in answer["columns"]] == ["id", "last", "funding_apr", "perp"]
    rows = [tuple(row) for row in answer["rows"]]
    assert len(rows) > 10
    assert not answer["truncated"]
    assert any(row[2] is None for row in rows)
    bodies = {form: (await ask(world, sql, format=form)).content for form in ("csv", "ndjson", "parquet", "arrow")}
    assert pl.read_csv(bodies["csv"]).rows() == rows
    assert [tuple(json.loads(line).values()) for line in bodies["ndjson"].splitlines()] == rows
    assert [tuple(row.values()) for row in pq.read_table(io.BytesIO(bodies["parquet"])).to_pylist()] == rows
    assert [tuple(row.values()) for row in pa.ipc.open_stream(bodies["arrow"]).read_all().to_pylist()] == rows


async def test_a_summary_is_that_of_the_rows(world: SimpleNamespace) -> None:
    answer = (await ask(world, "select id, last, funding_apr from live", summary=True)).json()
    names = [column["name"] for column in answer["columns"]]
    rows = {row[0]: dict(zip(names, row, strict=True)) for row in answer["rows"]}
    last = pl.Series(world.sql.query("select last from live").table["last"].to_pylist()).drop_nulls()
    assert rows["last"]["known"] == len(last)
    for name, value in (("mean", last.mean()), ("min", last.min()), ("max", last.max()), ("stddev", last.std())):
        assert rows["last"][name] == pytest.approx(value)
    assert rows["id"]["mean"] is None
    assert rows["id"]["distinct"] == rows["id"]["known"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"sql": "drop table live"}, 400, "query_statement"),
        ({"sql": "select nothing from live"}, 400, "query_sql"),
        ({"sql": "select count(*) from range(1000000) a, range(1000000) b"}, 408, "query_time"),
        ({"sql": "select list_sum(range(2000000000))"}, 413, "query_memory"),
        ({"sql": "select 1", "limit": 1_000_000}, 400, "query_rows"),
        ({"sql": "select hash from api_keys"}, 400, "query_sql"),
        ({"sql": ""}, 400, "bad_parameter"),
        ({"sql": "select 1", "format": "xml"}, 400, "bad_parameter"),
        ({}, 400, "bad_parameter"),
    ],
)  # fmt: skip
async def test_a_refusal_says_why(world: SimpleNamespace, body: dict[str, object], status: int, code: str) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{world.url}/api/v1/query", json=body, timeout=30.0)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
        assert (await client.get(f"{world.url}/health")).status_code == 200


async def test_both_clients(world: SimpleNamespace) -> None:
    sql = "select id, last, $$x$$ as word from live order by id"
    async with AsyncClient(world.url) as client:
        found = await client.sql(sql, limit=5)
        assert len(found) == 5
        assert found.truncated
        assert found.polars().columns == ["id", "last", "word"]
        assert found.pandas()["id"].tolist() == [row[0] for row in found.rows]
        table = pa.ipc.open_stream(await client.sql_bytes(sql, limit=5)).read_all()
        assert table["id"].to_pylist() == [row[0] for row in found.rows]
        with pytest.raises(ClientError, match="one SELECT is taken, this is DROP"):
            await client.sql("drop view live")

    def at_once() -> list[str]:
        with Client(world.url) as client:
            return client.sql(sql, limit=5).polars()["id"].to_list()

    assert await asyncio.to_thread(at_once) == [row[0] for row in found.rows]


async def test_the_command_line(world: SimpleNamespace, tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["sql", "--url", world.url, *arguments])
        return result.exit_code, result.output

    code, said = await asyncio.to_thread(run, "select id, last from live order by id", "-n", "2")
    assert code == 0
    assert "2 rows" in said
    assert "more rows" in said
    out = tmp_path / "out.parquet"
    code, said = await asyncio.to_thread(run, "select id from live", "--format", "parquet", "-o", str(out))
    assert (code, said) == (0, "")
    assert pq.read_table(out).num_rows > 10
    code, said = await asyncio.to_thread(run, "select 1 as a", "--format", "csv")
    assert (code, said) == (0, '"a"\n1\n')
    code, said = await asyncio.to_thread(run, "select id, last from live limit 4", "--save", "four")
    assert (code, said) == (0, "four: 4 rows of last; crosstape boards four\n")
    code, said = await asyncio.to_thread(run, "select 1; select 2")
    assert code == 1
    assert "one SELECT is taken" in said


async def test_the_ledger_is_there_and_its_secrets_are_not(world: SimpleNamespace) -> None:
    world.ledger.boards.save("mine", "select id from live", "me")
    assert (await ask(world, "select name, sql from saved_boards")).json()["rows"] == [
        ["mine", "select id from live"]
    ]
    for table in ("api_keys", "prefs", "audit_log", "rules"):
        said = (await ask(world, f"from {table}")).json()["error"]["message"]
        assert "does not exist" in said
        assert world.key not in said


CARRY = "select id, last, turnover_usd_24h as turned from live order by last desc nulls last limit 5"


async def test_a_select_is_a_board_like_the_others(world: SimpleNamespace) -> None:
    stage: Stage = world.stage
    async with AsyncClient(world.url) as client:
        saved = await client.put_sql_board("dearest", CARRY)
        assert (saved.columns, saved.rows, saved.error) == (("last", "turned"), 5, "")
        assert [b.name for b in (await client.sql_boards()).rows] == ["dearest"]
        assert (await client.sql_board("dearest")).sql == CARRY
        listed = {board.name: board for board in (await client.boards()).rows}
        assert listed["dearest"].fields == ("last", "turned")
        expected = [row[0] for row in (await client.sql(CARRY)).rows]
        shown = await client.board("dearest")
        assert [row["id"] for row in shown.rows] == expected
        assert [row["rank"] for row in shown.rows] == [1, 2, 3, 4, 5]
        assert shown.rows[0]["value"] == shown.rows[0]["last"]
        fewer = await client.board("dearest", market=expected[0].split(":")[0], limit=1)
        assert [row["id"] for row in fewer.rows] == expected[:1]

        # The world turns: the board follows, and says so over the socket.
        cheapest = CARRY.replace("desc", "asc")
        told: list[list[str]] = []
        async with asyncio.timeout(60):
            async for table in client.subscribe(topics.board("dearest", hz=10)):
                told.append(list(table.ids))
                if len(told) == 1:
                    assert told[0] == expected
                    assert set(table.columns) == {"last", "turned"}
                    await client.put_sql_board("dearest", cheapest)
                if told[-1] != expected:
                    break
                stage.again()
        assert told[-1] == [row[0] for row in (await client.sql(cheapest)).rows]
        await client.delete_sql_board("dearest")
        with pytest.raises(ClientError, match="dearest"):
            await client.board("dearest")
        assert world.ledger.boards.all() == []


@pytest.mark.parametrize(
    ("name", "sql", "said"),
    [
        ("gainers_24h", CARRY, "is no name for a board"),
        ("a b", CARRY, "is no name for a board"),
        ("x", "select last from live", "a column named id"),
        ("x", "select id from live", "at least one number"),
        ("x", "select 'a' as id, 1 as n union all select 'a', 2", "every id once"),
        ("x", "select id, 1 as a, 2 as a from live", "different names"),
        ("x", "drop view live", "one SELECT is taken"),
        ("x", "select id, nothing from live", "nothing"),
    ],
)  # fmt: skip
async def test_a_board_that_cannot_work_is_not_saved(
    world: SimpleNamespace, name: str, sql: str, said: str
) -> None:
    async with AsyncClient(world.url) as client:
        with pytest.raises(ClientError, match=said):
            await client.put_sql_board(name, sql)
        assert (await client.sql_boards()).rows == ()


async def test_a_board_that_fails_later_keeps_its_rows_as_stale(world: SimpleNamespace) -> None:
    async with AsyncClient(world.url) as client:
        world.ledger.boards.save("other", "select 1", "me")
        await client.put_sql_board(
            "b",
            "select id, last, replace((select sql from saved_boards where name = 'other'), 'select ', '')::int as m from live limit 3",
        )
        world.ledger.boards.save("other", "no number", "me")
        async with asyncio.timeout(60):
            while not (await client.sql_board("b")).error:
                shown = await client.board("b")
                world.stage.again()
                await asyncio.sleep(0.1)
        shown = await client.board("b")
        assert len(shown.rows) == 3
        assert all("STALE" in row["quality"] for row in shown.rows)
        assert "no number" in (await client.sql_board("b")).error


async def test_boards_come_back_after_a_restart(tmp_path: Path) -> None:
    hub, ledger = Hub(), Ledger.open("", tmp_path)
    ledger.boards.save("mine", CARRY, "me")
    sql = open_sql(History(tmp_path / "history"), lambda: hub.view, ledger, SqlSettings())
    try:
        async with (
            staged(ApiSettings(port=0), ledger, hub=hub, queries=sql, saved=ledger.boards) as stage,
            AsyncClient(f"http://127.0.0.1:{stage.port}") as client,
        ):
            async with asyncio.timeout(60):
                while not [b for b in (await client.sql_boards()).rows if b.rows]:
                    await asyncio.sleep(0.05)
            stage.again()
            assert len((await client.board("mine")).rows) == 5
    finally:
        sql.close()
        ledger.close()


@pytest.mark.parametrize(
    "path", ["markets", "boards/gainers_24h", "assets", "instruments", "markets/{id}/candles", "liquidations"]
)
async def test_every_table_has_every_format(world: SimpleNamespace, path: str) -> None:
    id = world.sql.query("select id from live order by turnover_usd_24h desc nulls last").table["id"][0].as_py()
    async with httpx.AsyncClient(base_url=f"{world.url}/api/v1/") as client:
        where = path.format(id=id)
        rows = (await client.get(where)).json()["rows"]
        lines = (await client.get(where, params={"format": "ndjson"})).content.splitlines()
        table = pq.read_table(io.BytesIO((await client.get(where, params={"format": "parquet"})).content))
        arrow = pa.ipc.open_stream((await client.get(where, params={"format": "arrow"})).content).read_all()
        header = (await client.get(where, params={"format": "csv"})).text.splitlines()[0].split(",")
    assert table.num_rows == arrow.num_rows == len(lines) == len(rows)
    assert table.column_names == arrow.column_names == header
    for row, line, mine in zip(rows, lines, table.to_pylist(), strict=True):
        told = json.loads(line)
        for name in ("id", "asset", "symbol", "last", "open", "close", "turnover_usd_24h"):
            if name in row and name in header:
                assert told[name] == mine[name] == row[name]


async def test_tables_leave_by_the_command_line(world: SimpleNamespace, tmp_path: Path) -> None:
    out = tmp_path / "perps.parquet"
    arguments = [
        "export",
        "table",
        "markets",
        "-p",
        "kind=PERP",
        "-p",
        "fields=last",
        "--format",
        "parquet",
        "-o",
        str(out),
        "--url",
        world.url,
    ]
    result = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
    assert result.exit_code == 0, result.output
    assert set(pq.read_table(out)["kind"].to_pylist()) == {"PERP"}
    wrong = await asyncio.to_thread(CliRunner().invoke, cli, ["export", "table", "market", "--url", world.url])
    assert wrong.exit_code == 1
    assert "no such path" in wrong.output
