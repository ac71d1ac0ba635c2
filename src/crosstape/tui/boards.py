"""The page of boards: tabs, and the chosen one as a live table over all its markets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from crosstape.client import ClientError, topics
from crosstape.client.results import Board
from crosstape.client.topics import Topic
from crosstape.tui.grid import Grid
from crosstape.tui.link import Link
from crosstape.tui.page import Page
from crosstape.tui.palette import ACCENT, FOCUS, LABEL
from crosstape.tui.rows import TableRows
from crosstape.tui.widgets import Lines, Spans

EVERY = "all markets"
BESIDE = ("last", "change_5m", "change_24h", "turnover_usd_24h", "spread_bps", "funding_apr", "oi_usd")
TOP = 200


class BoardsPage(Page):
    """1-9 choose a board, [ ] the one before or after, s sorts by another column, S turns the order, f favours."""

    heading = "Boards"
    keys = "1-9 [ ] board · s S sort · f favourite · ⏎ open"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"choose({n - 1})", show=False) for n in range(1, 10)),
        Binding("left_square_bracket", "turn(-1)", show=False),
        Binding("right_square_bracket", "turn(1)", show=False),
        Binding("s", "sort", show=False),
        Binding("S", "reverse", show=False),
        Binding("f", "favour", show=False),
    ]

    def __init__(self, link: Link, first: str = EVERY) -> None:
        super().__init__(link)
        self.rows = _rows(first)
        self._boards: Sequence[Board] = ()
        self.names = [EVERY]
        self.chosen = first

    def body(self) -> ComposeResult:
        """Tabs and the table."""
        yield Lines(id="tabs")
        yield Grid(id="board")

    async def on_mount(self) -> None:
        """Learn which boards there are."""
        self._show_tabs()
        self.query_one(Grid).focus()
        try:
            self._boards = (await self.link.client.boards()).rows
            self.names += [board.name for board in self._boards]
        except ClientError as error:
            self.notice(str(error))
        self._show_tabs()
        self.tune()

    def topics(self) -> Mapping[str, Topic[Any]]:
        """The chosen board."""
        if self.chosen == EVERY:
            return {"board": topics.markets(hz=5, columns=BESIDE)}
        known = next((board.fields for board in self._boards if board.name == self.chosen), ())
        columns = tuple(dict.fromkeys((*known, *BESIDE))) if known else ()
        return {"board": topics.board(self.chosen, n=TOP, hz=5, columns=columns)}

    def take(self, name: str, value: Any) -> None:
        """A newer table."""
        self.rows.favourites = self.link.favourites
        self.rows.take(value, self.link.clock())
        grid = self.query_one(Grid)
        grid.empty = "  Nothing stands here yet: its window has not been covered, or no market qualifies."
        grid.show(self.rows)

    def choose(self, name: str) -> None:
        """Another board."""
        self.chosen = name
        self.rows = _rows(name)
        grid = self.query_one(Grid)
        grid.selected, grid.empty = "", ""
        grid.show(self.rows)
        self._show_tabs()
        self.tune()

    def action_choose(self, place: int) -> None:
        """By its tab."""
        if place < len(self.names):
            self.choose(self.names[place])

    def action_turn(self, by: int) -> None:
        """The tab before or after."""
        names = self.names
        here = names.index(self.chosen) if self.chosen in names else 0
        self.choose(names[(here + by) % len(names)])

    def action_sort(self) -> None:
        """By the next column, and after the last by the board's own order again."""
        self.rows.sort_next()
        self._again()

    def action_reverse(self) -> None:
        """The other way round."""
        self.rows.descending = not self.rows.descending
        self._again()

    @work(exclusive=True)
    async def action_favour(self) -> None:
        """The selected market."""
        try:
            await self.link.favour(self.query_one(Grid).selected)
        except ClientError as error:
            self.notice(str(error))
        self.rows.favourites = self.link.favourites
        self._again()
        self.query_one(Grid).reveal()

    def _again(self) -> None:
        if self.rows.table is not None:
            self.take("board", self.rows.table)

    def _show_tabs(self) -> None:
        title = next((board.title for board in self._boards if board.name == self.chosen), "")
        shown = tabs(self.names, self.chosen, title or "Every market, by turnover")
        self.query_one("#tabs", Lines).show(shown)


def tabs(names: Sequence[str], chosen: str, title: str) -> list[Spans]:
    """The tabs around the chosen one, and what it is."""
    here = names.index(chosen) if chosen in names else 0
    first = max(here - 3, 0)
    spans = []
    for place, name in list(enumerate(names))[first : first + 9]:
        number = f"{place + 1} " if place < 9 else ""
        spans.append((f"▸{number}{name}◂", FOCUS) if name == chosen else (f" {number}{name} ", LABEL))
    return [spans, [(f" {title}", ACCENT), (f"  {len(names)} boards", LABEL)]]


def _rows(name: str) -> TableRows:
    rows = TableRows()
    rows.sort = "turnover_usd_24h" if name == EVERY else ""
    return rows
