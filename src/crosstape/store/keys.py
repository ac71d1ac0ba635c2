"""API keys: made once, shown once, kept as a hash; they expire, are scoped, rotated and revoked."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from crosstape.model.access import Grant
from crosstape.model.errors import ConfigError, StoreError
from crosstape.store.database import Database
from crosstape.store.records import Key, Role
from crosstape.store.tables import API_KEYS

PREFIX_LENGTH = 11
MOST_KEYS = 1_000
FRESH_S = 5.0
STALE_S = 60.0
NOBODY = (b"\0" * 32, None)
SCOPE = re.compile(r"[a-z][a-z0-9_-]{0,39}")
MOST_SCOPES = 10
LONGEST_NAME = 100
Known = dict[str, tuple[bytes, Grant | None]]


def digest(key: str) -> bytes:
    """SHA-256, unsalted and fast on purpose: a key is 256 random bits, so there is nothing to guess, stretch or
    look up in a table, and a slow hash would only let strangers burn our CPU."""
    return hashlib.sha256(b"crosstape api key\0" + key.encode("utf-8", "surrogatepass")).digest()


class Keys:
    """Checks are answered from memory: all working keys, at most MOST_KEYS, read again after FRESH_S.

    A key revoked by another process therefore works up to FRESH_S longer; while the database does not answer,
    what was read last holds for STALE_S and then nobody is let in.
    """

    def __init__(self, database: Database, now: Callable[[], int]) -> None:
        self._database, self._now = database, now
        self._lock = threading.Lock()
        self._known: Known = {}
        self._read_at = self._tried_at = float("-inf")

    def create(self, name: str, role: str, scopes: Sequence[str] = (), expires_ts: int = 0) -> str:
        """A new key, for its owner's eyes only; it cannot be shown again."""
        if role not in set(Role):
            raise ConfigError(f"{role!r} is no role; allowed: {', '.join(Role)}")
        if not 0 < len(name) <= LONGEST_NAME:
            raise ConfigError(f"name: 1 to {LONGEST_NAME} characters, not {len(name)}")
        for scope in scopes:
            if not SCOPE.fullmatch(scope):
                raise ConfigError(
                    f"scopes: {scope[:50]!r} is none; allowed: first words of paths, such as markets"
                )
        if len(scopes) > MOST_SCOPES:
            raise ConfigError(f"scopes: at most {MOST_SCOPES}; leave them out for all")
        if expires_ts and expires_ts <= self._now():
            raise ConfigError("expires: that is past")
        if self._count() >= MOST_KEYS:
            raise ConfigError(f"there are {MOST_KEYS} keys already: revoke some")
        key, row = self._new(name, role, " ".join(dict.fromkeys(scopes)), expires_ts)
        self._database.write(lambda c: c.execute(insert(API_KEYS), row))
        self._forget()
        return key

    def grant(self, key: str) -> Grant | None:
        """What the key may do; None for a wrong, revoked or expired one. Takes as long for a wrong key as for a
        right one."""
        known, grant = self._fresh().get(key[:PREFIX_LENGTH], NOBODY)
        if not hmac.compare_digest(known, digest(key)) or grant is None:
            return None
        return None if grant.expires_ts and grant.expires_ts <= self._now() else grant

    def all(self) -> list[Key]:
        """Every key ever made, oldest first."""
        shown = [API_KEYS.c[field] for field in Key.__struct_fields__]
        rows = self._database.read(lambda c: c.execute(select(*shown).order_by(API_KEYS.c.id)).mappings().all())
        return [
            Key(**row | {"role": Role(row["role"]), "scopes": tuple(row["scopes"].split())})
            for row in map(dict, rows)
        ]

    def rotate(self, id: int, overlap_s: float) -> str | None:
        """A new key with the same name, role, scopes and end; the old one works `overlap_s` longer, so that its
        users can change over. None when there is no such working key."""
        until = self._now() + int(overlap_s * 1e9)
        fresh = self._database.write(lambda c: self._rotated(c, id, until))
        self._forget()
        return fresh

    def revoke(self, id: int) -> bool:
        """From now on the key is wrong. False when there is no such key, or it was revoked before."""
        query = update(API_KEYS).where(API_KEYS.c.id == id, API_KEYS.c.revoked_ts == 0)
        stamp = query.values(revoked_ts=self._now())
        changed = self._database.write(lambda c: c.execute(stamp).rowcount)
        self._forget()
        return changed == 1

    def _new(self, name: str, role: str, scopes: str, expires_ts: int) -> tuple[str, dict[str, Any]]:
        key = f"ct_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
        return key, {
            "name": name, "prefix": key[:PREFIX_LENGTH], "hash": digest(key), "role": str(role),
            "created_ts": self._now(), "revoked_ts": 0, "expires_ts": expires_ts,
            "scopes": scopes, "replaced_by": 0,
        }  # fmt: skip

    def _rotated(self, connection: Connection, id: int, until: int) -> str | None:
        found = connection.execute(select(API_KEYS).where(API_KEYS.c.id == id)).mappings().one_or_none()
        now = self._now()
        if found is None or found["revoked_ts"] or found["replaced_by"] or 0 < found["expires_ts"] <= now:
            return None
        key, row = self._new(found["name"], found["role"], found["scopes"], found["expires_ts"])
        made = connection.execute(insert(API_KEYS), row).inserted_primary_key
        ends = min(found["expires_ts"] or until, until)
        replaced = {"expires_ts": ends, "replaced_by": made[0] if made else 0}
        connection.execute(update(API_KEYS).where(API_KEYS.c.id == id).values(replaced))
        return key

    def _count(self) -> int:
        lasting = or_(API_KEYS.c.expires_ts == 0, API_KEYS.c.expires_ts > self._now())
        working = select(func.count()).select_from(API_KEYS).where(API_KEYS.c.revoked_ts == 0, lasting)
        return self._database.read(lambda c: c.execute(working).scalar_one())

    def _forget(self) -> None:
        with self._lock:
            self._read_at = self._tried_at = float("-inf")

    def _fresh(self) -> Known:
        with self._lock:
            now = time.monotonic()
            if now - self._tried_at >= FRESH_S:
                self._tried_at = now
                try:
                    self._known = self._database.read(_working)
                    self._read_at = now
                except StoreError:
                    if now - self._read_at > STALE_S:
                        raise
            elif now - self._read_at > STALE_S:
                raise StoreError("the ledger cannot read its keys")
            return self._known


def _working(connection: Connection) -> Known:
    shown = (API_KEYS.c[field] for field in ("prefix", "hash", "id", "name", "role", "scopes", "expires_ts"))
    rows = connection.execute(select(*shown).where(API_KEYS.c.revoked_ts == 0))
    return {
        prefix: (bytes(known), Grant(id, name, role, tuple(scopes.split()), expires))
        for prefix, known, id, name, role, scopes, expires in rows
    }
