"""The ledger as a whole: copied, restored, checked."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def ledger() -> None:
    """Back up, restore and check the ledger; it may be in use meanwhile."""


def _url(context: click.Context) -> str:
    from crosstape.config import load

    return load(context.find_root().obj).ledger_url


def _told(counts: dict[str, int]) -> str:
    held = [f"{count:,} {name}" for name, count in counts.items() if count]
    return ", ".join(held) or "no rows"


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
def backup(context: click.Context, file: Path) -> None:
    """Write the ledger as of now into FILE: ….db is a SQLite copy, any other name (….jsonl.zst) a file that SQLite
    and PostgreSQL both restore. It holds hashes of API keys, no exchange keys."""
    from crosstape.store.backup import backup as write

    click.echo(f"{file}: {_told(write(_url(context), file))}")


@ledger.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Forget what the ledger holds now.")
@click.pass_context
def restore(context: click.Context, file: Path, replace: bool) -> None:
    """Put a backup into the configured ledger, all of it or nothing. One of an older crosstape is migrated."""
    from crosstape.store.backup import restore as put

    click.echo(f"restored {_told(put(_url(context), file, replace))}")


@ledger.command()
@click.pass_context
def check(context: click.Context) -> None:
    """Whether the ledger is sound, its revision and rows; exit 1 says what is damaged."""
    from crosstape.store.backup import check as look

    revision, counts = look(_url(context))
    click.echo(f"sound, revision {revision}: {_told(counts)}")
