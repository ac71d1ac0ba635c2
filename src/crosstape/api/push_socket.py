"""`/ws/push`: ticks over a WebSocket, each message answered when its ticks are on the disk.

A message is a tick, or a list of them; the answer {"accepted", "new", "live", "n"} carries the message's number,
an error {"error", "n"} with `retry_after_s` where the same may be sent again. Messages are taken one after the
other: who sends faster is held back by TCP.
"""

from __future__ import annotations

from typing import Any

import msgspec

from crosstape.api.auditing import address_of
from crosstape.api.context import Context
from crosstape.api.errors import ApiError
from crosstape.api.keys import Keys, check_host, code_of, origin_allowed
from crosstape.api.ports import Role
from crosstape.api.routes_push import MOST_TICKS, Given, read, taken
from crosstape.api.socket import Receive, Scope, Send

PATH = "/ws/push"


class PushSockets:
    """Takes ticks from sockets."""

    def __init__(self, context: Context, keys: Keys) -> None:
        self._context, self._keys = context, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One client, from its handshake to its end."""
        headers = dict(scope["headers"])
        if (await receive())["type"] != "websocket.connect":
            return
        try:
            check_host(headers, self._context.settings)
        except ApiError:
            return await send({"type": "websocket.close", "code": 1008})
        if not origin_allowed(headers, self._context.settings):
            return await send({"type": "websocket.close", "code": 1008})
        await send({"type": "websocket.accept"})
        try:
            # As one that changes something: a key is needed wherever writing needs one.
            where = (address_of(scope), "POST", PATH)
            caller = await self._keys.caller(headers, scope["query_string"], *where)
            if caller.role < Role.TRADER:
                raise ApiError(403, "forbidden", "this needs the role trader")
        except ApiError as error:
            return await send({"type": "websocket.close", "code": code_of(error), "reason": str(error)})
        await self._serve(receive, send)

    async def _serve(self, receive: Receive, send: Send) -> None:
        number = 0
        while (message := await receive())["type"] == "websocket.receive":
            number += 1
            payload = message.get("bytes")
            answer = await self._answer(payload if payload is not None else message.get("text", "").encode())
            text = msgspec.json.encode(answer | {"n": number}).decode()
            await send({"type": "websocket.send", "text": text})

    async def _answer(self, payload: bytes) -> dict[str, Any]:
        try:
            given = read(payload, Given | list[Given])
            ticks = given if isinstance(given, list) else [given]
            if not 0 < len(ticks) <= MOST_TICKS:
                raise ApiError(400, "bad_body", f"{len(ticks)} ticks in a message", "body", f"1 to {MOST_TICKS}")
            return msgspec.structs.asdict(await taken(self._context, ticks))
        except ApiError as error:
            wait = {"retry_after_s": error.retry_after_s} if error.retry_after_s else {}
            return {"error": msgspec.to_builtins(error.detail)} | wait
