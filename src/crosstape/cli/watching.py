"""`crosstape boards --watch`: one board, or the top of all, as they change; plain lines into a pipe."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

import click

TOP_OF_ALL = 3
EVERY_S = 1.0
PIPED = 220


async def watch(url: str, key: str, name: str, top: int) -> None:
    """Until interrupted. ClientError where the server refuses; a lost connection is made again."""
    from rich.console import Console
    from rich.live import Live

    from crosstape.client import AsyncClient

    async with AsyncClient(url, key) as client:
        known = {board.name: board for board in await client.boards()}
        mode = (await client.health()).mode
        show = await _one(client, known, name, top, mode) if name else _all(client, known, mode)
        console = Console(width=None if sys.stdout.isatty() else PIPED)
        if not sys.stdout.isatty():
            while True:
                if (picture := show()) is not None:
                    console.print(picture)
                await asyncio.sleep(EVERY_S)
        with Live("waiting for the first view …", console=console, auto_refresh=False) as screen:
            while True:
                if (picture := show()) is not None:
                    screen.update(picture, refresh=True)
                await asyncio.sleep(EVERY_S)


async def _one(client: Any, known: dict[str, Any], name: str, top: int, mode: str) -> Callable[[], Any]:
    from crosstape.client import topics

    # Of a name that is none the server says which are near.
    await client.board(name, limit=1)
    board = known[name]
    subscription = client.open(topics.board(name, n=top, hz=1))
    held: list[Any] = []

    def show() -> Any:
        table = subscription.poll()
        held[:] = [table] if table is not None else held
        return _picture(held[0], f"{name} · {board.title} · {_state(client, mode, held[0])}") if held else None

    return show


def _picture(table: Any, title: str) -> Any:
    from rich.table import Table
    from rich.text import Text

    from crosstape.tui.formats import shown
    from crosstape.tui.quality import badges

    picture = Table(title=title, title_justify="left")
    picture.add_column("market", no_wrap=True)
    for name in table.columns:
        picture.add_column(name, justify="right", no_wrap=True)
    picture.add_column("quality")
    for i, market in enumerate(table.ids):
        cells = [
            Text(*shown(float(values[i]), table.units.get(name, ""))) for name, values in table.columns.items()
        ]
        picture.add_row(market, *cells, badges(int(table.quality[i])))
    return picture


def _all(client: Any, known: dict[str, Any], mode: str) -> Callable[[], Any]:
    from rich.table import Table

    from crosstape.client import topics
    from crosstape.tui.formats import shown

    subscriptions = {
        name: client.open(topics.board(name, n=TOP_OF_ALL, hz=1, columns=(board.column,)))
        for name, board in known.items()
    }
    held: dict[str, Any] = {}

    def show() -> Any:
        held.update({name: table for name, one in subscriptions.items() if (table := one.poll()) is not None})
        if len(held) < len(known):
            return None
        picture = Table(
            title=f"all boards · {_state(client, mode, held[next(iter(known))])}", title_justify="left"
        )
        for head in ("board", *(f"#{n + 1}" for n in range(TOP_OF_ALL))):
            picture.add_column(head, no_wrap=True)
        for name, board in known.items():
            table = held[name]
            values, unit = table.columns[board.column], table.units.get(board.column, "")
            picture.add_row(
                name, *(f"{one} {shown(float(values[i]), unit)[0]}" for i, one in enumerate(table.ids))
            )
        return picture

    return show


def _state(client: Any, mode: str, table: Any) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(table.ts_ms / 1e3))
    down = client.stream.state not in ("open", "idle")
    return f"{mode} · {at}" + (f" · reconnecting ({client.stream.error})" if down else "")


def run(url: str, key: str, name: str, top: int) -> None:
    """The command: interrupted is good; refusals in the server's words."""
    from crosstape.client import ClientError

    try:
        asyncio.run(watch(url, key, name, top))
    except KeyboardInterrupt:
        return
    except ClientError as error:
        raise click.ClickException(str(error)) from error
