"""The API's own composition: hub, endpoints, sockets, gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from crosstape.api.channels import Channels
from crosstape.api.context import Context, Traffic
from crosstape.api.gate import Gate
from crosstape.api.hub import Hub
from crosstape.api.keys import Keys
from crosstape.api.pages import own_version
from crosstape.api.ports import Ledger, Operations
from crosstape.api.settings import ApiSettings
from crosstape.api.socket import Sockets
from crosstape.model.errors import ConfigError
from crosstape.wire.venue import Venue

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def create_app(
    hub: Hub,
    operations: Operations,
    venues: Sequence[Venue] = (),
    ledger: Ledger | None = None,
    settings: ApiSettings | None = None,
) -> Asgi:
    """The ASGI application. ConfigError when keys are required and nobody keeps any."""
    from crosstape.api.rest import litestar

    settings = settings if settings is not None else ApiSettings()
    if settings.key_required and ledger is None:
        raise ConfigError(f"api: listening on {settings.host} requires keys, and there is no ledger to keep them")
    context = Context(hub, settings, operations, tuple(venues), ledger, own_version(), Traffic())
    channels, keys = Channels(context), Keys(ledger, settings)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(channels.run())
            try:
                yield
            finally:
                running.cancel()

    return Gate(litestar(context, lifespan), Sockets(context, channels, keys), keys, hub, settings)
