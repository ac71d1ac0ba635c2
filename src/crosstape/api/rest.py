"""Litestar over the route table: routing, bodies, and one error body for whatever goes wrong."""

from __future__ import annotations

import traceback
from typing import Any
from uuid import uuid4

import structlog
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from crosstape.api.context import JSON, Answer, Ask, Caller, Context
from crosstape.api.errors import ApiError, nearest
from crosstape.api.pages import page_of
from crosstape.api.query import parse
from crosstape.api.routes import ROUTES, Route, matching
from crosstape.api.web import PAGES

CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def litestar(context: Context) -> Litestar:
    """The application; documents itself through `openapi.py` rather than through Litestar."""
    paths: dict[str, dict[str, list[Route]]] = {}
    for route in ROUTES:
        pattern = f"{route.prefix}{{rest:path}}" if route.variable else route.path
        paths.setdefault(pattern, {}).setdefault(route.method, []).append(route)
    routes: list[Any] = [
        _endpoint(context, pattern, method, found)
        for pattern, methods in paths.items()
        for method, found in methods.items()
    ]
    routes += [_page(f"/{name}") for name in sorted(PAGES)]
    routes += [_page("/static/{name:str}"), _page("/schema"), _page("/schema/{name:str}"), _page("/collector")]
    return Litestar(
        routes,
        exception_handlers={ApiError: _refused, HTTPException: _http, Exception: _crashed},
        request_max_body_size=context.settings.max_body,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _endpoint(context: Context, pattern: str, method: str, routes: list[Route]) -> HTTPRouteHandler:
    def known(name: str) -> bool:
        view = context.hub.view
        return view is not None and name in view.rows.index

    async def call(request: Request[Any, Any, Any]) -> Response[bytes]:
        route, name = routes[0], ""
        if route.variable:
            rest = request.scope["path"].removeprefix(route.prefix)
            found = matching(method, route.prefix, rest, known)
            assert found is not None, "the pattern was built from a route"
            route, name = found
        answer = await answered(context, route, name, request)
        return Response(answer.body, status_code=answer.status, media_type=answer.kind.decode())

    most = context.settings.max_upload if routes[0].upload else context.settings.max_body
    verb: Any = method
    made = HTTPRouteHandler(pattern, http_method=verb, status_code=200, request_max_body_size=most)
    return made(call)


async def answered(context: Context, route: Route, name: str, request: Request[Any, Any, Any]) -> Answer:
    """Call the endpoint; what holds until the next view is kept for whoever asks the same."""
    raw: bytes = request.scope["query_string"]
    scope: Any = request.scope
    caller: Caller = scope.get("crosstape.caller") or Caller()
    if route.role is not None and caller.role < route.role:
        raise ApiError(403, "forbidden", f"this needs the role {route.role.name.lower()}")
    query = parse(route.query, raw)
    body = await request.body() if route.method != "GET" else b""
    number = context.hub.view.number if context.hub.view is not None else -1
    answer = await route.call(context, Ask(query, name, caller, body))
    if route.kept and answer.status == 200 and context.hub.view is not None and context.hub.view.number == number:
        context.hub.remember((request.scope["path"].encode(), raw), answer.kind, answer.body)
    return answer


def _page(pattern: str) -> HTTPRouteHandler:
    async def call(request: Request[Any, Any, Any]) -> Response[bytes]:
        parse(ROUTES[0].query, request.scope["query_string"])
        answer = page_of(request.scope["path"])
        return Response(answer.body, media_type=answer.kind.decode())

    return HTTPRouteHandler(pattern, http_method="GET", status_code=200)(call)


def _refused(_: Request[Any, Any, Any], error: ApiError) -> Response[bytes]:
    return Response(error.body, status_code=error.status, media_type=JSON.decode(), headers=error.headers)


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = error.status_code
    path = request.scope["path"]
    message, allowed = error.detail or "not possible", ""
    if status == 404:
        close = nearest(path, [route.path for route in ROUTES])
        message = f"no such path: {path[:200]}"
        allowed = f"nearest: {', '.join(close)}" if close else "see /schema"
    elif status == 405:
        methods = {r.method for r in ROUTES if path == r.path or (r.variable and path.startswith(r.prefix))}
        message, allowed = f"{request.method} is not possible here", ", ".join(sorted(methods or {"GET"}))
    elif status == 413:
        allowed = "see max_body in the API's settings"
    response = _refused(request, ApiError(status, CODES.get(status, "bad_request"), message, allowed=allowed))
    if status == 405:
        response.headers["allow"] = allowed
    return response


def _crashed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    number = uuid4().hex[:12]
    # As text: a renderer that shows local variables would show keys.
    trace = "".join(traceback.format_exception(error))
    path = request.scope["path"]
    log = structlog.get_logger("crosstape.api")
    log.error("request crashed", id=number, method=request.method, path=path, trace=trace)
    refused = ApiError(500, "internal", "something went wrong here; the log has more under this id")
    refused.detail = type(refused.detail)("internal", refused.detail.message, id=number)
    return _refused(request, refused)
