"""The dashboard as the API serves it: built, not built, compressed, cached, guarded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from crosstape.api import Hub, create_app
from crosstape.api.web import Web

PAGE = b"<!doctype html><title>dashboard</title>"
CODE = b"console.log(1)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small build: a page, and one hashed file in three forms."""
    (tmp_path / "_").mkdir()
    (tmp_path / "index.html").write_bytes(PAGE)
    for name, body in (("a-1.js", CODE), ("a-1.js.br", b"brotli"), ("a-1.js.gz", b"gzip")):
        (tmp_path / "_" / name).write_bytes(body)
    (tmp_path / ".digest").write_text("secret")
    shared = {"file": "_/a-1.js"}
    page = {"file": "_/Boards-1.js", "css": ["_/Boards-1.css"], "imports": ["index.html", "_parts.js"]}
    manifest = {"index.html": shared, "src/pages/Boards.svelte": page, "_parts.js": {"file": "_/parts-1.js"}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def client(hub: Hub, parts: tuple[Any, ...], folder: Path) -> httpx.AsyncClient:
    operations, venues, ledger = parts
    app = create_app(hub, operations, venues, ledger, web=Web(folder))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


async def test_every_route_of_the_dashboard_is_its_page(hub: Hub, parts: tuple[Any, ...], folder: Path) -> None:
    async with client(hub, parts, folder) as web:
        for path in ("/", "/boards/gainers_5m", "/m/hyperliquid:PURR/USDC", "/time"):
            answer = await web.get(path)
            assert (answer.status_code, answer.content) == (200, PAGE), path
            assert answer.headers["content-type"].startswith("text/html")
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        wanted = "</_/Boards-1.js>; rel=modulepreload, </_/Boards-1.css>; rel=preload; as=style; crossorigin, "
        wanted += "</_/parts-1.js>; rel=modulepreload"
        assert (await web.get("/boards/x")).headers["link"] == wanted
        assert "link" not in (await web.get("/time")).headers
        head = await web.head("/boards")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PAGE)))


async def test_hashed_files_are_kept_for_ever_and_sent_compressed(
    hub: Hub, parts: tuple[Any, ...], folder: Path
) -> None:
    async with client(hub, parts, folder) as web:
        for accepted, encoding in (("br, gzip", "br"), ("gzip, br;q=0", "gzip"), ("identity", None)):
            request = web.build_request("GET", "/_/a-1.js", headers={"accept-encoding": accepted})
            answer = await web.send(request, stream=True)
            body = b"".join([part async for part in answer.aiter_raw()])
            assert answer.headers.get("content-encoding") == encoding
            assert body == {"br": b"brotli", "gzip": b"gzip", None: CODE}[encoding]
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize("path", ["/_/none.js", "/nowhere", "/.digest", "/_/../.digest", "/api/v1/nothing"])
async def test_what_is_not_there_is_not_found(hub: Hub, parts: tuple[Any, ...], folder: Path, path: str) -> None:
    async with client(hub, parts, folder) as web:
        answer = await web.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"


async def test_without_a_build_a_page_says_how_to_get_one(
    hub: Hub, parts: tuple[Any, ...], tmp_path: Path
) -> None:
    async with client(hub, parts, tmp_path) as web:
        for path in ("/", "/boards"):
            answer = await web.get(path)
            assert answer.status_code == 200
            assert "python hatch_build.py" in answer.text
            assert "status.js" in answer.text


async def test_filters_list_what_is_there(hub: Hub, parts: tuple[Any, ...], folder: Path) -> None:
    async with client(hub, parts, folder) as web:
        found = (await web.get("/api/v1/filters")).json()
    assert found["market"] == ["bybit-inverse", "bybit-linear", "bybit-spot"]
    assert "PERP" in found["kind"]
    assert "USDT" in found["quote"]
    assert set(found["tier"]) <= {"A", "B", "C"}
