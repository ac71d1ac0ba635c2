"""Who may ask: keys and roles, hosts, origins, headers; and the server's start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import httpx
import pytest

from crosstape.api import ApiSettings, Hub, create_app, serve, serving
from crosstape.api.ports import Role
from crosstape.api.routes import ROUTES, Route
from crosstape.api.web import Web
from crosstape.model.errors import ConfigError

V1 = "/api/v1"
DESK = "https://desk.example"


def test_keys_are_required_beyond_loopback(process: Any) -> None:
    assert not ApiSettings().key_required
    assert not ApiSettings(host="::1").key_required
    assert not ApiSettings(host="localhost").key_required
    for host in ("0.0.0.0", "::", "192.168.1.5", "desk.example"):
        assert ApiSettings(host=host).key_required
        with pytest.raises(ConfigError, match="requires keys"):
            create_app(Hub(), process, settings=ApiSettings(host=host))
    assert not ApiSettings(host="0.0.0.0", require_key=False).key_required


async def test_keys(connect: Any, notebook: Any) -> None:
    client = connect(ApiSettings(require_key=True))
    for headers, status in (
        ({}, 401),
        ({"authorization": "Bearer nope"}, 401),
        ({"authorization": "Basic see"}, 401),
        ({"x-api-key": "x" * 10_000}, 401),
        ({"authorization": "Bearer see"}, 200),
        ({"x-api-key": "see"}, 200),
    ):
        answer = await client.get(f"{V1}/boards", headers=headers)
        assert answer.status_code == status, headers
        if status == 401:
            assert answer.json()["error"]["parameter"] == "authorization"
            assert answer.headers["www-authenticate"] == "Bearer"
    assert (await client.get(f"{V1}/boards?key=see")).status_code == 401
    for path in ("/health", "/", "/static/status.js", "/schema", "/schema/openapi.json"):
        assert (await client.get(path)).status_code == 200
    asked = notebook.asked
    for _ in range(5):
        await client.get(f"{V1}/boards", headers={"x-api-key": "see"})
    assert notebook.asked == asked


async def test_a_kept_answer_needs_a_key_too(connect: Any, hub: Hub) -> None:
    client = connect(ApiSettings(require_key=True))
    assert (await client.get(f"{V1}/boards", headers={"x-api-key": "see"})).status_code == 200
    assert hub.answers
    assert (await client.get(f"{V1}/boards")).status_code == 401


async def test_a_wrong_key_is_refused_where_none_is_needed(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{V1}/boards")).status_code == 200
    assert (await client.get(f"{V1}/boards", headers={"x-api-key": "nope"})).status_code == 401


async def test_roles(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Route("/admin", ROUTES[0].call, role=Role.ADMIN), *ROUTES]
    monkeypatch.setattr("crosstape.api.rest.ROUTES", tuple(rows))
    client = connect(ApiSettings(require_key=True))
    refused = await client.get("/admin", headers={"x-api-key": "see"})
    assert refused.status_code == 403
    assert "admin" in refused.json()["error"]["message"]
    assert (await client.get("/admin", headers={"x-api-key": "rule"})).status_code == 200


async def test_a_foreign_host_is_refused_without_keys(connect: Any) -> None:
    client = connect()
    hosts = {
        "evil.example": 403,
        "evil.example:8317": 403,
        "127.0.0.1:9": 200,
        "localhost": 200,
        "[::1]:8317": 200,
    }
    for host, status in hosts.items():
        assert (await client.get("/health", headers={"host": host})).status_code == status, host
    behind = connect(ApiSettings(allowed_hosts=("tape.example",)))
    assert (await behind.get("/health", headers={"host": "tape.example"})).status_code == 200
    keyed = connect(ApiSettings(require_key=True))
    assert (await keyed.get("/health", headers={"host": "evil.example"})).status_code == 200


async def test_cors_is_an_allow_list(connect: Any, client: httpx.AsyncClient) -> None:
    open_ = connect(ApiSettings(cors_origins=(DESK,)))
    for path in (f"{V1}/boards", f"{V1}/boards", f"{V1}/nothing"):
        answer = await open_.get(path, headers={"origin": DESK})
        assert answer.headers["access-control-allow-origin"] == DESK
        assert answer.headers["vary"] == "origin"
        answer = await open_.get(path, headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers
    ask = {"origin": DESK, "access-control-request-method": "PUT", "access-control-request-headers": "x-api-key"}
    answer = await open_.options(f"{V1}/prefs", headers=ask)
    assert answer.status_code == 204
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert "x-api-key" in answer.headers["access-control-allow-headers"]
    assert (
        await open_.options(f"{V1}/prefs", headers=ask | {"origin": "https://evil.example"})
    ).status_code == 403
    assert (await client.options(f"{V1}/prefs", headers=ask)).status_code == 403
    assert "access-control-allow-origin" not in (await client.get(f"{V1}/boards", headers=ask)).headers


async def test_other_sites_cannot_write(client: httpx.AsyncClient) -> None:
    for origin, status in (("https://evil.example", 403), ("null", 403), ("http://127.0.0.1:8317", 200)):
        answer = await client.put(f"{V1}/prefs", json={"a": 1}, headers={"origin": origin})
        assert answer.status_code == status


async def test_every_answer_carries_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/", "/health", f"{V1}/boards", f"{V1}/boards", f"{V1}/x", "/schema"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert headers["cache-control"] == ("no-cache" if path == "/" and Web().built else "no-store")


async def test_keys_are_never_logged(stage: Any, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    from websockets.asyncio.client import connect

    with caplog.at_level(logging.DEBUG, "uvicorn"):
        async with connect(stage.url + "?key=see") as ws:
            await ws.send("x")
            await ws.recv()
        async with httpx.AsyncClient() as client:
            await client.get(f"http://127.0.0.1:{stage.port}{V1}/x", headers={"x-api-key": "s3cret"})
    mine = [r.getMessage() for r in caplog.records if r.name.startswith("uvicorn")]
    out = "".join([*mine, *capfd.readouterr()])
    assert "key=see" not in out
    assert "s3cret" not in out


async def test_serve_stops_when_cancelled_and_frees_the_port(hub: Hub, process: Any) -> None:
    app = create_app(hub, process)
    ports: list[int] = []
    task = asyncio.create_task(serve(app, ApiSettings(port=0), ports.append))
    while not ports:
        await asyncio.sleep(0.01)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[0]}") as client:
        assert (await client.get("/health")).status_code == 200
        with pytest.raises(ConfigError, match="cannot listen"):
            async with serving(create_app(hub, process), ApiSettings(port=ports[0])):
                pass
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with serving(create_app(hub, process), ApiSettings(port=ports[0])) as port:
        assert port == ports[0]


async def test_serve_stops_with_clients_connected(hub: Hub, process: Any) -> None:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    async with serving(create_app(hub, process), ApiSettings(port=0)) as port:
        ws = await connect(f"ws://127.0.0.1:{port}/ws")
        await ws.send('{"op":"subscribe","topic":"markets"}')
        await ws.recv()
    with contextlib.suppress(ConnectionClosed):
        while True:
            await ws.recv()
    assert ws.close_code == 1012
