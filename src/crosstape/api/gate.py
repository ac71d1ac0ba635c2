"""In front of everything: hosts, origins, keys, security headers, and answers that are encoded already."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from crosstape.api.auditing import Auditor, address_of, audited
from crosstape.api.channels import Channels
from crosstape.api.context import Context
from crosstape.api.errors import ApiError
from crosstape.api.keys import Keys, check_host, origin_allowed
from crosstape.api.proxy import BELOW, Proxy
from crosstape.api.routes import ROUTES, pattern_of, role_of
from crosstape.api.web import PAGES, File, Web

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]
CSP = b"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# The one page that speaks with others: it connects this browser to the exchange its user names, over TLS.
COLLECTOR = "/collector"
COLLECTOR_CSP = CSP + b"; connect-src 'self' wss: ws://127.0.0.1:* ws://localhost:*"
SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", CSP),
    (b"cache-control", b"no-store"),
)
OPEN = frozenset(r.path for r in ROUTES if r.role is None) | {"/schema", "/schema/openapi.json", "/collector"}
UPLOADS = frozenset(r.path for r in ROUTES if r.upload)
READS = ("GET", "HEAD")
ALLOW_HEADERS = b"authorization, x-api-key, content-type"


class Gate:
    """The outermost ASGI application."""

    def __init__(
        self,
        rest: Asgi,
        sockets: Asgi,
        keys: Keys,
        context: Context,
        channels: Channels,
        proxy: Proxy,
        web: Web,
    ) -> None:
        self._rest, self._sockets, self._keys, self._channels, self._web = rest, sockets, keys, channels, web
        self._hub, self._settings, self._requests = context.hub, context.settings, context.requests
        self._boards = context.sql_boards
        self._proxy, self._auditor = proxy, Auditor(context.ledger)
        self._plain = list(SECURITY)
        self._origins = frozenset(origin.encode() for origin in context.settings.cors_origins)

    async def run(self) -> None:
        """Steps the WebSocket topics with every view, runs SQL boards, writes the audit log, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._auditor.run())
                group.create_task(self._channels.run())
                if self._boards is not None:
                    group.create_task(self._boards.run())
        finally:
            await self._proxy.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == "http":
            await self._requests.timed(self._audited, pattern_of(scope["path"]), scope, receive, send)
        elif scope["type"] == "websocket":
            below = scope["path"].startswith(BELOW)
            await (self._proxy.socket if below else self._sockets)(scope, receive, send)
        else:
            await self._rest(scope, receive, send)

    async def _audited(self, scope: Scope, receive: Receive, send: Send) -> None:
        await audited(self._auditor, self._http, scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        extra = self._extra(headers)
        if scope["path"] == COLLECTOR:
            extra = [*(pair for pair in extra if pair[1] != CSP), (b"content-security-policy", COLLECTOR_CSP)]
        try:
            check_host(headers, self._settings)
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                return await self._preflight(headers, extra, send)
            if scope["method"] in READS and (file := self._web.at(scope["path"])) is not None:
                return await _send_file(send, file, headers, scope["method"] == "HEAD")
            self._check_body(headers, scope["path"])
            if not _is_open(scope["path"]):
                where = (address_of(scope), scope["method"], scope["path"])
                scope["crosstape.caller"] = await self._keys.caller(headers, b"", *where)
            if scope["method"] != "GET" and not origin_allowed(headers, self._settings):
                raise ApiError(403, "wrong_origin", "this origin is not allowed", "origin", "cors_origins")
        except ApiError as error:
            return await refuse(send, error, extra)
        if scope["path"].startswith(BELOW):
            return await self._proxied(scope, receive, send, extra)
        if scope["method"] == "GET":
            kept = self._hub.answers.get((scope["path"].encode(), scope["query_string"]))
            if kept is not None:
                return await respond(send, 200, kept[1], extra, kept[0])

        async def decorated(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        await self._rest(scope, receive, decorated)

    async def _proxied(self, scope: Scope, receive: Receive, send: Send, extra: list[tuple[bytes, bytes]]) -> None:
        below = "/" + scope["path"].removeprefix(BELOW).partition("/")[2]
        role = role_of("GET" if scope["method"] == "HEAD" else scope["method"], below)
        try:
            if role is not None and scope["crosstape.caller"].role < role:
                raise ApiError(403, "forbidden", f"this needs the role {role.name.lower()}")
            await self._proxy.http(scope, receive, send, extra)
        except ApiError as error:
            await refuse(send, error, extra)

    def _check_body(self, headers: Mapping[bytes, bytes], path: str) -> None:
        length = headers.get(b"content-length", b"0")
        most = self._settings.max_upload if path in UPLOADS else self._settings.max_body
        if length.isdigit() and int(length[:20]) > most:
            raise ApiError(413, "too_large", f"a body of {most} bytes at most is taken", "body", f"{most} bytes")

    def _extra(self, headers: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        if not self._origins:
            return self._plain
        extra = [*SECURITY, (b"vary", b"origin")]
        origin = headers.get(b"origin", b"")
        if origin in self._origins:
            extra.append((b"access-control-allow-origin", origin))
        return extra

    async def _preflight(
        self, headers: Mapping[bytes, bytes], extra: list[tuple[bytes, bytes]], send: Send
    ) -> None:
        if headers.get(b"origin", b"") not in self._origins:
            error = ApiError(403, "wrong_origin", "this origin is not allowed", "origin", "cors_origins")
            return await respond(send, 403, error.body, extra)
        allow = [
            (b"access-control-allow-methods", b"GET, PUT, POST, DELETE"),
            (b"access-control-allow-headers", ALLOW_HEADERS),
            (b"access-control-max-age", b"600"),
        ]
        await respond(send, 204, b"", [*extra, *allow])


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith("/static/") or path[1:] in PAGES


async def respond(
    send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]], kind: bytes = b"application/json"
) -> None:
    """A whole HTTP answer."""
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *extra]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, error: ApiError, extra: list[tuple[bytes, bytes]]) -> None:
    """An error as an answer."""
    more = [(name.encode(), value.encode()) for name, value in error.headers.items()]
    await respond(send, error.status, error.body, [*extra, *more])


async def _send_file(send: Send, file: File, headers: Mapping[bytes, bytes], head_only: bool) -> None:
    """A file of the dashboard, compressed where the browser takes it so."""
    encoding, body = file.form(headers.get(b"accept-encoding", b""))
    told = [(b"content-type", file.kind), (b"content-length", str(len(body)).encode()), *SECURITY[:-1]]
    told += [(b"cache-control", file.cache), (b"vary", b"accept-encoding")]
    if encoding:
        told.append((b"content-encoding", encoding))
    if file.links:
        told.append((b"link", file.links))
    await send({"type": "http.response.start", "status": 200, "headers": told})
    await send({"type": "http.response.body", "body": b"" if head_only else body})
