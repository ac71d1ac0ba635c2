"""`crosstape account`: the own accounts that a running crosstape follows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from crosstape.cli.showing import KEY, URL, configured, talking

if TYPE_CHECKING:
    from crosstape.client.records import Account

WORDS = ("time", "asset", "id", "side", "leg", "kind", "status", "as")
COLUMNS = {
    "balances": ("asset", "total", "free"),
    "positions": ("id", "side", "leg", "size", "entry", "mark", "pnl"),
    "orders": ("id", "side", "kind", "price", "size", "filled", "status"),
    "fills": ("time", "id", "side", "price", "size", "fee", "as"),
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
    why = f": {one.reason}" if one.reason else ""
    console.print(
        f"\n[bold]{one.name}[/bold] · {one.venue} · {one.state}{why} · heard {one.age_ms / 1e3:.1f} s ago"
    )
    made = [_filled(row) for row in one.fills[:fills]]
    parts = ("balances", one.balances), ("positions", one.positions), ("orders", one.orders), ("fills", made)
    for title, rows in parts:
        if rows:
            console.print(_table(title, rows))


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    """As narrow as it can be: a column that is empty throughout is left out."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    columns = [column for column in COLUMNS[title] if any(row.get(column) for row in rows)]
    for column in columns:
        table.add_column(column, justify="left" if column in WORDS else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(_text(column, row.get(column, "")) for column in columns))
    return table


def _filled(row: Mapping[str, Any]) -> dict[str, Any]:
    at = time.strftime("%H:%M:%S", time.gmtime(row["ts_ms"] / 1e3))
    unusual = row["kind"] if row["kind"] != "trade" else row["liquidity"]
    return {**row, "time": at, "fee": f"{_text('fee', row['fee'])} {row['fee_asset']}", "as": unusual}


def _text(column: str, value: object) -> str:
    """Exact; zeros behind the last figure say nothing."""
    text = str(value)
    return text.rstrip("0").rstrip(".") if column not in WORDS and "." in text else text
