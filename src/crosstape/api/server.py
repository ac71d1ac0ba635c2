"""Serving: uvicorn in the loop that runs already, stopped by cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from crosstape.api.settings import ApiSettings
from crosstape.model.errors import ConfigError

BACKLOG = 2_048
MAX_MESSAGE = 65_536
STOP_S = 3


class Api(Protocol):
    """What `create_app` makes: an ASGI application and the task behind its WebSocket topics."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One connection."""
        ...

    async def run(self) -> None:
        """Until cancelled."""
        ...


@asynccontextmanager
async def serving(app: Api, settings: ApiSettings) -> AsyncIterator[int]:
    """Serves while the block runs; gives the port. ConfigError when the address cannot be had."""
    listening = _bound(settings)
    server = _server(app)
    task = asyncio.create_task(server.serve([listening]))
    try:
        async with asyncio.TaskGroup() as group:
            topics = group.create_task(app.run())
            watch = group.create_task(_watch(task))
            try:
                while not server.started:
                    await asyncio.sleep(0.005)
                yield int(listening.getsockname()[1])
            finally:
                topics.cancel()
                watch.cancel()
                server.should_exit = True
                await asyncio.wait({task})
    finally:
        task.cancel()
        listening.close()


async def _watch(task: asyncio.Task[None]) -> None:
    """A server that ends by itself ends the block."""
    await asyncio.wait({task})
    task.result()
    raise ConfigError("the API's server ended; the log says why")


def _server(app: Api) -> Any:
    import uvicorn

    from crosstape.api.framing import Framed

    class Server(uvicorn.Server):
        """Signals are the process's own affair."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app, loop="none", ws=Framed, ws_per_message_deflate=False, ws_max_size=MAX_MESSAGE, access_log=False,
        log_config=None, log_level="warning", lifespan="off", server_header=False, backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_S, h11_max_incomplete_event_size=32_768,
    )  # fmt: skip
    return Server(config)


async def serve(app: Api, settings: ApiSettings, bound: Callable[[int], None] | None = None) -> None:
    """Serves until cancelled; `bound` is told the port."""
    async with serving(app, settings) as port:
        if bound is not None:
            bound(port)
        await asyncio.Event().wait()


def _bound(settings: ApiSettings) -> socket.socket:
    where = f"{settings.host}:{settings.port}"
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(f"api: cannot listen on {where}: {error.strerror}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        # Bound is not taken yet: two may bind with SO_REUSEADDR, only one may listen.
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise ConfigError(f"api: cannot listen on {where}: {error.strerror}") from error
    return listening
