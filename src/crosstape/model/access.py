"""Who may call the API, and what was written through it."""

from __future__ import annotations

import msgspec


class Grant(msgspec.Struct, frozen=True):
    """What a key stands for.

    role        "viewer", "trader" or "admin"
    scopes      first words of the paths below /api/v1 (or `ws`, `metrics`) that it may call; none = all
    expires_ts  ns since the epoch; 0 = never
    """

    id: int
    name: str
    role: str
    scopes: tuple[str, ...] = ()
    expires_ts: int = 0


class Written(msgspec.Struct, frozen=True):
    """One request that meant to change something.

    who       the key's name; "local" = this machine without a key, "" = a key that nobody knows
    action    the HTTP method; target = its path
    outcome   "" = as asked, else why not; "n times" where it was repeated within a moment
    """

    ts: int
    who: str
    key_id: int
    role: str
    address: str
    action: str
    target: str
    status: int
    outcome: str = ""
