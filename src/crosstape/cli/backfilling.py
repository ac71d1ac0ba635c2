"""`crosstape backfill`: the past of a venue into the history."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import click

from crosstape.cli.times import moment

if TYPE_CHECKING:
    from crosstape.app.backfilling import Step
    from crosstape.config import Config

KINDS = ("candles", "trades", "funding", "open_interest")


@click.command()
@click.argument("market", metavar="VENUE")
@click.argument("symbols")
@click.option("--since", required=True, help="ISO 8601, UTC: 2026-11-01 or 2026-11-01T12:00.")
@click.option("--until", default="", help="Default: now.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), default=KINDS, show_default=True)
@click.pass_context
def backfill(
    context: click.Context, market: str, symbols: str, since: str, until: str, kinds: tuple[str, ...]
) -> None:  # fmt: skip
    """Fetch candles (1m, and longer ones out of them), trades, funding and open interest from VENUE over REST.

    VENUE is a market (bybit-linear), or ccxt:EXCHANGE for any exchange that ccxt knows (ccxt:kraken). SYMBOLS are
    its own, comma-separated: BTCUSDT,ETHUSDT; ccxt's: BTC/USD,ETH/USD. It keeps to the venue's budget; started
    again it goes on where it ended. Of trades most venues tell only the newest.
    """
    from crosstape.config import load

    wanted = [symbol.strip() for symbol in symbols.split(",") if symbol.strip()]
    span = (moment(since, "--since", 0), moment(until, "--until", time.time_ns()))
    new = asyncio.run(_run(load(context.find_root().obj), market, wanted, span, kinds))
    for kind, rows in new.items():
        click.echo(f"{kind}: {rows:,} new rows")
    for kind in kinds:
        if not any(name.startswith(kind) for name in new):
            click.echo(f"{kind}: {market} tells none")


async def _run(
    config: Config, market: str, symbols: list[str], span: tuple[int, int], kinds: tuple[str, ...]
) -> dict[str, int]:  # fmt: skip
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as shown:
        tasks: dict[str, object] = {}

        def step(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=of)
            shown.update(tasks[what], completed=done)  # type: ignore[arg-type]

        if market.startswith("ccxt:"):
            return await _elsewhere(config, market.removeprefix("ccxt:"), symbols, span, kinds, step)
        from crosstape.app.backfilling import Backfill
        from crosstape.app.known import venues_of
        from crosstape.store.history.files import History

        venues = venues_of(config)
        return await Backfill(venues, market, History(config.history_folder), config.feeds, step).run(
            symbols, *span, kinds
        )


async def _elsewhere(
    config: Config, exchange: str, symbols: list[str], span: tuple[int, int], kinds: tuple[str, ...], step: Step
) -> dict[str, int]:  # fmt: skip
    from crosstape.app.backfilling_ccxt import BackfillCcxt
    from crosstape.feeds.ccxt_past import CcxtPast
    from crosstape.feeds.clock import WallClock
    from crosstape.feeds.exchanges import Exchanges
    from crosstape.store.history.files import History

    exchanges, clock = Exchanges(config.ccxt), WallClock()
    past = CcxtPast(exchanges, exchange, config.feeds, clock)
    try:
        return await BackfillCcxt(past, History(config.history_folder), clock, step).run(symbols, *span, kinds)
    finally:
        await exchanges.close()
