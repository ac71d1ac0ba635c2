"""crosstape sim: simulated venues for anybody's bot, with faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from crosstape.sim.server import Simulation

VENUES = ("bybit", "binance", "okx", "okx-checksums", "hyperliquid")
FAULT = click.option(
    "--fault", "faults", multiple=True, metavar="KIND:TARGET@WHEN[,NAME=VALUE]",
    help="Put a fault in force, e.g. gap:BTCUSDT@30s; may be repeated. `crosstape sim --faults` lists them.",
)  # fmt: skip


@click.command()
@click.option("--venue", "venues", multiple=True, default=("bybit",), show_default=True, type=click.Choice(VENUES),
              help="Whom to simulate; may be repeated.")  # fmt: skip
@FAULT
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="The first venue's; 0 = any free ones.")
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same world.")
@click.option("--assets", type=click.IntRange(4, 2000), default=200, show_default=True)
@click.option("--rate", type=click.FloatRange(min=1), default=1000.0, show_default=True, help="Messages a second.")
@click.option("--time-scale", type=click.FloatRange(min=0.01, max=1000), default=1.0, show_default=True,
              help="How much faster its time runs than real time.")  # fmt: skip
@click.option("--faults", "listing", is_flag=True, help="List the kinds of faults, and stop.")
def sim(
    venues: tuple[str, ...], faults: tuple[str, ...], port: int, seed: int, assets: int, rate: float,
    time_scale: float, listing: bool,
) -> None:  # fmt: skip
    """Serve simulated venues in their native protocols, for your own bot too. They answer on loopback only."""
    if listing:
        return _list()
    import asyncio

    from crosstape.sim.server import SimSettings
    from crosstape.sim.standing import stand

    settings = SimSettings(
        venues=tuple(dict.fromkeys(venues)), seed=seed, assets=assets, port=port, rate=rate, time_scale=time_scale,
        faults=faults,
    )  # fmt: skip
    asyncio.run(stand(settings, _say))
    return None


def _say(simulation: Simulation) -> None:
    for name, venue in simulation.venues.items():
        click.echo(f"{name}\n  REST     {venue.rest_url}\n  sockets  {venue.ws_url}")
        click.echo(f"  faults   {venue.rest_url}/chaos/faults")
        for fault in venue.lab.listed():
            click.echo(f"           {fault.fault}")


def _list() -> None:
    from rich.console import Console
    from rich.table import Table

    from crosstape.sim.chaos.kinds import KINDS

    table = Table("kind", "target", "what happens", "parameters and their defaults")
    for kind in KINDS:
        given = " ".join(f"{name}={value}" for name, value in kind.defaults.items())
        table.add_row(kind.name, kind.target, kind.what, given)
    Console().print(table)
