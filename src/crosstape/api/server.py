"""Serving: uvicorn in the loop that runs already, stopped by cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from crosstape.api.settings import ApiSettings
from crosstape.model.errors import ConfigError

BACKLOG = 2_048
MAX_MESSAGE = 65_536
STOP_S = 3
Asgi = Callable[[Any, Any, Any], Awaitable[None]]


@asynccontextmanager
async def serving(app: Asgi, settings: ApiSettings) -> AsyncIterator[int]:
    """Serves while the block runs; gives the port. ConfigError when the address cannot be had."""
    import uvicorn

    from crosstape.api.framing import Framed

    class Server(uvicorn.Server):
        """Signals are the process's own affair."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    listening = _bound(settings)
    config = uvicorn.Config(
        app, loop="none", ws=Framed, ws_per_message_deflate=False, ws_max_size=MAX_MESSAGE, access_log=False,
        log_config=None, log_level="warning", lifespan="on", server_header=False, backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_S, h11_max_incomplete_event_size=32_768,
    )  # fmt: skip
    server = Server(config)
    task = asyncio.create_task(server.serve([listening]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise ConfigError("the API did not start; the log says why")
            await asyncio.sleep(0.005)
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
        if not task.done():
            server.force_exit = True
            await task
        listening.close()


async def serve(app: Asgi, settings: ApiSettings, bound: Callable[[int], None] | None = None) -> None:
    """Serves until cancelled; `bound` is told the port."""
    async with serving(app, settings) as port:
        if bound is not None:
            bound(port)
        await asyncio.Event().wait()


def _bound(settings: ApiSettings) -> socket.socket:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.setblocking(False)
    except OSError as error:
        raise ConfigError(f"api: cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
    return listening
