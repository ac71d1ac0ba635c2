"""A table drawn line by line: only what is seen is made, so a thousand ticking rows cost little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from crosstape.tui.palette import FADED, HEAD, LABEL, SELECTED
from crosstape.tui.rows import Cell, Listing, Rows


class Grid(ScrollView, can_focus=True):
    """j k, arrows, page keys, g g and G move; Enter opens. The selected row is kept by its key, not its place."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("pagedown,ctrl+f", "move(20)", "page down", show=False),
        Binding("pageup,ctrl+b", "move(-20)", "page up", show=False),
        Binding("home", "move(-1000000)", "first", show=False),
        Binding("end,G", "move(1000000)", "last", show=False),
        Binding("enter", "open", "open", show=False),
    ]

    class Opened(Message):
        """Enter, or a second click, on a row."""

        def __init__(self, grid: Grid, key: str) -> None:
            super().__init__()
            self.grid, self.key = grid, key

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: Rows = Listing(())
        self.selected = ""
        self.faded = False
        self.empty = ""
        self._place = 0

    def show(self, rows: Rows) -> None:
        """New rows, or the same with new values."""
        self.rows = rows
        count = len(rows)
        if self.selected:
            place = rows.find(self.selected)
            if place >= 0:
                self._place = place
        self._place = max(min(self._place, count - 1), 0)
        if count and not self.selected:
            self.selected = rows.key(0)
        size = Size(sum(head.width + 1 for head in rows.heads), count + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def action_move(self, by: int) -> None:
        """Select another row."""
        count = len(self.rows)
        if count:
            self._place = max(min(self._place + by, count - 1), 0)
            self.selected = self.rows.key(self._place)
            self.reveal()

    def reveal(self) -> None:
        """Scroll to the selected row."""
        self.scroll_to_region(Region(self.scroll_offset.x, self._place, 1, 2), animate=False)
        self.refresh()

    def action_open(self) -> None:
        """Enter."""
        if len(self.rows):
            self.post_message(self.Opened(self, self.selected))

    def on_click(self, event: events.Click) -> None:
        """Select; a click on the selected row opens it."""
        place = event.y - 1 + self.scroll_offset.y
        if 0 <= place < len(self.rows):
            again = place == self._place
            self._place, self.selected = place, self.rows.key(place)
            self.refresh()
            if again:
                self.action_open()

    def render_line(self, y: int) -> Strip:
        """The heads, or the row that is scrolled there."""
        width, at = self.size.width, self.scroll_offset.x
        if y == 0:
            cells: Sequence[Cell] = [(head.title, HEAD) for head in self.rows.heads]
            return self._strip(cells, Style.null()).crop(at, at + width)
        place = y - 1 + self.scroll_offset.y
        if y == 1 and not len(self.rows):
            return Strip([Segment(self.empty, self.rich_style + LABEL)]).adjust_cell_length(width, self.rich_style)
        if place >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        over = SELECTED if place == self._place else Style.null()
        return self._strip(self.rows.cells(place), over).crop(at, at + width)

    def _strip(self, cells: Sequence[Cell], over: Style) -> Strip:
        base = self.rich_style + FADED if self.faded else self.rich_style
        segments, total = [], 0
        for (text, style), (_, width, left) in zip(cells, self.rows.heads, strict=False):
            fitted = text[:width].ljust(width) if left else text[:width].rjust(width)
            segments.append(Segment(fitted + " ", base + style + over))
            total += width + 1
        fill = self.size.width + self.scroll_offset.x - total
        if fill > 0:
            segments.append(Segment(" " * fill, base + over))
            total += fill
        return Strip(segments, total)
