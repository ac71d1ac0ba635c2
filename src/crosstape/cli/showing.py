"""Commands that show: venues, boards, doctor, configuration."""

from __future__ import annotations

import json
import platform
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from crosstape.client import Client

URL = click.option("--url", default="", help="A running crosstape (default: the configured host and port).")
KEY = click.option("--key", envvar="CROSSTAPE_KEY", default="", help="API key, where one is required.")


@click.command()
def venues() -> None:
    """What is taken from which venue, and how."""
    from rich.console import Console
    from rich.table import Table

    from crosstape.app.known import all_venues

    console = Console()
    for venue in all_venues():
        markets = ", ".join(stream.market for stream in venue.streams)
        table = Table("what", "how", "note", title=f"{venue.id} ({markets})", title_justify="left")
        for capability in venue.capabilities:
            table.add_row(capability.what, capability.how, capability.note)
        console.print(table)


@click.command()
@click.argument("name", default="")
@click.option("-n", "top", type=click.IntRange(1, 1000), default=15, show_default=True, help="Rows.")
@click.option("--watch", is_flag=True, help="As it changes; without NAME the top of all.")
@URL
@KEY
@click.pass_context
def boards(context: click.Context, name: str, top: int, watch: bool, url: str, key: str) -> None:
    """List the boards, or show one (NAME) of a running crosstape; with --watch as it changes."""
    from rich.console import Console

    if watch:
        from crosstape.cli.watching import run

        run(url or configured(context), key, name, top)
    elif name:
        Console().print(_board(url or configured(context), key, name, top))
    else:
        Console().print(_list_of_boards())


def _list_of_boards() -> Any:
    from rich.table import Table

    from crosstape.boards.catalogue import BOARDS

    table = Table("name", "title", "column", "unit")
    for board in BOARDS:
        table.add_row(board.name, board.title, board.column.name, board.column.unit)
    return table


def _board(base: str, key: str, name: str, top: int) -> Any:
    from rich.table import Table

    with talking(base, key) as client:
        answer = client.board(name, limit=top)
    about, rows = answer.board, answer.rows
    columns = [column for column in (rows[0] if rows else {}) if column not in ("quality", "id")]
    title = f"{about.title if about is not None else name} · {answer.mode}"
    table = Table(title=title, title_justify="left")
    table.add_column("instrument")
    for column in columns:
        table.add_column(column, justify="right")
    table.add_column("quality")
    for row in rows:
        cells = (shown(row[column]) for column in columns)
        table.add_row(row["id"], *cells, " ".join(row.get("quality", [])))
    return table


def shown(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "–"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


@contextmanager
def talking(url: str, key: str) -> Iterator[Client]:
    """A client whose errors are the command line's."""
    from crosstape.client import Client, ClientError

    try:
        with Client(url, key) as client:
            yield client
    except ClientError as error:
        raise click.ClickException(str(error)) from error


def configured(context: click.Context) -> str:
    """The address the configuration gives."""
    from crosstape.config import load

    api = load(context.find_root().obj).api
    return f"http://{api.host}:{api.port}"


@click.command()
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check this machine: Python, disk, clock, port, venues. Exit 1 when something will not work."""
    from crosstape.config import load

    config = load(context.find_root().obj)
    checks = (
        ("python", sys.version_info >= (3, 11), platform.python_version()),
        _disk(config),
        _port(config),
        *(_host(venue) for venue in _venues(config)),
    )
    good = True
    for name, passed, detail in checks:
        click.echo(f"{'ok  ' if passed else 'FAIL'} {name}: {detail}")
        good &= passed
    if not good:
        sys.exit(1)


def _venues(config: Any) -> Any:
    from crosstape.app.known import venues_of

    return venues_of(config)


def _disk(config: Any) -> tuple[str, bool, str]:
    folder = config.tape_folder
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    wanted = config.tape.retention_gb * 1e9
    detail = f"{free / 1e9:,.0f} GB free for a tape of at most {wanted / 1e9:,.0f} GB"
    return "disk", free > wanted or not config.tape.record, detail


def _port(config: Any) -> tuple[str, bool, str]:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        taken = probe.connect_ex((config.api.host, config.api.port)) == 0
    where = f"{config.api.host}:{config.api.port}"
    return "port", not taken, f"{where} is {'taken (is crosstape running?)' if taken else 'free'}"


def _host(venue: Any) -> tuple[str, bool, str]:
    parts = urlsplit(venue.rest)
    began = time.perf_counter()
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 443), timeout=5.0):
            took = (time.perf_counter() - began) * 1e3
            return venue.id, True, f"{parts.netloc} reached in {took:.0f} ms"
    except OSError as error:
        return venue.id, False, f"{parts.netloc} is not reachable ({error.strerror or error})"


@click.group()
def config() -> None:
    """Show or check the configuration."""


@config.command()
@click.pass_context
def show(context: click.Context) -> None:
    """Print the whole configuration as it holds, secrets hidden."""
    from crosstape.config import load, shown

    click.echo(json.dumps(shown(load(context.find_root().obj)), indent=2))


@config.command()
@click.pass_context
def check(context: click.Context) -> None:
    """Exit 0 when the configuration is good, 2 with the key that is not."""
    from crosstape.app.known import venues_of
    from crosstape.config import load

    venues_of(load(context.find_root().obj))
    click.echo("good")
