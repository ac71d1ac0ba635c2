"""The collector page: trades of a simulated exchange into the browser, from there into crosstape and into a file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from crosstape.store.importing.batches import shape_of
from crosstape.store.importing.plan import Told, plan_of
from support.demo import Demo, until


@pytest.fixture
def exchange() -> Iterator[str]:
    """A simulated Bybit's socket address; it ends with its standard input."""
    command = [
        sys.executable,
        "-m",
        "crosstape.sim",
        "--parent",
        "--seed",
        "5",
        "--venue",
        "bybit",
        "--assets",
        "10",
    ]
    process = subprocess.Popen(
        [*command, "--rate", "600"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield json.loads(process.stdout.readline())["ws"]
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(20)
        process.stdout.close()


def test_collects_pushes_and_saves(opened: Callable[..., Page], demo: Demo, exchange: str, tmp_path: Path) -> None:
    page = opened("/collector")
    expect(page.locator("#exchange option")).to_have_count(6)
    page.locator("#address").fill(f"{exchange}/v5/public/linear")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#state")).to_have_text("collecting BTCUSDT of bybit")

    def count(name: str) -> int:
        return int((page.locator(f"#{name}").text_content() or "0").replace(",", ""))

    until(lambda: count("acknowledged") > 5 or page.wait_for_timeout(100), "trades are acknowledged")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#state")).to_have_text("stopped")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save NDJSON").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    saved = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(saved) == count("trades") >= count("acknowledged")
    assert not plan_of(path, shape_of(path), Told()).unsure, "crosstape import reads it as it is"
    streams = httpx.get(f"{demo.url}/api/v1/streams").json()["streams"]
    (stream,) = [row for row in streams if row["symbol"] == "push:bybit/BTCUSDT"]
    assert (stream["source"], stream["kind"]) == ("push", "trades")
    rows = httpx.get(f"{demo.url}/api/v1/streams/{stream['id']}/trades", params={"limit": 5}).json()["rows"]
    assert [(r["price"], r["size"], r["side"], r["trade_id"]) for r in rows] == [
        (t["price"], t["size"], t["side"], t["id"]) for t in saved[:5]
    ]  # fmt: skip


def test_only_the_collector_may_speak_with_others(demo: Demo) -> None:
    page = httpx.get(f"{demo.url}/collector")
    assert page.status_code == 200
    policies = [value for name, value in page.headers.multi_items() if name == "content-security-policy"]
    assert len(policies) == 1
    assert "connect-src 'self' wss:" in policies[0]
    assert "connect-src" not in httpx.get(f"{demo.url}/schema").headers["content-security-policy"]


def test_a_wrong_address_is_said(opened: Callable[..., Page]) -> None:
    page = opened("/collector", strict=False)
    # Its script has run: before, it would put its own address over ours.
    expect(page.locator("#exchange option")).to_have_count(6)
    page.locator("#address").fill("ws://127.0.0.1:1/nothing")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#trouble")).to_contain_text("127.0.0.1:1 closed the connection")
