"""The OpenAPI document: true to what the endpoints do, whatever is asked of them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from crosstape.api import ApiSettings, Hub, create_app, serving
from crosstape.api.openapi import document
from crosstape.api.query import PARAMETERS
from crosstape.api.routes import ROUTES

EXAMPLES = settings(
    max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck), derandomize=True, database=None,
)  # fmt: skip


@pytest.fixture(scope="module")
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server in a thread of its own: schemathesis is synchronous."""
    views = request.getfixturevalue("views")
    parts = request.getfixturevalue("parts")
    started, stop, found = threading.Event(), asyncio.Event(), dict[str, Any]()

    async def run() -> None:
        hub = Hub()
        for view in views:
            hub.publish(view)
        app = create_app(hub, parts[0], parts[1], parts[2], ApiSettings(book_wait_s=0.02))
        async with serving(app, ApiSettings(port=0)) as port:
            found["port"], found["loop"] = port, asyncio.get_running_loop()
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert started.wait(20)
    yield f"http://127.0.0.1:{found['port']}"
    with contextlib.suppress(RuntimeError):
        found["loop"].call_soon_threadsafe(stop.set)
    thread.join(20)


def test_every_route_is_documented() -> None:
    api = document("1")
    assert {(p, m.upper()) for p, ms in api["paths"].items() for m in ms} == {(r.path, r.method) for r in ROUTES}
    for operations in api["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert all(p["description"] for p in operation["parameters"])
    used = {field for route in ROUTES for field in route.query.__struct_fields__}
    assert used == set(PARAMETERS)


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
def test_answers_conform(address: str, route: Any) -> None:
    """Generated requests, right and wrong ones: documented statuses and bodies, never a crash."""
    api = schemathesis.openapi.from_url(f"{address}/schema/openapi.json")
    operation = api[route.path][route.method]

    @EXAMPLES
    @given(case=operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE))
    def check(case: Any) -> None:
        answer = case.call(base_url=address)
        assert answer.status_code != 500
        documented = document("1")["paths"][route.path][route.method.lower()]["responses"]
        # Some paths that are generated belong to no route: their 404 and 405 have the one body too.
        assert str(answer.status_code) in {*documented, "404", "405"}
        if answer.status_code != 200:
            assert set(answer.json()) == {"error"}
        elif route.path != "/ready":
            assert answer.headers["content-type"][0].partition(";")[0] in documented["200"]["content"]

    check()


def test_wrong_parameters_are_refused(address: str) -> None:
    """Every integer and every word list refuses what its schema does not allow."""
    wrong = {"integer": ("x", "-1", "1.5", "9" * 40), "number": ("x", "-1", "nan"), "string": ()}
    client = httpx.Client(base_url=address)
    for path, operations in document("1")["paths"].items():
        for parameter in operations.get("get", {"parameters": []})["parameters"]:
            values = wrong[parameter["schema"].get("type", "string")] if parameter["in"] == "query" else ()
            for value in (*values, *(("nonsense",) if "enum" in parameter["schema"] else ())):
                names = {"id": "bybit-linear:BTCUSDT", "name": "gainers_5m", "asset": "BTC", "stream": "1"}
                real = path.format(**names)
                answer = client.get(real, params={parameter["name"]: value})
                assert answer.status_code == 400, (path, parameter["name"], value)
                assert answer.json()["error"]["parameter"] == parameter["name"]
    client.close()
