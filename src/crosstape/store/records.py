"""What the ledger takes and gives: plain records and the roles of keys."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

StreamSource = Literal["api", "file", "push"]
StreamKind = Literal["executions", "trades", "candles"]


class Role(StrEnum):
    """What a key may do; each role may do what the ones before it may."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"


class Key(msgspec.Struct, frozen=True):
    """A key as it may be shown: never the key. `revoked_ts` 0 = not revoked, `expires_ts` 0 = never,
    `replaced_by` = the key it was rotated to, 0 = none."""

    id: int
    name: str
    prefix: str
    role: Role
    created_ts: int
    revoked_ts: int = 0
    expires_ts: int = 0
    scopes: tuple[str, ...] = ()
    replaced_by: int = 0


class Stream(msgspec.Struct, frozen=True):
    """A named set of what was imported, fetched or pushed.

    kind      executions are in the ledger; trades and candles are in the history, here only counted
    symbol    "" = several
    origin    the file's name, or the venue
    count, from_ts, to_ts   0 while it is empty
    """

    id: int
    name: str
    source: StreamSource
    kind: StreamKind
    symbol: str = ""
    origin: str = ""
    count: int = 0
    from_ts: int = 0
    to_ts: int = 0
    created_ts: int = 0
    updated_ts: int = 0


class SavedBoard(msgspec.Struct, frozen=True):
    """A board that is a SELECT."""

    name: str
    sql: str
    owner: str
    created_ts: int
    updated_ts: int
