"""API keys: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection, func, insert, select, update

from crosstape.model.errors import ConfigError, StoreError
from crosstape.store.database import Database
from crosstape.store.records import Key, Role
from crosstape.store.tables import API_KEYS

PREFIX_LENGTH = 11
MOST_KEYS = 1_000
FRESH_S = 5.0
STALE_S = 60.0
NOBODY = (b"\0" * 32, None)


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
        self._known: dict[str, tuple[bytes, str | None]] = {}
        self._read_at = self._tried_at = float("-inf")

    def create(self, name: str, role: str) -> str:
        """A new key, for its owner's eyes only; it cannot be shown again."""
        if role not in set(Role):
            raise ConfigError(f"{role!r} is no role; allowed: {', '.join(Role)}")
        if self._count() >= MOST_KEYS:
            raise ConfigError(f"there are {MOST_KEYS} keys already: revoke some")
        key = f"ct_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
        row = {
            "name": name,
            "prefix": key[:PREFIX_LENGTH],
            "hash": digest(key),
            "role": str(role),
            "created_ts": self._now(),
            "revoked_ts": 0,
            "expires_ts": 0,
            "scopes": "",
            "replaced_by": 0,
        }
        self._database.write(lambda c: c.execute(insert(API_KEYS), row))
        self._forget()
        return key

    def role(self, key: str) -> str | None:
        """The key's role; None for a wrong or revoked one. Takes as long for a wrong key as for a right one."""
        known, role = self._fresh().get(key[:PREFIX_LENGTH], NOBODY)
        return role if hmac.compare_digest(known, digest(key)) else None

    def all(self) -> list[Key]:
        """Every key ever made, oldest first."""
        shown = [API_KEYS.c[field] for field in Key.__struct_fields__]
        rows = self._database.read(lambda c: c.execute(select(*shown).order_by(API_KEYS.c.id)).all())
        return [Key(id, name, prefix, Role(role), made, revoked) for id, name, prefix, role, made, revoked in rows]

    def revoke(self, id: int) -> bool:
        """From now on the key is wrong. False when there is no such key, or it was revoked before."""
        query = update(API_KEYS).where(API_KEYS.c.id == id, API_KEYS.c.revoked_ts == 0)
        stamp = query.values(revoked_ts=self._now())
        changed = self._database.write(lambda c: c.execute(stamp).rowcount)
        self._forget()
        return changed == 1

    def _count(self) -> int:
        working = select(func.count()).select_from(API_KEYS).where(API_KEYS.c.revoked_ts == 0)
        return self._database.read(lambda c: c.execute(working).scalar_one())

    def _forget(self) -> None:
        with self._lock:
            self._read_at = self._tried_at = float("-inf")

    def _fresh(self) -> dict[str, tuple[bytes, str | None]]:
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


def _working(connection: Connection) -> dict[str, tuple[bytes, str | None]]:
    query = select(API_KEYS.c.prefix, API_KEYS.c.hash, API_KEYS.c.role).where(API_KEYS.c.revoked_ts == 0)
    return {prefix: (bytes(known), role) for prefix, known, role in connection.execute(query)}
