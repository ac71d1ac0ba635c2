"""Endpoints of exchange keys; they need the role admin, and no secret ever comes back."""

from __future__ import annotations

import msgspec

from crosstape.client.endpoints import V1, Request
from crosstape.client.results import Row, Rows

KEYS = f"{V1}/credentials"


def credentials() -> Request[Rows[Row]]:
    """Exchange keys by name: venue, first letters, when they were kept."""
    return Request(Rows[Row], KEYS)


def keep_credential(
    name: str, venue: str, key: str, secret: str, passphrase: str = "", replace: bool = False
) -> Request[Row]:
    """Keep an exchange key, sealed; only where the server listens on its own machine alone."""
    asked = {"name": name, "venue": venue, "key": key, "secret": secret, "passphrase": passphrase}
    return Request(Row, KEYS, method="POST", body=msgspec.json.encode(asked | {"replace": replace}))


def try_credential(name: str) -> Request[Rows[Row]]:
    """Ask the venue with this key what its account holds."""
    return Request(Rows[Row], f"{KEYS}/{{name}}/test", name, method="POST")


def remove_credential(name: str) -> Request[Row]:
    """Forget an exchange key."""
    return Request(Row, f"{KEYS}/{{name}}", name, method="DELETE")
