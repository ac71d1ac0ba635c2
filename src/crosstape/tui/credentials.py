"""The page of exchange keys: listed masked, kept, tried, rotated, removed. No secret is ever shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from crosstape.client.results import Row
from crosstape.tui.form import Field, Form, Sure
from crosstape.tui.formats import clock
from crosstape.tui.grid import Grid
from crosstape.tui.keeping import KeepingPage
from crosstape.tui.link import Link
from crosstape.tui.palette import DIM, PLAIN
from crosstape.tui.rows import Cell, Head, Listing

HEADS = (Head("name", 30, True), Head("venue", 16, True), Head("key", 14, True), Head("kept", 21, True))
SECRETS = (Field("key", "key", hidden=True), Field("secret", "secret", hidden=True),
           Field("passphrase", "passphrase, where the exchange wants one", hidden=True))  # fmt: skip


class CredentialsPage(KeepingPage):
    """A row a key."""

    heading = "Exchange keys"
    keys = "a add · t test · o rotate · d remove"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", show=False),
        Binding("t", "try", show=False),
        Binding("o", "rotate", show=False),
        Binding("d", "remove", show=False),
        Binding("r", "reload", show=False),
    ]

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.rows: dict[str, Row] = {}

    def parts(self) -> ComposeResult:
        """All of them."""
        yield Grid(id="keys")

    def on_mount(self) -> None:
        """Ask at once."""
        grid = self.query_one(Grid)
        grid.empty = "No key yet: a adds one. Give it the right to read only."
        grid.focus()
        self.action_reload()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A row is nothing to be opened."""
        event.stop()

    @work(exclusive=True, group="keys")
    async def action_reload(self) -> None:
        """Ask again."""
        if await self._load():
            self.say(f"keys: {len(self.rows)}, sealed on the server's disk")

    @work(exclusive=True, group="keys")
    async def action_add(self) -> None:
        """Another key."""
        fields = (
            Field("name", "name", hint="mine"),
            Field("venue", "venue", "bybit", "for ccxt its exchange id"),
            *SECRETS,
        )
        if await self.app.push_screen_wait(Form("Add an exchange key", fields, self._sender())):
            await self._load()
            self.done("kept; t asks the exchange whether it takes it")

    @work(exclusive=True, group="keys")
    async def action_rotate(self) -> None:
        """Another key and secret under the same name."""
        if (one := self._selected()) is None:
            return
        fields = (
            Field("name", "name", one["name"], fixed=True),
            Field("venue", "venue", one["venue"], fixed=True),
            *SECRETS,
        )
        if await self.app.push_screen_wait(Form(f"Rotate {one['name']}", fields, self._sender(replace=True))):
            await self._load()
            self.done(f"{one['name']} is rotated; delete the old key at {one['venue']}")

    @work(exclusive=True, group="keys")
    async def action_try(self) -> None:
        """Ask the exchange."""
        if (one := self._selected()) is None:
            return
        found = await self.asked(f"asking {one['venue']}", self.link.client.try_credential(one["name"]))
        if found is not None:
            held = ", ".join(f"{row['total']} {row['asset']}" for row in found.rows[:5])
            self.done(f"{one['venue']} takes {one['name']}; its account holds {held or 'nothing'}")

    @work(exclusive=True, group="keys")
    async def action_remove(self) -> None:
        """Forget the selected one, after a question."""
        if (one := self._selected()) is None:
            return
        if not await self.app.push_screen_wait(Sure(f"Forget the key {one['name']!r} of {one['venue']}?")):
            return
        if await self.asked("removing", self.link.client.remove_credential(one["name"])) is not None:
            self.query_one(Grid).selected = ""
            await self._load()
            self.done(f"{one['name']} is removed; delete it at {one['venue']} too")

    def _sender(self, replace: bool = False) -> Callable[[dict[str, str]], Awaitable[None]]:
        async def send(typed: dict[str, str]) -> None:
            await self.link.client.keep_credential(**typed, replace=replace)

        return send

    def _selected(self) -> Row | None:
        return self.rows.get(self.query_one(Grid).selected)

    async def _load(self) -> bool:
        found = await self.asked("asking", self.link.client.credentials())
        if found is None:
            return False
        self.rows = {str(row["name"]): row for row in found.rows}
        self.query_one(Grid).show(Listing(HEADS, [(name, _cells(row)) for name, row in self.rows.items()]))
        return True


def _cells(row: Row) -> Sequence[Cell]:
    return [(str(row["name"]), PLAIN), (str(row["venue"]), PLAIN), (str(row["key"]), DIM),
            (clock(row["created_ms"], date=True), DIM)]  # fmt: skip
