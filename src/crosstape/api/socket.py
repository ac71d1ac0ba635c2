"""`/ws`: the ASGI endpoint, beside Litestar because a send there costs too much.

Close codes: 4001 wrong or missing key · 4002 too many mistakes · 4008 the client cannot keep up ·
4009 too many clients · 1013 try again later · 1009 a message longer than 64 KiB · 1012 the server stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from crosstape.api.auditing import address_of
from crosstape.api.channels import Channels
from crosstape.api.client import Client, Wire
from crosstape.api.context import Context
from crosstape.api.errors import ApiError
from crosstape.api.keys import Keys, check_host, code_of, origin_allowed
from crosstape.api.message import Message
from crosstape.api.ports import Role

MISTAKES, CANNOT_KEEP_UP, TOO_MANY = 4002, 4008, 4009
RAW = "crosstape.raw"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]


class Raw(Protocol):
    """What our own server offers beyond ASGI: bytes framed once for all clients, and an end without waiting."""

    async def write_frames(self, frames: bytes) -> None:
        """Write, and wait until more can be written."""
        ...

    def cut(self, code: int, reason: str) -> None:
        """Close now, whatever waits to be written."""
        ...


class RawWire:
    """Over our own server: one write for all that is due."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw

    async def send(self, messages: list[Message]) -> None:
        """One write."""
        await self._raw.write_frames(b"".join([message.frame for message in messages]))


class AsgiWire:
    """Over any ASGI server."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def send(self, messages: list[Message]) -> None:
        """A message at a time."""
        for message in messages:
            if message.is_text:
                await self._send({"type": "websocket.send", "text": message.text})
            else:
                await self._send({"type": "websocket.send", "bytes": message.payload})


class Sockets:
    """Takes clients in and sees them out."""

    def __init__(self, context: Context, channels: Channels, keys: Keys, pushes: Endpoint) -> None:
        self._context, self._channels, self._keys, self._pushes = context, channels, keys, pushes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One client, from its handshake to its end."""
        if scope["path"] == "/ws/push":
            return await self._pushes(scope, receive, send)
        headers = dict(scope["headers"])
        if (await receive())["type"] != "websocket.connect":
            return
        try:
            check_host(headers, self._context.settings)
        except ApiError:
            return await send({"type": "websocket.close", "code": 1008})
        if scope["path"] != "/ws" or not origin_allowed(headers, self._context.settings):
            return await send({"type": "websocket.close", "code": 1008})
        await send({"type": "websocket.accept"})
        try:
            caller = await self._keys.caller(headers, scope["query_string"], address_of(scope), path=scope["path"])
        except ApiError as error:
            return await send({"type": "websocket.close", "code": code_of(error), "reason": str(error)})
        traffic = self._context.traffic
        if traffic.clients >= self._context.settings.max_clients:
            return await send({"type": "websocket.close", "code": TOO_MANY, "reason": "too many clients"})
        traffic.clients += 1
        try:
            await self._serve(scope, receive, send, caller.role)
        finally:
            traffic.clients -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send, role: Role) -> None:
        raw: Raw | None = scope.get("extensions", {}).get(RAW)
        wire: Wire = RawWire(raw) if raw is not None else AsgiWire(send)
        client = Client(self._context, self._channels, wire, role)
        reading = asyncio.create_task(_read(client, receive))
        writing = asyncio.create_task(client.write())
        try:
            await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            client.leave()
            reading.cancel()
            writing.cancel()
            ended = await asyncio.gather(reading, writing, return_exceptions=True)
        await self._farewell(ended[0], ended[1], raw, send)

    async def _farewell(self, read: Any, wrote: Any, raw: Raw | None, send: Send) -> None:
        """Say why, when it is us who end it; anything that is a fault of ours is raised."""
        if isinstance(wrote, TimeoutError):
            self._context.traffic.cut_off += 1
            if raw is not None:
                raw.cut(CANNOT_KEEP_UP, "cannot keep up")
        elif read is False:
            await send({"type": "websocket.close", "code": MISTAKES, "reason": "too many mistakes"})
        for outcome in (read, wrote):
            if isinstance(outcome, Exception) and not isinstance(outcome, OSError | TimeoutError):
                raise outcome


async def _read(client: Client, receive: Receive) -> bool:
    while True:
        message = await receive()
        if message["type"] != "websocket.receive":
            return True
        payload = message.get("bytes")
        if payload is None:
            payload = message.get("text", "").encode()
        if not await client.hear(payload):
            return False
