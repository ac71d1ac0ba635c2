"""A REST request as a value."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode

import msgspec


class Request(msgspec.Struct, frozen=True):
    """GET `path` with `params` for poll `name`.

    weight    what it costs of the host's budget
    priority  0 first: resync 0, catalogue 1, back-fill 5, scan 9
    """

    name: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    weight: float = 1.0
    priority: int = 1

    def key(self) -> str:
        """One line that says it all and is read back by `parse_key`: "name /path?query"."""
        query = urlencode(self.params, quote_via=quote)
        return f"{self.name} {self.path}?{query}" if query else f"{self.name} {self.path}"


def parse_key(key: str) -> Request:
    """The request behind a frame's `request` text (weight and priority are not part of it)."""
    name, _, target = key.partition(" ")
    path, _, query = target.partition("?")
    return Request(name, path, tuple(parse_qsl(query, keep_blank_values=True)))
