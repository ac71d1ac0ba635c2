"""Who may call: keys, roles, hosts and origins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from crosstape.api.context import Caller
from crosstape.api.errors import ApiError
from crosstape.api.ports import Ledger, Role
from crosstape.api.settings import ApiSettings, is_loopback
from crosstape.model.errors import StoreError

REMEMBERED = 1_024
MAX_KEY = 256
WRONG_S = 5.0


class Keys:
    """Asks the ledger who a key is, in a thread, and remembers the answer for a while; bounded, oldest go."""

    def __init__(self, ledger: Ledger | None, settings: ApiSettings) -> None:
        self._ledger, self._settings = ledger, settings
        self._known: dict[bytes, tuple[Role | None, float]] = {}

    async def caller(self, headers: Mapping[bytes, bytes], query: bytes = b"") -> Caller:
        """Who asks; 401 for a wrong key, or none where one is required. `query` may carry a socket's key."""
        key = _key(headers, query)
        if not key:
            if self._settings.key_required:
                raise ApiError(401, "no_key", "a key is required here", "authorization",
                               "authorization: Bearer KEY, or x-api-key: KEY")  # fmt: skip
            return Caller()
        digest = sha256(key.encode("utf-8", "surrogateescape")).digest()
        role = await self._role(key, digest)
        if role is None:
            raise ApiError(401, "wrong_key", "this key is unknown or revoked", "authorization")
        return Caller(role, digest.hex()[:16])

    async def _role(self, key: str, digest: bytes) -> Role | None:
        now = time.monotonic()
        known = self._known.get(digest)
        if known is not None and known[1] > now:
            return known[0]
        if self._ledger is None or len(key) > MAX_KEY:
            return None
        try:
            name = await asyncio.to_thread(self._ledger.key_role, key)
        except StoreError as error:
            raise ApiError(503, "store", "the ledger is unavailable; try again") from error
        role = Role[name.upper()] if name is not None else None
        self._known.pop(digest, None)
        keep = self._settings.key_cache_s
        self._known[digest] = (role, now + (keep if role is not None else min(keep, WRONG_S)))
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return role


def _key(headers: Mapping[bytes, bytes], query: bytes) -> str:
    scheme, _, bearer = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    key = headers.get(b"x-api-key", b"").decode("latin-1").strip()
    if key or not query:
        return key
    return parse_qs(query.decode("latin-1")).get("key", [""])[0]


def check_host(headers: Mapping[bytes, bytes], settings: ApiSettings) -> None:
    """Without keys only this machine may ask: a page elsewhere can point its own name at 127.0.0.1."""
    host = headers.get(b"host", b"")
    if not _host_served(host, settings):
        raise ApiError(403, "wrong_host", f"the host {host[:100].decode('latin-1')!r} is not served here", "host",
                       "a loopback address, or a name in allowed_hosts")  # fmt: skip


@lru_cache(maxsize=256)
def _host_served(host: bytes, settings: ApiSettings) -> bool:
    if settings.key_required or not is_loopback(settings.host) or not host:
        return True
    try:
        name = urlsplit("//" + host.decode("latin-1")).hostname or ""
    except ValueError:
        return False
    return is_loopback(name) or name in settings.allowed_hosts


def origin_allowed(headers: Mapping[bytes, bytes], settings: ApiSettings) -> bool:
    """No origin (not a browser), the same origin, or one in the allow-list."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin or origin in settings.cors_origins:
        return True
    try:
        return urlsplit(origin).netloc.lower() == headers.get(b"host", b"").decode("latin-1").lower()
    except ValueError:
        return False
