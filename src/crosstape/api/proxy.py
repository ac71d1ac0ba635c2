"""`/replay/{id}/…`: requests and sockets passed on to the process that serves the replay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import msgspec

from crosstape.api.auditing import address_of
from crosstape.api.client import may_see, topic_in
from crosstape.api.errors import ApiError
from crosstape.api.keys import Keys, check_host, code_of, origin_allowed
from crosstape.api.ports import Replays, Role, Session
from crosstape.api.settings import ApiSettings

if TYPE_CHECKING:
    import aiohttp

BELOW = "/replay/"
GONE, LEFT = 4004, 1012
CHUNK = 65_536
USED_S = 5.0
# What belongs to a connection, or is ours to say.
OWN = frozenset({
    "connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "host", "origin",
    "authorization", "x-api-key", "cookie", "x-content-type-options", "x-frame-options", "referrer-policy",
    "cross-origin-resource-policy", "content-security-policy", "cache-control",
})  # fmt: skip
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class Proxy:
    """Keeps nothing: what one side does not take, the other waits with."""

    def __init__(self, replays: Replays | None, keys: Keys, settings: ApiSettings) -> None:
        self._replays, self._keys, self._settings = replays, keys, settings
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End the connections to replays."""
        if self._session is not None:
            await self._session.close()

    async def http(self, scope: Scope, receive: Receive, send: Send, extra: Headers) -> None:
        """One request; the caller has been let in already. ApiError: no such replay, or it does not answer."""
        import aiohttp

        session, path = self._found(scope["path"])
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        headers = {"accept-encoding": "identity"} | {n: v for n, v in given.items() if n not in OWN}
        body = await self._body(receive)
        try:
            asked = self._http().request(
                scope["method"], _url(session, path, scope["query_string"]), data=body or None,
                headers=headers | {"x-api-key": session.key}, allow_redirects=False,
            )  # fmt: skip
            async with asked as answer:
                kept = [(n.lower().encode(), v.encode("latin-1")) for n, v in answer.headers.items()
                        if n.lower() not in OWN]  # fmt: skip
                await send({"type": "http.response.start", "status": answer.status, "headers": [*kept, *extra]})
                async for chunk in answer.content.iter_chunked(CHUNK):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError) as error:
            raise ApiError(503, "replay_gone", "the replay does not answer; open it again", "replay") from error

    async def socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One WebSocket client, from its handshake to its end."""
        headers = dict(scope["headers"])
        if (await receive())["type"] != "websocket.connect":
            return
        try:
            check_host(headers, self._settings)
            session, path = self._found(scope["path"])
        except ApiError:
            return await send({"type": "websocket.close", "code": 1008})
        if path != "/ws" or not origin_allowed(headers, self._settings):
            return await send({"type": "websocket.close", "code": 1008})
        await send({"type": "websocket.accept"})
        try:
            caller = await self._keys.caller(headers, scope["query_string"], address_of(scope), path=scope["path"])
        except ApiError as error:
            return await send({"type": "websocket.close", "code": code_of(error), "reason": str(error)})
        await self._joined(session, receive, send, caller.role)

    async def _joined(self, session: Session, receive: Receive, send: Send, role: Role) -> None:
        import aiohttp

        try:
            options: dict[str, Any] = {"headers": {"x-api-key": session.key}, "max_msg_size": 0, "compress": 0}
            async with self._http().ws_connect(session.address + "/ws", **options) as ws:
                up = asyncio.create_task(_up(ws, receive, send, role))
                down = asyncio.create_task(_down(ws, send))
                while not (up.done() or down.done()):
                    # Whoever looks at it uses it, even while it says nothing.
                    self._found(BELOW + session.id)
                    await asyncio.wait((up, down), timeout=USED_S, return_when=asyncio.FIRST_COMPLETED)
                client_left = up.done()
                for task in (up, down):
                    task.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
            code = ws.close_code or LEFT
            if not client_left:
                await send({"type": "websocket.close", "code": code if code >= 3000 else LEFT})
        except (aiohttp.ClientError, OSError, ApiError):
            await send({"type": "websocket.close", "code": GONE, "reason": "the replay does not answer"})

    def _found(self, path: str) -> tuple[Session, str]:
        name, _, rest = path.removeprefix(BELOW).partition("/")
        session = self._replays.session(name) if self._replays is not None else None
        if session is None:
            raise ApiError(404, "not_found", f"no replay {name[:40]!r} runs here", "replay", "see /api/v1/replays")
        return session, "/" + rest

    async def _body(self, receive: Receive) -> bytes:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._settings.max_body:
                raise ApiError(
                    413, "too_large", f"a body of {self._settings.max_body} bytes at most is taken", "body"
                )
        return body

    def _http(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=60.0),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def _up(ws: aiohttp.ClientWebSocketResponse, receive: Receive, send: Send, role: Role) -> None:
    """A replay takes us for its operator: what the caller may not see is refused here."""
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        try:
            may_see(role, topic_in(text if text is not None else message.get("bytes", b"")))
        except ApiError as error:
            refusal = {"op": "error", "error": msgspec.to_builtins(error.detail)}
            await send({"type": "websocket.send", "text": msgspec.json.encode(refusal).decode()})
            continue
        await (ws.send_str(text) if text is not None else ws.send_bytes(message.get("bytes", b"")))


async def _down(ws: aiohttp.ClientWebSocketResponse, send: Send) -> None:
    import aiohttp

    async for message in ws:
        if message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})


def _url(session: Session, path: str, query: bytes) -> Any:
    from urllib.parse import quote

    from yarl import URL

    target = session.address + quote(path, safe="/:")
    return URL(f"{target}?{query.decode('latin-1')}" if query else target, encoded=True)
