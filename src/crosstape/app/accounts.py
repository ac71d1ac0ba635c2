"""Own accounts: the vault as configured, and what a key's account holds."""

from __future__ import annotations

from collections.abc import Mapping

from crosstape.app.known import venues_of
from crosstape.config import Config
from crosstape.model.credential import Credential
from crosstape.model.errors import ConfigError
from crosstape.store.passphrase import find_passphrase
from crosstape.store.vault import Vault
from crosstape.wire.account import Account, Balance
from crosstape.wire.venue import Venue


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
