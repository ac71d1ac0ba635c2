"""What lies over a page: search, help, and what is said when no server answers."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from crosstape.client import ClientError, Refused
from crosstape.tui.formats import clock, shown
from crosstape.tui.grid import Grid
from crosstape.tui.link import Link
from crosstape.tui.palette import BADGE, LABEL, PLAIN
from crosstape.tui.rows import Head, Listing

HITS = 14
HEADS = (Head("market", 30, True), Head("kind", 8, True), Head("last", 13), Head("24 h", 10))
HELP = """[b]Everywhere[/b]
  g then b m o a s   boards, market, overview, assets, system
  g e                ask in SQL              g d     streams: what was imported, fetched, pushed
  g i                import a file           g c     the cache
  g k                exchange keys
  /                  search a market         Ctrl+K  every command
  j k, arrows        row down, up            Enter   open
  Esc                back                    ?       this
  + -                pictures a second       q       quit
[b]Boards[/b]
  1-9                a board                 [ ]     the one before, after
  s S                sort, turn the order    f       favourite
[b]Market[/b]
  [ ]                timeframe               j k     further columns

▲ up, ▼ down. Dimmed rows are not to be trusted. STALE no live stream, GAP messages missed within the
hour, SYNC the book waits for a snapshot, CROSS bid above ask, TRUNC depth past the last level, PART live
for under an hour.
– is not known; it is not zero."""


class Finder(ModalScreen[str | None]):
    """Search as one types; every word must occur."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss_with_nothing", show=False),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
    ]

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link

    def compose(self) -> ComposeResult:
        """A field and what was found."""
        with Vertical(classes="box"):
            yield Input(placeholder="btc perp, bybit eth, …", id="words")
            yield Grid(id="found")

    def on_mount(self) -> None:
        """Begin with the greatest."""
        self._search("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another letter."""
        self._search(event.value)

    def on_input_submitted(self) -> None:
        """Enter takes the selected one."""
        grid = self.query_one(Grid)
        self.dismiss(grid.selected if len(grid.rows) else None)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A click takes it too."""
        event.stop()
        self.dismiss(event.key)

    def action_move(self, by: int) -> None:
        """Another row, while the field has the keys."""
        self.query_one(Grid).action_move(by)

    def action_dismiss_with_nothing(self) -> None:
        """Esc."""
        self.dismiss(None)

    @work(exclusive=True)
    async def _search(self, words: str) -> None:
        grid = self.query_one(Grid)
        try:
            found = await self._link.client.markets(q=words[:200], fields=("last", "change_24h"), limit=HITS)
            past = await self._past(words[:200]) if words else []
        except ClientError as error:
            grid.show(Listing((Head("", 70, True),), [("", [(str(error), PLAIN)])]))
            return
        rows = [(row["id"], [(row["id"], PLAIN), (row["kind"], PLAIN), shown(row["last"], "price"),
                             shown(row["change_24h"], "fraction")]) for row in found]  # fmt: skip
        rows = [*rows[: HITS - len(past)], *past]
        grid.selected = rows[0][0] if rows else ""
        grid.show(Listing(HEADS, rows))

    async def _past(self, words: str) -> list[tuple[str, list[tuple[str, Style]]]]:
        """What is in the history only; none where nothing is kept."""
        try:
            found = await self._link.client.history(q=words, limit=HITS)
        except Refused:
            return []
        return [
            (
                row.id,
                [
                    (row.id, PLAIN),
                    ("history", BADGE),
                    (f"to {clock(row.to_ms, date=True)[:10]}", LABEL),
                    ("", PLAIN),
                ],
            )
            for row in [row for row in found.rows if not row.live][: HITS // 2]
        ]


class Sheet(ModalScreen[None]):
    """The keys and what the marks mean."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "dismiss", show=False)]

    def compose(self) -> ComposeResult:
        """The text."""
        with Vertical(classes="box"):
            yield Static(HELP)


class Trouble(ModalScreen[None]):
    """Nobody answers, or a key is asked for; it goes away by itself when that changes."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._said = ""

    def compose(self) -> ComposeResult:
        """The text."""
        with Vertical(classes="box"):
            yield Static(id="trouble")

    def tell(self, title: str, error: str, advice: str) -> None:
        """What is wrong and what one can do."""
        self.query_one("#trouble", Static).update(
            f"[b]{title}[/b]\n\n{plain(error)}\n\n{plain(advice)}\n\nq quits; this goes on by itself."
        )


def plain(text: str) -> str:
    """Square brackets are not markup here."""
    return text.replace("[", r"\[")
