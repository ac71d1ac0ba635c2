"""Own accounts: the vault as configured, and what a key's account holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from crosstape.app.known import venues_of
from crosstape.app.running import Live
from crosstape.config import Config
from crosstape.model.credential import Credential
from crosstape.model.errors import ConfigError
from crosstape.state.table import Table
from crosstape.store.passphrase import find_passphrase
from crosstape.store.vault import Vault
from crosstape.wire.account import Account, Balance
from crosstape.wire.venue import Private, Remembered, Venue

LAG_NS = 60_000_000_000
FIRST_NS = 7 * 86_400_000_000_000
MOST_NS = 60 * 86_400_000_000_000


class Keyring:
    """Implements the API's `Credentials` over the configured vault."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def masked(self) -> list[dict[str, Any]]:
        """By name; none where there is no vault yet."""
        if not self._config.vault_file.exists():
            return []
        return [_shown(one) for one in open_vault(self._config).all()]

    def keep(self, name: str, venue: str, key: str, secret: str, passphrase: str, replace: bool) -> dict[str, Any]:
        """Sealed before this returns."""
        vault, one = open_vault(self._config), Credential(name, venue, key, secret, passphrase, time.time_ns())
        if not (replace and vault.replace(one)):
            vault.add(one)
        return _shown(one)

    def remove(self, name: str) -> bool:
        """False where there is none."""
        return open_vault(self._config).remove(name)

    async def test(self, name: str) -> list[dict[str, Any]] | None:
        """A signed request that only reads."""
        one = await asyncio.to_thread(lambda: open_vault(self._config).get(name))
        if one is None:
            return None
        held = await balances(self._config, one, time.time_ns())
        return [{"asset": row.asset, "total": f"{row.total:f}", "free": f"{row.free:f}"} for row in held]


def _shown(one: Credential) -> dict[str, Any]:
    created = one.created_ts // 1_000_000
    return {"name": one.name, "venue": one.venue, "key": one.masked, "created_ms": created}


def open_vault(config: Config, passphrase: str = "", environment: Mapping[str, str] | None = None) -> Vault:
    """The configured vault; ConfigError when nobody gives its passphrase."""
    passphrase = passphrase or find_passphrase(config.vault.key_file, environment)
    if not passphrase:
        raise ConfigError("the vault's passphrase is not known: set CROSSTAPE_PASSPHRASE or vault.key_file")
    return Vault(config.vault_file, passphrase)


def signing(config: Config) -> dict[str, tuple[Venue, Account]]:
    """The enabled venues whose accounts can be asked, by id, at their configured addresses."""
    return {venue.id: (venue, venue.account) for venue in venues_of(config) if venue.account is not None}


async def balances(config: Config, credential: Credential, now: int) -> list[Balance]:
    """What the key's account holds: a read-only request. ConfigError when the venue refuses the key."""
    from crosstape.feeds.asking import ask

    known = signing(config)
    if credential.venue not in known:
        raise ConfigError(f"venue: {credential.venue!r} has no signed requests here; allowed: {', '.join(known)}")
    venue, account = known[credential.venue]
    signed = account.sign(account.balances, credential, now)
    status, body = await ask(account.rest or venue.rest, signed.target, signed.headers, config.feeds)
    if refusal := account.refusal(status, body):
        raise ConfigError(f"{venue.id} refuses the key {credential.name!r}: {refusal}")
    return account.read(body)


def follow(live: Live) -> Live:
    """The same, following the configured accounts and those of simulated venues. ConfigError: a key that is not
    there, or of a venue that is not followed."""
    known = {venue.id: venue for venue in live.venues if venue.private}
    for one in _chosen(live.config, sorted(known)):
        for private in known[one.venue].private:
            _follow(live, known[one.venue], private, one)
    for venue in known.values():
        for private in venue.private:
            if private.guest is not None:
                _follow(live, venue, private, private.guest)
    return live


def _follow(live: Live, venue: Venue, private: Private, one: Credential) -> None:
    source = f"{private.stream.name}/{one.name}"
    live.followed.add(source)
    live.feeds.follow(venue, private, one, partial(_remembered, live, source, private.market))


def _chosen(config: Config, venues: Sequence[str]) -> Iterator[Credential]:
    names = config.account.credentials
    if not names:
        return
    kept = {one.name: one for one in open_vault(config).all()}
    for name in names:
        if name not in kept:
            raise ConfigError(f"account.credentials: no key {name!r} in the vault; allowed: {', '.join(kept)}")
        if kept[name].venue not in venues:
            raise ConfigError(
                f"account.credentials: {name!r} is of {kept[name].venue}; followed are: {', '.join(venues)}"
            )
        yield kept[name]


def _remembered(live: Live, source: str, market: str) -> Remembered | None:
    """What was filled before everything was last asked is known; the venue's list may lag a little. None = its
    market's catalogue is on its way."""
    now, owned = live.clock.now(), live.machine.state.own.get(source)
    whole = owned.whole_ts if owned is not None else 0
    since = max(whole - LAG_NS, now - MOST_NS) if whole else now - FIRST_NS
    listed = tuple(_listed(live.machine.state.table, market))
    if not listed and f"{market}/instruments" in live.machine.polls:
        return None
    if owned is None:
        return Remembered(since, listed=listed)
    symbols = frozenset(one.symbol for rows in (owned.orders.values(), owned.fills) for one in rows)
    return Remembered(since, frozenset(owned.balances), symbols, listed)


def _listed(table: Table, market: str) -> Iterator[str]:
    """Its symbols, as a catalogue told them: a built-in list is none."""
    for row, instrument in enumerate(table.instruments):
        if (
            instrument is not None
            and instrument.market == market
            and instrument.described
            and not table.gone_ts[row]
        ):
            yield instrument.native
