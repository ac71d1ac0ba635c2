"""Endpoints of exchange keys: listed masked, kept, tried, removed. Nothing here gives a secret back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError
from crosstape.api.ports import Credentials
from crosstape.api.query import Query
from crosstape.api.routes_replay import read
from crosstape.api.settings import is_loopback
from crosstape.model.errors import ConfigError, StoreError

T = TypeVar("T")
Word = Annotated[str, Meta(min_length=1, max_length=4_000)]


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """name, venue   what to call it, and whose key it is: bybit, binance; for ccxt its exchange id
    passphrase    a third secret that some venues want
    replace       put it in the place of one of that name
    """

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^/]+$")]
    venue: Annotated[str, Meta(min_length=1, max_length=100)]
    key: Word
    secret: Word
    passphrase: Annotated[str, Meta(max_length=4_000)] = ""
    replace: bool = False

    def __repr__(self) -> str:
        """Masked, so that no log and no traceback can carry it."""
        return f"Kept({self.name!r}, {self.venue!r})"


async def credentials(context: Context, ask: Ask[Query]) -> Answer:
    """Exchange keys by name: venue, first letters, when they were kept."""
    vault = _vault(context)
    return context.json({"rows": await _asked(asyncio.to_thread(vault.masked))})


async def keep(context: Context, ask: Ask[Query]) -> Answer:
    """Keep an exchange key, sealed. Only where crosstape listens on this machine alone: a secret must not cross a
    network in clear."""
    vault = _vault(context)
    if not is_loopback(context.settings.host):
        allowed = "`crosstape keys add` on the machine itself"
        raise ApiError(409, "not_here", "exchange keys are not taken over a network", allowed=allowed)
    kept = read(ask.body, Kept)
    words = (kept.name, kept.venue, kept.key, kept.secret, kept.passphrase)
    return context.json(await _asked(asyncio.to_thread(vault.keep, *words, kept.replace)))


async def remove(context: Context, ask: Ask[Query]) -> Answer:
    """Forget an exchange key."""
    vault = _vault(context)
    if not await _asked(asyncio.to_thread(vault.remove, ask.name)):
        raise _none(ask.name)
    return context.json({"removed": ask.name})


async def test(context: Context, ask: Ask[Query]) -> Answer:
    """Ask the venue with this key what its account holds: a signed request that only reads."""
    vault = _vault(context)
    held = await _asked(vault.test(ask.name))
    if held is None:
        raise _none(ask.name)
    return context.json({"name": ask.name, "rows": held})


def _none(name: str) -> ApiError:
    return ApiError(404, "not_found", f"no exchange key {name[:100]!r}", "name", "see /api/v1/credentials")


def _vault(context: Context) -> Credentials:
    if context.credentials is None:
        raise ApiError(409, "no_vault", "this crosstape keeps no exchange keys", allowed="a live crosstape")
    return context.credentials


async def _asked(work: Awaitable[T]) -> T:
    """What came; a refusal as the API says it."""
    try:
        return await work
    except ConfigError as error:
        raise ApiError(409, "vault", str(error)) from error
    except StoreError as error:
        raise ApiError(503, "vault", "the vault is unavailable; try again") from error
