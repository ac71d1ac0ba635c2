"""What a key may ask for, how often, and what is written down about it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

import httpx
import pytest

from crosstape.api import ApiSettings, Hub, create_app
from crosstape.api.auditing import Auditor
from crosstape.api.context import Caller
from crosstape.api.pace import Pace
from crosstape.api.ports import Role
from crosstape.api.routes import ROUTES, Route
from crosstape.model.access import Written
from support.served import Notebook, Process

V1 = "/api/v1"
KEYS = {"see": "viewer", "rule": "admin", "push": "trader prefs ws", "board": "viewer boards"}


@pytest.fixture
def notebook() -> Notebook:
    return Notebook(dict(KEYS))


async def _until(true: Any) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


def _from(app: Any, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8317")


async def test_a_scoped_key_is_for_its_paths_only(connect: Any) -> None:
    client = connect(ApiSettings(require_key=True))
    for path, key, status in (
        ("boards", "board", 200),
        ("boards/turnover_24h", "board", 200),
        ("markets", "board", 403),
        ("boards", "push", 403),
        ("prefs", "push", 200),
        ("boards", "see", 200),
    ):
        answer = await client.get(f"{V1}/{path}", headers={"x-api-key": key})
        assert answer.status_code == status, (path, key)
    refused = (await client.get("/metrics", headers={"x-api-key": "board"})).json()["error"]
    assert (refused["code"], refused["allowed"]) == ("out_of_scope", "boards")


@pytest.mark.parametrize("stage", [ApiSettings(require_key=True)], indirect=True)
async def test_a_socket_needs_its_scope_too(stage: Any) -> None:
    from websockets.asyncio.client import connect

    async with connect(stage.url + "?key=push") as ws:
        await ws.send('{"op":"subscribe","topic":"markets"}')
        await ws.recv()
    async with connect(stage.url + "?key=board") as ws:
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (4001, "this key is not for that")


async def test_a_key_that_asks_too_often_is_told_when_to_come_again(hub: Hub, notebook: Notebook) -> None:
    settings = ApiSettings(require_key=True, rate_per_s=0.01, rate_burst=3)
    client = _from(create_app(hub, Process(), (), notebook, settings), "127.0.0.1")
    async with client:
        statuses = [(await client.get(f"{V1}/boards", headers={"x-api-key": "see"})).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = await client.get(f"{V1}/boards", headers={"x-api-key": "see"})
        assert refused.json()["error"]["code"] == "too_many"
        assert 0 < int(refused.headers["retry-after"]) <= 100
        assert (await client.get(f"{V1}/boards", headers={"x-api-key": "rule"})).status_code == 200
        assert (await client.get("/health")).status_code == 200


async def test_an_address_without_a_key_is_limited_this_machine_is_not(hub: Hub, notebook: Notebook) -> None:
    settings = ApiSettings(require_key=False, rate_per_s=0.01, rate_burst=2)
    app = create_app(hub, Process(), (), notebook, settings)
    async with _from(app, "192.0.2.1") as one, _from(app, "192.0.2.2") as other, _from(app, "127.0.0.1") as own:
        assert [(await one.get(f"{V1}/boards")).status_code for _ in range(3)] == [200, 200, 429]
        assert (await other.get(f"{V1}/boards")).status_code == 200
        assert {(await own.get(f"{V1}/boards")).status_code for _ in range(20)} == {200}


async def test_guessing_keys_is_slow_and_locks_nobody_out(hub: Hub, notebook: Notebook) -> None:
    settings = ApiSettings(require_key=True, wrong_keys_per_min=3)
    async with _from(create_app(hub, Process(), (), notebook, settings), "192.0.2.1") as client:
        assert (await client.get(f"{V1}/boards", headers={"x-api-key": "see"})).status_code == 200
        statuses = [
            (await client.get(f"{V1}/boards", headers={"x-api-key": f"guess{n}"})).status_code for n in range(6)
        ]
        assert statuses == [401, 401, 401, 429, 429, 429]
        assert notebook.asked == 4
        assert (await client.get(f"{V1}/boards", headers={"x-api-key": "see"})).status_code == 200


async def test_writing_may_need_a_key_where_reading_does_not(connect: Any) -> None:
    client = connect(ApiSettings(require_key_to_write=True))
    assert (await client.get(f"{V1}/prefs")).status_code == 200
    assert (await client.put(f"{V1}/prefs", json={})).status_code == 401
    assert (await client.put(f"{V1}/prefs", json={}, headers={"x-api-key": "see"})).status_code == 200
    assert (await connect().put(f"{V1}/prefs", json={})).status_code == 200


@pytest.mark.parametrize("stage", [ApiSettings(require_key=True)], indirect=True)
async def test_who_wrote_what_is_written_down(stage: Any, notebook: Notebook) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{stage.port}{V1}") as client:
        for key, body in (("see", "{}"), ("see", "{}"), ("see", "[]"), ("guess", "{}"), ("board", "{}")):
            await client.put("/prefs", content=body, headers={"x-api-key": key})
        await client.get("/prefs", headers={"x-api-key": "see"})
        await client.delete("/replays/none", headers={"x-api-key": "rule"})
        await _until(lambda: any(row.action == "DELETE" for row in notebook.written))
        answer = await client.get("/audit", headers={"x-api-key": "rule"})
        rows, seen = answer.json()["rows"], Counter[Any]()
        for r in rows:
            outcome, times = re.fullmatch(r"(.*?) ?(?:(\d+) times)?", r["outcome"]).groups()  # type: ignore[union-attr]
            seen[r["who"], r["role"], r["action"], r["target"], r["status"], outcome] += int(times or 1)
        assert seen == {
            ("rule's", "admin", "DELETE", f"{V1}/replays/none", 409, "no_replays"): 1,
            ("see's", "viewer", "PUT", f"{V1}/prefs", 200, ""): 2,
            ("see's", "viewer", "PUT", f"{V1}/prefs", 400, "bad_body"): 1,
            ("", "", "PUT", f"{V1}/prefs", 401, "wrong_key"): 1,
            ("", "", "PUT", f"{V1}/prefs", 403, "out_of_scope"): 1,
        }
        assert {row["address"] for row in rows} == {"127.0.0.1"}
        assert (await client.get("/audit", headers={"x-api-key": "see"})).status_code == 403
        mine = await client.get("/audit?who=see's&limit=1&format=csv", headers={"x-api-key": "rule"})
        assert mine.text.count("\n") == 2


async def test_while_the_ledger_is_away_notes_wait_and_are_bounded(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crosstape.api.auditing.MOST", 2)
    auditor, caller = Auditor(notebook), Caller(Role.TRADER, "u", "ann", 1)

    def note(path: str) -> None:
        auditor.note(caller, "127.0.0.1", "POST", path, 200, b"")

    notebook.away = True
    for path in ("/a", "/b", "/c", "/a"):
        note(path)
        await auditor.flush()
    assert (notebook.written, auditor.dropped) == ([], 1)
    notebook.away = False
    await auditor.flush()
    assert [(row.target, row.outcome) for row in notebook.written] == [("/a", "2 times"), ("/b", "")]
    assert all(isinstance(row, Written) and row.ts for row in notebook.written)


def test_what_only_asks_is_not_written_down(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Route("/ask", ROUTES[0].call, method="POST", reads=True)
    monkeypatch.setattr("crosstape.api.auditing.READING", {(asking.path, asking.method)})
    monkeypatch.setattr("crosstape.api.auditing.pattern_of", lambda path: path)
    auditor = Auditor(notebook)
    assert not auditor.watches("POST", "/ask")
    assert not auditor.watches("GET", "/tell")
    assert auditor.watches("POST", "/tell")


def test_a_bucket_fills_again_and_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crosstape.api.pace.REMEMBERED", 2)
    now = 0.0
    pace = Pace(2.0, 2, lambda: now)
    assert [pace.take("a") for _ in range(3)] == [0.0, 0.0, 0.5]
    assert pace.wait_s("a") == 0.5
    now = 0.5
    assert [pace.take("a"), pace.take("a")] == [0.0, 0.5]
    now = 100.0
    assert [pace.take("a") for _ in range(3)] == [0.0, 0.0, 0.5]
    pace.take("b")
    pace.take("c")
    assert pace.take("a") == 0.0
