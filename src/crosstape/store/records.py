"""What the ledger takes and gives: plain records and the roles of keys."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What a key may do; each role may do what the ones before it may."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"


class Key(msgspec.Struct, frozen=True):
    """A key as it may be shown: never the key. `revoked_ts` 0 = it works."""

    id: int
    name: str
    prefix: str
    role: Role
    created_ts: int
    revoked_ts: int = 0
