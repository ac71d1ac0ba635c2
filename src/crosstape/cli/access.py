"""API keys: made, listed and revoked on the machine that keeps the ledger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from crosstape.store.ledger import Ledger


@click.group()
def access() -> None:
    """Make, list and revoke API keys; they are required when listening beyond loopback."""


def _ledger(context: click.Context) -> Ledger:
    from crosstape.config import load
    from crosstape.store.ledger import Ledger

    config = load(context.find_root().obj)
    config.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Ledger.open(config.ledger_url, config.folder)


@access.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["viewer", "trader", "admin"]), default="viewer", show_default=True,
    help="What the key may do.",
)  # fmt: skip
@click.pass_context
def create(context: click.Context, name: str, role: str) -> None:
    """Make a key called NAME and print it: it is shown this once and kept as a hash."""
    ledger = _ledger(context)
    try:
        click.echo(ledger.key_create(name, role))
    finally:
        ledger.close()


@access.command("list")
@click.pass_context
def listing(context: click.Context) -> None:
    """Every key: number, name, role, the part of it that is kept readable."""
    from rich.console import Console
    from rich.table import Table

    ledger = _ledger(context)
    try:
        table = Table("id", "name", "role", "begins with", "made", "revoked")
        found = ledger.keys()
        for key in found:
            table.add_row(str(key.id), key.name, key.role, key.prefix, _day(key.created_ts), _day(key.revoked_ts))
        Console().print(table)
    finally:
        ledger.close()


def _day(ts: int | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(ts / 1e9)) if ts else ""


@access.command()
@click.argument("number", type=int)
@click.pass_context
def revoke(context: click.Context, number: int) -> None:
    """Revoke the key with this number."""
    ledger = _ledger(context)
    try:
        if not ledger.key_revoke(number):
            raise click.ClickException(f"no key {number} that could be revoked; see `crosstape access list`")
        click.echo(f"key {number} is revoked")
    finally:
        ledger.close()
