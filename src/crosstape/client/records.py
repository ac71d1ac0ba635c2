"""Endpoints about what a user keeps and did."""

from __future__ import annotations

from crosstape.client.endpoints import V1, Request, query_of
from crosstape.client.results import Row, Rows


def audit(*, since_ms: int = 0, until_ms: int = 0, who: str = "", limit: int = 0) -> Request[Rows[Row]]:
    """Requests that meant to change something, newest first; needs the role admin."""
    asked = {"since_ms": since_ms, "until_ms": until_ms, "who": who, "limit": limit}
    return Request(Rows[Row], f"{V1}/audit", query=query_of(asked))
