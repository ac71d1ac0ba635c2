"""The page of streams: what was imported, fetched or pushed; looked into, and forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from crosstape.client.streams import Stream
from crosstape.tui.form import Sure
from crosstape.tui.formats import clock
from crosstape.tui.grid import Grid
from crosstape.tui.importing import ImportPage
from crosstape.tui.keeping import KeepingPage
from crosstape.tui.link import Link
from crosstape.tui.palette import ACCENT, DIM, LABEL, PLAIN
from crosstape.tui.query import rows_of
from crosstape.tui.rows import Cell, Head, Listing
from crosstape.tui.widgets import Lines

HEADS = (Head("id", 5), Head("name", 35, True), Head("source", 7, True), Head("kind", 11, True),
         Head("symbol", 30, True), Head("count", 11), Head("from", 20, True), Head("to", 20, True))  # fmt: skip
ROWS = 500


class StreamsPage(KeepingPage):
    """A row a stream."""

    heading = "Streams"
    keys = "⏎ rows · i import · d delete · r reload"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "import", show=False),
        Binding("d", "delete", show=False),
        Binding("r", "reload", show=False),
    ]

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.streams: dict[str, Stream] = {}

    def parts(self) -> ComposeResult:
        """All of them."""
        yield Grid(id="streams")

    def on_mount(self) -> None:
        """Ask at once."""
        grid = self.query_one(Grid)
        grid.empty = "No stream yet: i imports a file, `crosstape backfill` and pushed ticks bring others."
        grid.focus()
        self.action_reload()

    def action_import(self) -> None:
        """Another one, of a file."""
        self.app.push_screen(ImportPage(self.link))

    @work(exclusive=True, group="load")
    async def action_reload(self) -> None:
        """Ask again."""
        await self._load()

    async def _load(self) -> None:
        found = await self.asked("asking", self.link.client.streams())
        if found is not None:
            self.streams = {str(one.id): one for one in found.streams}
            self.query_one(Grid).show(Listing(HEADS, [(str(one.id), _cells(one)) for one in found.streams]))
            self.say(f"streams: {found.total}")

    @work(exclusive=True, group="delete")
    async def action_delete(self) -> None:
        """Forget the selected one, after a question."""
        grid = self.query_one(Grid)
        one = self.streams.get(grid.selected)
        if one is None:
            return
        what = f"Delete the stream {one.name!r} and the {one.count:,} {one.kind} that came with it?"
        if not await self.app.push_screen_wait(Sure(what)):
            return
        if await self.asked("deleting", self.link.client.end_stream(one.id)) is not None:
            grid.selected = ""
            await self._load()
            self.done(f"{one.name} is gone")

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Enter: its rows."""
        event.stop()
        if event.key in self.streams:
            self.app.push_screen(StreamPage(self.link, self.streams[event.key]))


class StreamPage(KeepingPage):
    """One stream: its rows from the oldest on."""

    heading = "Stream"
    keys = "j k rows · m market"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("m", "market", show=False)]

    def __init__(self, link: Link, stream: Stream) -> None:
        super().__init__(link)
        self._stream = stream

    def parts(self) -> ComposeResult:
        """What it is, and its rows."""
        yield Lines(id="about", classes="said")
        yield Grid(id="rows")

    def on_mount(self) -> None:
        """Ask at once."""
        one = self._stream
        about = f"{one.kind} {one.symbol} · {one.count:,} rows · {one.source} {one.origin}"
        self.query_one("#about", Lines).show([[(f" {one.name}  ", ACCENT), (about, LABEL)]])
        self.query_one(Grid).focus()
        self._load()

    def action_market(self) -> None:
        """The instrument's page."""
        if ":" in self._stream.symbol:
            self.app.post_message(Grid.Opened(self.query_one(Grid), self._stream.symbol))

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A row is nothing to be opened."""
        event.stop()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        one, grid = self._stream, self.query_one(Grid)
        if one.kind == "candles":
            grid.empty = "Candles are on the market's page: m."
            grid.show(Listing(()))
            return
        found = await self.asked("asking", self.link.client.stream_trades(one.id, limit=ROWS))
        if found is not None:
            grid.show(rows_of(found.rows))
            self.say(f"the first {len(found.rows):,} of {one.count:,}")


def _cells(one: Stream) -> Sequence[Cell]:
    begin, end = (clock(ts, date=True) if one.count else "–" for ts in (one.from_ms, one.to_ms))
    return [(str(one.id), DIM), (one.name, PLAIN), (one.source, PLAIN), (one.kind, PLAIN),
            (one.symbol or "several", PLAIN if one.symbol else DIM), (f"{one.count:,}", PLAIN), (begin, DIM),
            (end, DIM)]  # fmt: skip
