"""The OpenAPI document, from the route table and the query structs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from crosstape.api.errors import ErrorBody
from crosstape.api.formats import MEDIA
from crosstape.api.query import PARAMETERS, Query
from crosstape.api.routes import ROUTES, Route

NAMES = {
    "id": "instrument id, percent-encoded: bybit-linear:BTCUSDT",
    "name": "a board's name, see /api/v1/boards",
    "asset": "an asset: BTC",
    "replay": "a replay's id, see /api/v1/replays",
    "stream": "a stream's number, see /api/v1/streams",
}
REASONS = {400: "a parameter is wrong", 401: "a key is required, or the one given is wrong",
           403: "not allowed", 404: "no such thing",
           408: "it took too long", 409: "not in this state", 413: "the body is too large",
           414: "the query is too long",
           429: "too many requests; see Retry-After",
           500: "a fault of ours", 502: "another exchange refused, or did not answer",
           503: "not ready, or a part is unavailable"}  # fmt: skip
ALWAYS = (400, 403, 414, 429, 500, 503)
COMPONENT = "#/components/schemas/{name}"
TABLE = {"type": "object", "required": ["mode", "ts_ms", "view"]}


def document(version: str) -> dict[str, Any]:
    """OpenAPI 3.1."""
    (error,), components = msgspec.json.schema_components([ErrorBody], ref_template=COMPONENT)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, error, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "crosstape", "version": version, "description": "WebSocket: /ws."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


def _operation(route: Route, error: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    doc = " ".join((route.call.__doc__ or "").split())
    name = route.path.removeprefix("/api/v1").strip("/").replace("/", "_")
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}_{name.replace('{', '').replace('}', '')}",
        "summary": doc,
        "parameters": [*_path(route), *parameters(route.query)],
        "responses": {"200": {"description": "as asked", "content": _content(route)}},
    }
    statuses = {*ALWAYS, *route.also, *((401,) if route.role is not None else ())}
    for status in sorted(statuses):
        content = {"application/json": {"schema": error}}
        operation["responses"][str(status)] = {"description": REASONS[status], "content": content}
    if route.role is not None:
        operation["security"] = [{}, {"bearer": []}, {"key": []}]
    if route.takes is bytes:
        file = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": False, "content": file}
    elif route.method in ("PUT", "POST"):
        (schema,), parts = msgspec.json.schema_components([route.takes], ref_template=COMPONENT)
        schema = parts.pop(schema.get("$ref", "").rpartition("/")[2], {"type": "object"})
        components.update(parts)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _content(route: Route) -> dict[str, Any]:
    if route.media:
        return {route.media: {"schema": {"type": "string"}}}
    content: dict[str, Any] = {"application/json": {"schema": TABLE if route.kept else {"type": "object"}}}
    if "format" in route.query.__struct_fields__:
        content |= {kind.decode().partition(";")[0]: {"schema": {"type": "string"}} for kind in MEDIA.values()
                    if kind != MEDIA["json"]}  # fmt: skip
    return content


def _path(route: Route) -> Sequence[dict[str, Any]]:
    if not route.variable:
        return ()
    schema = {"type": "string", "minLength": 1}
    return ({"name": route.variable, "in": "path", "required": True, "schema": schema,
             "description": NAMES[route.variable]},)  # fmt: skip


def parameters(query: type[Query]) -> list[dict[str, Any]]:
    """Query parameters, as OpenAPI has them."""
    _, components = msgspec.json.schema_components([query])
    properties = components[query.__name__]["properties"] if query.__struct_fields__ else {}
    return [
        {"name": name, "in": "query", "required": False, "schema": schema, "description": PARAMETERS[name]}
        for name, schema in properties.items()
    ]
