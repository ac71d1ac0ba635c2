"""Real views for the API: the machine over the simulator's frames, and a server on a free port."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest

from crosstape.api import ApiSettings, Hub, create_app
from crosstape.engine.view import View
from crosstape.venues import VENUES
from support.served import Notebook, Process, Stage, all_views, frames, staged, tape

__all__ = ("Notebook", "Process", "Stage", "all_views", "frames", "tape")


@pytest.fixture(scope="session")
def views() -> tuple[View, ...]:
    return all_views()


@pytest.fixture
def hub(views: tuple[View, ...]) -> Hub:
    """After the whole tape."""
    hub = Hub()
    for view in views:
        hub.publish(view)
    return hub


@pytest.fixture(scope="session")
def parts() -> tuple[Any, ...]:
    return Process(), VENUES, Notebook()


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def notebook() -> Notebook:
    return Notebook({"see": "viewer", "rule": "admin"})


Connect = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def connect(hub: Hub, notebook: Notebook) -> AsyncIterator[Connect]:
    """An in-process client of an app with the given settings."""
    async with contextlib.AsyncExitStack() as stack:

        def client(settings: ApiSettings | None = None, **more: Any) -> httpx.AsyncClient:
            app = create_app(hub, Process(), VENUES, notebook, settings)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            made = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8317", **more)
            stack.push_async_callback(made.aclose)
            return made

        yield client


@pytest.fixture
def client(connect: Connect) -> httpx.AsyncClient:
    return connect()


@pytest.fixture
async def stage(
    views: tuple[View, ...], notebook: Notebook, request: pytest.FixtureRequest
) -> AsyncIterator[Stage]:
    settings: ApiSettings = getattr(request, "param", ApiSettings())
    async with staged(msgspec.structs.replace(settings, port=0), notebook) as stage:
        yield stage
