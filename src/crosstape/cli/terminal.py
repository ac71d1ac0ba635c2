"""The terminal dashboard's command."""

from __future__ import annotations

import click

from crosstape.cli.showing import configured


@click.command()
@click.option("--url", default="", help="A running crosstape or replay (default: the configured one).")
@click.option("--api-key", "key", envvar="CROSSTAPE_KEY", default="", help="API key, where one is required.")
@click.option("--hz", type=click.IntRange(1, 10), default=4, show_default=True, help="Pictures a second.")
@click.pass_context
def tui(context: click.Context, url: str, key: str, hz: int) -> None:
    """Open the terminal dashboard: boards, markets, overview, assets, system."""
    import asyncio

    from crosstape.tui.app import run

    asyncio.run(run(url or configured(context), key, hz))
