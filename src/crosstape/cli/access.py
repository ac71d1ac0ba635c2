"""Keys of crosstape's own API, and its audit log, on the machine that keeps the ledger."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from crosstape.store.ledger import Ledger

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Span(click.ParamType[float]):
    """A length of time such as 90d, as seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """A usage error says what is allowed."""
        found = re.fullmatch(r"(\d+)([smhdw])", str(value))
        if found is None:
            self.fail(f"{value!r} is no length of time; allowed: 30s, 15m, 12h, 90d, 4w", param, ctx)
        return float(found[1]) * SECONDS[found[2]]


@click.group()
def access() -> None:
    """Keys of the API: create, list, rotate, revoke; and the audit log. They are required when listening beyond
    loopback. Keys of exchanges: `crosstape keys`.
    """


@contextlib.contextmanager
def _ledger(context: click.Context) -> Iterator[Ledger]:
    from crosstape.config import load
    from crosstape.store.ledger import Ledger

    config = load(context.find_root().obj)
    config.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ledger = Ledger.open(config.ledger_url, config.folder)
    try:
        yield ledger
    finally:
        ledger.close()


@access.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["viewer", "trader", "admin"]), default="viewer", show_default=True,
    help="What the key may do.",
)  # fmt: skip
@click.option("--scope", "scopes", multiple=True, metavar="WORD",
              help="Only paths below /api/v1 that begin so (or ws, metrics); may be repeated.")  # fmt: skip
@click.option("--expires", type=Span(), default=None, help="After so long: 12h, 90d; without it never.")
@click.pass_context
def create(context: click.Context, name: str, role: str, scopes: tuple[str, ...], expires: float | None) -> None:
    """Make a key called NAME and print it: it is shown this once and kept as a hash."""
    _check(scopes)
    ends = time.time_ns() + int(expires * 1e9) if expires else 0
    with _ledger(context) as ledger:
        click.echo(ledger.access.create(name, role, scopes, ends))


def _check(scopes: tuple[str, ...]) -> None:
    """Refuse words that no path begins with: a key that may call nothing helps nobody."""
    from crosstape.api.keys import word_of
    from crosstape.api.routes import ROUTES

    known = sorted({word_of(route.path) for route in ROUTES if route.role is not None} | {"ws", "replay"})
    for scope in scopes:
        if scope not in known:
            raise click.BadParameter(f"{scope!r}; allowed: {', '.join(known)}", param_hint="--scope")


@access.command("list")
@click.pass_context
def listing(context: click.Context) -> None:
    """Every key: number, name, role, scopes, the part of it that is kept readable, and how long it works."""
    from rich.console import Console
    from rich.table import Table

    table = Table("id", "name", "role", "scopes", "begins with", "made", "expires", "revoked", "rotated to")
    with _ledger(context) as ledger:
        for key in ledger.access.all():
            table.add_row(
                str(key.id), key.name, key.role, " ".join(key.scopes) or "all", key.prefix, _day(key.created_ts),
                _day(key.expires_ts), _day(key.revoked_ts), str(key.replaced_by or ""),
            )  # fmt: skip
    Console().print(table)


def _day(ts: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(ts / 1e9)) if ts else ""


@access.command()
@click.argument("number", type=int)
@click.pass_context
def revoke(context: click.Context, number: int) -> None:
    """Revoke the key with this number."""
    with _ledger(context) as ledger:
        if not ledger.access.revoke(number):
            raise click.ClickException(f"no key {number} that could be revoked; see `crosstape access list`")
    click.echo(f"key {number} is revoked")


@access.command()
@click.argument("number", type=int)
@click.option("--overlap", type=Span(), default="24h", show_default=True, help="How long the old key still works.")
@click.pass_context
def rotate(context: click.Context, number: int, overlap: float) -> None:
    """Make a key that takes the place of this one, and print it; the old one works on for a while."""
    with _ledger(context) as ledger:
        fresh = ledger.access.rotate(number, overlap)
    if fresh is None:
        raise click.ClickException(f"no working key {number} to rotate; see `crosstape access list`")
    click.echo(fresh)


@access.command()
@click.option("-n", "limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Entries.")
@click.option("--who", default="", help="Only of the key with this name.")
@click.option("--since", type=Span(), default=None, help="Only of the last: 12h, 7d.")
@click.pass_context
def audit(context: click.Context, limit: int, who: str, since: float | None) -> None:
    """Who wrote what through the API, newest first."""
    from rich.console import Console
    from rich.table import Table

    table = Table("UTC", "who", "role", "from", "what", "status", "outcome")
    begin = time.time_ns() - int(since * 1e9) if since else 0
    with _ledger(context) as ledger:
        for row in ledger.audit(begin, 0, who, limit):
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(row.ts / 1e9))
            what = f"{row.action} {row.target}"
            table.add_row(stamp, row.who or "nobody", row.role, row.address, what, str(row.status), row.outcome)
    Console().print(table)
