"""What the API says about trust: hours, flags, changes of shape, key figures."""

from __future__ import annotations

import csv
import io

import httpx
import msgspec
import pytest

from crosstape.api import Hub
from crosstape.model.completeness import Completeness
from crosstape.model.event import Drift
from crosstape.model.quality import Quality
from support.served import Notebook

HOUR = 3_600_000_000_000
V1 = "/api/v1"


@pytest.fixture
def kept(hub: Hub, notebook: Notebook) -> list[Completeness]:
    assert hub.view is not None
    began = hub.view.ts - hub.view.ts % HOUR
    notebook.hours = [
        Completeness("bybit-linear/0", began - n * HOUR, frames=100 * n, seconds_lost=36.0, lag_p50_ms=4.0)
        for n in (1, 2, 30)
    ] + [Completeness("okx-swap/0", began - HOUR)]
    return notebook.hours


async def test_hours_of_the_ledger_and_the_running_one(client: httpx.AsyncClient, hub: Hub, kept: list[Completeness]) -> None:  # fmt: skip
    answer = (await client.get(f"{V1}/quality?hours=24&source=bybit-linear/0")).json()
    rows = answer["rows"]
    assert [row["running"] for row in rows] == [False, False, True]
    assert {row["source"] for row in rows} == {"bybit-linear/0"}
    assert rows[0]["complete"] == pytest.approx(0.99)
    assert rows[0]["clock_offset_ms"] is None
    running = rows[-1]
    assert running["frames"] > 100
    assert running["gaps"] == running["decode_errors"] == 0
    assert running["bytes"] > running["frames"]
    assert answer["note"] == ""
    every = (await client.get(f"{V1}/quality?hours=48")).json()["rows"]
    assert sum(not row["running"] for row in every) == 4
    one = (await client.get(f"{V1}/quality?hours=2&market=okx-swap")).json()["rows"]
    assert [row["source"] for row in one] == ["okx-swap/0"]


async def test_the_machine_for_administrators(client: httpx.AsyncClient) -> None:
    answer = (await client.get(f"{V1}/admin/system")).json()
    assert answer["log"] == [
        {"ts_ms": 5, "level": "warning", "event": "connection closed", "details": "code=1006"}
    ]
    assert {"cpu_percent", "memory_bytes", "disk_free_bytes", "net_sent_per_s", "uptime_s"} <= set(
        answer["process"]
    )
    assert set(answer["queues"]) == {"intake_waiting", "intake_limit", "intake_deepest", "intake_pauses"}
    markets = {row["market"]: row for row in answer["exchanges"]}
    assert markets["bybit-linear"]["frames"] > 100
    assert answer["error_rate"] == pytest.approx(
        answer["errors"] / sum(row["frames"] for row in answer["exchanges"])
    )
    assert "log" not in (await client.get(f"{V1}/status")).json()["process"]


async def test_the_running_hour_is_judged_by_the_views_clock(client: httpx.AsyncClient, hub: Hub) -> None:
    view = hub.view
    assert view is not None
    began = 1_000 * HOUR
    lost = msgspec.structs.replace(view.hours[0], ts_event=began, lost_s=300.0)
    hub.publish(msgspec.structs.replace(view, ts=began + 600 * 10**9, hours=(lost,), events=()))
    (row,) = (await client.get(f"{V1}/quality?source={lost.source}")).json()["rows"]
    assert row["running"] is True
    assert row["complete"] == pytest.approx(0.5)


async def test_as_csv(client: httpx.AsyncClient, kept: list[Completeness]) -> None:
    text = (await client.get(f"{V1}/quality?format=csv")).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {"source", "hour_ms", "gaps", "seconds_lost", "complete"} <= set(rows[0])


async def test_flags_count_rows(client: httpx.AsyncClient, hub: Hub) -> None:
    assert hub.view is not None
    flags = {row["flag"]: row for row in (await client.get(f"{V1}/quality")).json()["flags"]}
    assert set(flags) == {flag.name for flag in Quality}
    alive = int(hub.view.rows.alive.sum())
    assert flags["SIMULATED"]["rows"] == flags["SIMULATED"]["of"] == alive
    assert 0 < flags["PARTIAL_WINDOW"]["rows"] <= alive


async def test_changes_of_shape_are_reported(client: httpx.AsyncClient, hub: Hub) -> None:
    view = hub.view
    assert view is not None
    drift = Drift("", view.ts, "bybit-linear/0", "publicTrade", "data[].RPI", "appeared", "True")
    hub.publish(msgspec.structs.replace(view, events=((-1, drift),)))
    (told,) = (await client.get(f"{V1}/quality")).json()["drifts"]
    assert (told["path"], told["what"], told["sample"]) == ("data[].RPI", "appeared", "True")


async def test_without_a_ledger_it_says_so(hub: Hub) -> None:
    from crosstape.api import create_app
    from crosstape.venues import VENUES
    from support.served import Process

    app = create_app(hub, Process(), VENUES, None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8317") as client:
        answer = (await client.get(f"{V1}/quality")).json()
    assert "only the running hour" in answer["note"]
    assert all(row["running"] for row in answer["rows"])


async def test_key_figures(client: httpx.AsyncClient) -> None:
    await client.get("/health")
    rows = {row["name"]: row for row in (await client.get(f"{V1}/kpis")).json()["rows"]}
    accuracy = rows["price accuracy"]
    assert accuracy["value"] > 99.9
    assert rows["API, mean"]["met"] is True
    assert rows["error rate"]["value"] == 0.0
    assert rows["uptime of streams"]["value"] == 100.0
    assert (await client.get(f"{V1}/status")).json()["kpis"][0]["name"] == "data latency, p95"


@pytest.mark.parametrize("query", ["hours=0", "hours=x", "hours=1e9", "sauce=1"])
async def test_bad_questions_are_named(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"{V1}/quality?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["allowed"]
