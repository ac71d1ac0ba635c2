"""A REST request as a value."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode

import msgspec


class Request(msgspec.Struct, frozen=True):
    """GET `path` with `params`, or POST `body`, for poll `name`. It must change nothing: it may be asked again.

    body      JSON text; "" = GET
    weight    what it costs of the host's budget
    priority  0 first: resync 0, catalogue 1, back-fill 5, scan 9
    """

    name: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    weight: float = 1.0
    priority: int = 1
    body: str = ""

    def key(self) -> str:
        """One line that says it all and is read back by `parse_key`: "name /path?query body"."""
        query = urlencode(self.params, quote_via=quote)
        target = f"{self.name} {self.path}?{query}" if query else f"{self.name} {self.path}"
        return f"{target} {self.body}" if self.body else target


def parse_key(key: str) -> Request:
    """The request behind a frame's `request` text (weight and priority are not part of it)."""
    name, _, rest = key.partition(" ")
    target, _, body = rest.partition(" ")
    path, _, query = target.partition("?")
    return Request(name, path, tuple(parse_qsl(query, keep_blank_values=True)), body=body)
