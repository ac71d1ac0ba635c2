"""Exchange keys: kept in the vault, shown masked, tried against the venue."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from crosstape.config import Config
    from crosstape.store.vault import Vault


@click.group()
def keys() -> None:
    """Exchange keys, encrypted: add, list, test, rotate, remove. Keys of crosstape's own API: `crosstape access`.

    The vault's passphrase is asked for, or taken from $CROSSTAPE_PASSPHRASE, vault.key_file or the system's
    keyring.
    """


def _config(context: click.Context) -> Config:
    from crosstape.config import load

    return load(context.find_root().obj)


def _vault(config: Config) -> Vault:
    """The vault; at a terminal its passphrase is asked for, twice for a new one."""
    from crosstape.app.accounts import open_vault
    from crosstape.store.passphrase import find_passphrase

    asked = ""
    if not find_passphrase(config.vault.key_file) and sys.stdin.isatty():
        new = not config.vault_file.exists()
        asked = click.prompt("Passphrase of the vault", hide_input=True, confirmation_prompt=new, err=True)
    return open_vault(config, asked)


def _read_secret(what: str) -> str:
    """From the terminal without echo, or a line of standard input; never an argument, which others could see."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, default="", show_default=False, err=True)).strip()
    return sys.stdin.readline().strip()


@keys.command()
@click.argument("name")
@click.option("--venue", required=True, help="Whose key it is: bybit, binance; for ccxt its exchange id.")
@click.option("--passphrase", "third", is_flag=True, help="The venue wants a third secret (OKX, KuCoin …).")
@click.option("--replace", is_flag=True, help="Put another key under a name that is taken.")
@click.pass_context
def add(context: click.Context, name: str, venue: str, third: bool, replace: bool) -> None:
    """Keep a key called NAME. Key and secret are asked for, or read as two lines of standard input."""
    from crosstape.model.credential import Credential

    vault = _vault(_config(context))
    words = [_read_secret(what) for what in ("Key", "Secret", *(("Passphrase of the key",) if third else ()))]
    credential = Credential(name, venue, words[0], words[1], words[2] if third else "", time.time_ns())
    if not (replace and vault.replace(credential)):
        vault.add(credential)
    click.echo(f"kept {name} ({venue}, {credential.masked})")


@keys.command("list")
@click.pass_context
def listing(context: click.Context) -> None:
    """Every key: name, venue, first letters, when it was kept."""
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "venue", "key", "kept")
    for one in _vault(_config(context)).all():
        day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.created_ts / 1e9))
        table.add_row(one.name, one.venue, one.masked, day)
    Console().print(table)


@keys.command()
@click.argument("name")
@click.pass_context
def remove(context: click.Context, name: str) -> None:
    """Forget the key called NAME."""
    if not _vault(_config(context)).remove(name):
        raise click.ClickException(f"no key {name!r}; see `crosstape keys list`")
    click.echo(f"{name} is removed; delete it at the exchange too")


@keys.command("test")
@click.argument("name")
@click.pass_context
def testing(context: click.Context, name: str) -> None:
    """Ask the venue with the key called NAME what its account holds: a read-only request."""
    import asyncio

    from crosstape.app.accounts import balances

    config = _config(context)
    credential = _vault(config).get(name)
    if credential is None:
        raise click.ClickException(f"no key {name!r}; see `crosstape keys list`")
    held = asyncio.run(balances(config, credential, time.time_ns()))
    click.echo(f"{credential.venue} takes the key {name}; its account holds {len(held)} assets")
    _show(held)


def _show(held: list[Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("asset", "total", "free")
    for row in held:
        table.add_row(row.asset, f"{row.total:f}", f"{row.free:f}")
    if held:
        Console().print(table)


@keys.command()
@click.pass_context
def rotate(context: click.Context) -> None:
    """Seal the vault anew under another passphrase (asked for, or a line of standard input)."""
    config = _config(context)
    vault = _vault(config)
    if not config.vault_file.exists():
        raise click.ClickException(f"there is no vault at {config.vault_file}")
    if sys.stdin.isatty():
        fresh = click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
    else:
        fresh = sys.stdin.readline().rstrip("\r\n")
    vault.rotate(fresh)
    click.echo("the vault has a new passphrase; give it where the old one was configured")
