"""The configured ccxt exchanges, live."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from crosstape.app.accounts import open_vault
from crosstape.app.running import Live
from crosstape.config import Config
from crosstape.feeds.ccxt_source import CcxtSource
from crosstape.feeds.exchanges import Exchanges, ExchangeSettings
from crosstape.store.passphrase import find_passphrase


def with_keys(config: Config, environment: Mapping[str, str] | None = None) -> dict[str, ExchangeSettings]:
    """The configured exchanges, with the vault's keys where the configuration has none; the first of an exchange.

    Without a passphrase the vault stays shut: only those who ask for an account miss it.
    """
    found = dict(config.ccxt)
    if not config.vault_file.exists() or not find_passphrase(config.vault.key_file, environment):
        return found
    for one in reversed(open_vault(config, environment=environment).all()):
        known = config.ccxt.get(one.venue, ExchangeSettings())
        if not known.api_key:
            found[one.venue] = msgspec.structs.replace(
                known, api_key=one.key, secret=one.secret, password=one.passphrase
            )
    return found


async def run_exchanges(live: Live, exchanges: Exchanges) -> None:
    """Every exchange of the configuration that has symbols, until cancelled."""
    wanted = {name: settings for name, settings in sorted(live.config.ccxt.items()) if settings.symbols}
    async with asyncio.TaskGroup() as group:
        for number, (name, settings) in enumerate(wanted.items()):
            known = live.machine.state.sources.get(f"ccxt/{number}")
            source = CcxtSource(number, name, settings, exchanges, live.intake, live.clock)
            group.create_task(source.run(known.conn if known is not None else 0))
