"""`crosstape account`: the own accounts that a running crosstape follows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from crosstape.cli.showing import KEY, URL, configured, talking

if TYPE_CHECKING:
    from crosstape.client.records import Account

COLUMNS = {
    "balances": ("asset", "total", "free"),
    "positions": ("id", "side", "leg", "size", "entry", "mark", "pnl"),
    "orders": ("id", "side", "kind", "price", "size", "filled", "status"),
    "fills": ("time", "id", "side", "price", "size", "fee", "fee_asset", "liquidity", "kind"),
}


@click.command()
@click.argument("name", default="")
@click.option("--fills", type=click.IntRange(0, 200), default=10, show_default=True, help="Newest fills.")
@click.option("--json", "plain", is_flag=True, help="As JSON, like GET /api/v1/account.")
@URL
@KEY
@click.pass_context
def account(context: click.Context, name: str, fills: int, plain: bool, url: str, key: str) -> None:
    """Own accounts, all or the one of the key NAME: balances, positions, open orders, newest fills."""
    with talking(url or configured(context), key) as client:
        answer = client.account(name)
    if plain:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())
        return
    from rich.console import Console

    console = Console()
    if not answer.accounts:
        console.print("no account is followed; name keys of the vault in account.credentials")
    for one in answer.accounts:
        _show(console, one, fills)


def _show(console: Any, one: Account, fills: int) -> None:
    from rich.table import Table

    why = f": {one.reason}" if one.reason else ""
    console.print(
        f"\n[bold]{one.name}[/bold] · {one.venue} · {one.state}{why} · heard {one.age_ms / 1e3:.1f} s ago"
    )
    for title, rows in (
        ("balances", one.balances), ("positions", one.positions), ("orders", one.orders),
        ("fills", one.fills[:fills]),
    ):  # fmt: skip
        if not rows:
            continue
        table = Table(title=title, title_justify="left")
        for column in COLUMNS[title]:
            numbers = column not in (
                "asset",
                "id",
                "side",
                "leg",
                "kind",
                "status",
                "fee_asset",
                "liquidity",
                "time",
            )
            table.add_column(column, justify="right" if numbers else "left", no_wrap=True)
        for row in rows:
            at = time.strftime("%m-%d %H:%M:%S", time.gmtime(row["ts_ms"] / 1e3))
            table.add_row(*(str(({"time": at} | row).get(column, "")) for column in COLUMNS[title]))
        console.print(table)
