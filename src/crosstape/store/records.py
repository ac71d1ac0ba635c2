"""What the ledger takes and gives: plain records and the roles of keys."""

from __future__ import annotations

from enum import StrEnum

import msgspec

NAN = float("nan")


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


class Completeness(msgspec.Struct, frozen=True):
    """One source in one hour. `hour` = the hour's first ns; lags and offset NaN = not known.

    repaired          gaps filled from REST
    clock_offset_ms   the venue's clock minus ours
    """

    source: str
    hour: int
    frames: int = 0
    bytes: int = 0
    gaps: int = 0
    seconds_lost: float = 0.0
    repaired: int = 0
    duplicates: int = 0
    decode_errors: int = 0
    lag_p50_ms: float = NAN
    lag_p99_ms: float = NAN
    clock_offset_ms: float = NAN
