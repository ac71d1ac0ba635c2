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
from crosstape.api.pace import Pace
from crosstape.api.ports import Ledger, Role
from crosstape.api.settings import ApiSettings, is_loopback
from crosstape.model.access import Grant
from crosstape.model.errors import StoreError

REMEMBERED = 1_024
MAX_KEY = 256
WRONG_S = 5.0
WRONG_KEY, TRY_AGAIN = 4001, 1013
READS = ("GET", "HEAD")


class Keys:
    """Asks the ledger who a key is, in a thread, and remembers the answer for a while; bounded, oldest go."""

    def __init__(self, ledger: Ledger | None, settings: ApiSettings) -> None:
        self._ledger, self._settings = ledger, settings
        self._known: dict[bytes, tuple[Grant | None, float]] = {}
        self._pace = Pace(settings.rate_per_s, settings.rate_burst)
        self._wrong = Pace(settings.wrong_keys_per_min / 60.0, settings.wrong_keys_per_min)

    async def caller(
        self,
        headers: Mapping[bytes, bytes],
        query: bytes = b"",
        address: str = "",
        method: str = "GET",
        path: str = "",
    ) -> Caller:
        """Who asks; `query` may carry a socket's key.

        ApiError: 401 for a wrong key, or none where one is required; 403 outside the key's scopes; 429 when it
        asks too often.
        """
        key = _key(headers, query)
        caller = await self._known_by(key, address) if key else Caller()
        if not key and (
            self._settings.key_required or (self._settings.write_key_required and method not in READS)
        ):
            raise ApiError(401, "no_key", "a key is required here", "authorization",
                           "authorization: Bearer KEY, or x-api-key: KEY")  # fmt: skip
        if caller.scopes and word_of(path) not in caller.scopes:
            raise ApiError(
                403, "out_of_scope", "this key is not for that", "authorization", ", ".join(caller.scopes)
            )
        if (key or not is_loopback(address)) and (wait_s := self._pace.take(caller.user if key else address)):
            raise ApiError(429, "too_many", "too many requests", allowed=f"{self._settings.rate_per_s:g} a second",
                           retry_after_s=wait_s)  # fmt: skip
        return caller

    async def _known_by(self, key: str, address: str) -> Caller:
        digest = sha256(key.encode("utf-8", "surrogateescape")).digest()
        known = self._known.get(digest)
        if known is None or known[1] <= time.monotonic():
            if wait_s := self._wrong.wait_s(address):
                raise ApiError(429, "too_many", "too many wrong keys from this address", "authorization",
                               retry_after_s=wait_s)  # fmt: skip
            known = await self._look_up(key, digest)
        grant = known[0]
        if grant is None:
            self._wrong.take(address)
            raise ApiError(401, "wrong_key", "this key is unknown, expired or revoked", "authorization")
        return Caller(Role[grant.role.upper()], digest.hex()[:16], grant.name, grant.id, grant.scopes)

    async def _look_up(self, key: str, digest: bytes) -> tuple[Grant | None, float]:
        if self._ledger is None or len(key) > MAX_KEY:
            return None, 0.0
        try:
            grant = await asyncio.to_thread(self._ledger.key_grant, key)
        except StoreError as error:
            raise ApiError(503, "store", "the ledger is unavailable; try again", retry_after_s=1.0) from error
        self._known.pop(digest, None)
        keep = self._settings.key_cache_s
        known = (grant, time.monotonic() + (keep if grant is not None else min(keep, WRONG_S)))
        self._known[digest] = known
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return known


def code_of(error: ApiError) -> int:
    """The code a WebSocket is closed with: 4001 = the key, 1013 = try again later."""
    return WRONG_KEY if error.status in (401, 403) else TRY_AGAIN


def word_of(path: str) -> str:
    """What a scope names: the first word below /api/v1, else the first of the path.

    >>> word_of("/api/v1/markets/x/book"), word_of("/ws"), word_of("/metrics")
    ('markets', 'ws', 'metrics')
    """
    return path.removeprefix("/api/v1").strip("/").partition("/")[0]


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
