"""The page that asks in SQL: live columns, history, ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from crosstape.client import ClientError
from crosstape.client.results import Row
from crosstape.client.sql import Selected
from crosstape.tui.formats import clock
from crosstape.tui.grid import Grid
from crosstape.tui.link import Link
from crosstape.tui.page import Page
from crosstape.tui.palette import DIM, PLAIN
from crosstape.tui.rows import Cell, Head, Listing

FIRST = "SELECT id, last, change_24h, turnover_usd_24h FROM live ORDER BY turnover_usd_24h DESC LIMIT 50"
ROWS = 500
WIDEST, NARROWEST = 40, 6


class QueryPage(Page):
    """One SELECT; Enter asks, and Enter on a market opens it."""

    heading = "Query"
    keys = "⏎ ask · Tab result · e edit"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("e", "edit", show=False)]

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.asked = ""

    def body(self) -> ComposeResult:
        """A line to ask in, and what came."""
        yield Input(FIRST, placeholder="SELECT … FROM live", id="sql", select_on_focus=False)
        yield Grid(id="result")

    def on_mount(self) -> None:
        """Ready to be asked."""
        self.query_one(Input).focus()

    def action_edit(self) -> None:
        """Back to the line."""
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        self._ask(event.value)

    @work(exclusive=True, group="ask")
    async def _ask(self, text: str) -> None:
        grid = self.query_one(Grid)
        self.notice("asking …")
        try:
            found = await self.link.client.sql(text, limit=ROWS)
        except ClientError as error:
            self.notice(str(error))
            return
        self.asked = text
        more = f", the first {ROWS}" if found.truncated else ""
        self.notice(f"{len(found)} rows{more} in {found.elapsed_ms:.0f} ms")
        grid.empty, grid.selected = "No row.", ""
        grid.show(listing(found))
        grid.focus()


def listing(found: Selected) -> Listing:
    """What a query found."""
    return listing_of([column["name"] for column in found.columns], found.rows)


def listing_of(names: Sequence[str], values: Sequence[Sequence[Any]]) -> Listing:
    """Columns as wide as what stands in them; a row's key is its id, or its place where it has none."""
    texts = [[_text(value) for value in row] for row in values]
    heads: list[Head] = []
    for place, name in enumerate(names):
        widest = max((len(row[place]) for row in texts), default=0)
        words = any(isinstance(row[place], str) for row in values)
        heads.append(Head(name, min(max(widest, len(name), NARROWEST), WIDEST), words))
    at = names.index("id") if "id" in names else -1
    rows: list[tuple[str, Sequence[Cell]]] = [
        (row[at] if at >= 0 else str(n), [(text, PLAIN if text != "–" else DIM) for text in row])
        for n, row in enumerate(texts)
    ]
    return Listing(heads, rows)


def rows_of(rows: Sequence[Row]) -> Listing:
    """Dicts as a table; `ts_ms` as UTC."""
    names = list(rows[0]) if rows else []
    texts = [[_utc(row[name]) if name == "ts_ms" else row.get(name) for name in names] for row in rows]
    return listing_of(["UTC" if name == "ts_ms" else name for name in names], texts)


def _utc(ts_ms: float | None) -> str | None:
    return None if ts_ms is None else clock(ts_ms, date=True)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
