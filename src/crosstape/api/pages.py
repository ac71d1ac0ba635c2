"""Pages of the API itself: the status page, the list of endpoints, the OpenAPI document."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from importlib.resources import files

from crosstape.api.context import HTML, JSON, Answer
from crosstape.api.errors import ApiError
from crosstape.api.openapi import document, parameters
from crosstape.api.routes import ROUTES
from crosstape.api.tables import to_json
from crosstape.api.web import PAGES

FILES = {"/": ("index.html", HTML), "/static/status.js": ("status.js", b"text/javascript; charset=utf-8"),
         "/collector": ("collector.html", HTML),
         "/static/collector.js": ("collector.js", b"text/javascript; charset=utf-8"),
         "/static/icon.svg": ("icon.svg", b"image/svg+xml"),
         "/static/status.css": ("status.css", b"text/css; charset=utf-8")}  # fmt: skip


@lru_cache(maxsize=16)
def page_of(path: str) -> Answer:
    """The page at a path. The dashboard's routes come here only when it was not built: all have the plain page."""
    if path.strip("/") in PAGES:
        path = "/"
    if path in FILES:
        name, kind = FILES[path]
        return Answer(files("crosstape.api").joinpath("static", name).read_bytes(), kind)
    if path == "/schema":
        return Answer(_listing().encode(), HTML)
    if path == "/schema/openapi.json":
        return Answer(to_json(document(own_version())), JSON)
    raise ApiError(404, "not_found", f"no such page: {path[:200]}", allowed=", ".join([*FILES, "/schema"]))


def own_version() -> str:
    """As installed; "0" from a bare checkout."""
    try:
        return installed("crosstape")
    except PackageNotFoundError:
        return "0"


def _listing() -> str:
    parts = ['<!doctype html><html lang="en"><head><meta charset="utf-8"><title>crosstape API</title>'
             '<link rel="stylesheet" href="/static/status.css"></head><body><main><h1>Endpoints</h1>'
             '<p><a href="/schema/openapi.json">OpenAPI</a> · WebSocket: <code>/ws</code></p>']  # fmt: skip
    for route in ROUTES:
        parts.append(f"<h2><code>{route.method} {escape(route.path)}</code></h2>")
        parts.append(f"<p>{escape(route.call.__doc__ or '')}</p>")
        rows = "".join(
            f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['description'])}</td></tr>"
            for p in parameters(route.query)
        )
        if rows:
            parts.append(f"<table><tbody>{rows}</tbody></table>")
    return "".join([*parts, "</main></body></html>"])
