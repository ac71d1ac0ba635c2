"""The configured ccxt exchanges, live."""

from __future__ import annotations

import asyncio

from crosstape.app.running import Live
from crosstape.feeds.ccxt_source import CcxtSource
from crosstape.feeds.exchanges import Exchanges


async def run_exchanges(live: Live, exchanges: Exchanges) -> None:
    """Every exchange of the configuration that has symbols, until cancelled."""
    wanted = {name: settings for name, settings in sorted(live.config.ccxt.items()) if settings.symbols}
    async with asyncio.TaskGroup() as group:
        for number, (name, settings) in enumerate(wanted.items()):
            known = live.machine.state.sources.get(f"ccxt/{number}")
            source = CcxtSource(number, name, settings, exchanges, live.intake, live.clock)
            group.create_task(source.run(known.conn if known is not None else 0))
