"""The page of one market: chart, order book, trades, and every column with unit and quality."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from crosstape.client import topics
from crosstape.client.merged import Table
from crosstape.client.topics import Topic
from crosstape.model.quality import MEANING, Quality
from crosstape.tui.formats import shown
from crosstape.tui.link import Link
from crosstape.tui.page import Page
from crosstape.tui.palette import BADGE, LABEL, PLAIN
from crosstape.tui.widgets import Chart, Facts, Ladder, Prints, Spans

FACT = 39
SHORT = {"fraction": "", "price": "", "annual": "a yr", "count": "", "share": "", "code": "", "apr": "a yr"}
TIMEFRAMES = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")


class MarketPage(Page):
    """[ ] choose the timeframe, j k scroll the columns."""

    heading = "Market"
    keys = "[ ] timeframe · j k scroll · / another market"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "turn(-1)", show=False),
        Binding("right_square_bracket", "turn(1)", show=False),
        Binding("j,down", "scroll_facts(1)", show=False),
        Binding("k,up", "scroll_facts(-1)", show=False),
    ]

    def __init__(self, link: Link, market: str) -> None:
        super().__init__(link)
        self.market, self._tf, self._top = market, 0, 0
        self._facts: list[Spans] = []

    def body(self) -> ComposeResult:
        """Chart and columns left, book and trades right."""
        with Horizontal():
            with Vertical(classes="wide"):
                yield Chart(id="chart", classes="pane tall")
                yield Facts(id="facts", classes="pane low")
            yield Ladder(id="ladder", classes="pane narrow")
            yield Prints(id="prints", classes="pane narrow")

    def on_mount(self) -> None:
        """Titles."""
        self.query_one("#ladder").border_title = "book: price, size, sum"
        self.query_one("#prints").border_title = "trades: time, taker, price, value"
        self.query_one("#facts").border_title = f"{self.market}: every column"
        self.query_one("#facts").focus()
        self._titled()

    def _titled(self) -> None:
        self.query_one("#chart").border_title = f"{self.market} · {TIMEFRAMES[self._tf]}"

    def topics(self) -> Mapping[str, Topic[Any]]:
        """Row, book, trades, candles."""
        tf = TIMEFRAMES[self._tf]
        return {
            "row": topics.market(self.market, hz=5),
            "book": topics.book(self.market, n=60, hz=5),
            "trades": topics.trades(self.market, n=100, hz=5),
            "candles": topics.candles(self.market, tf, n=480, hz=1),
        }

    def take(self, name: str, value: Any) -> None:
        """To the part that shows it."""
        if name == "book":
            self.query_one(Ladder).take(value)
        elif name == "trades":
            self.query_one(Prints).take(value.rows, value.snapshot)
        elif name == "candles":
            self.query_one(Chart).take(value.rows, value.snapshot)
        elif len(value):
            last = value.columns.get("last")
            self.query_one(Chart).draw(float(last[0]) if last is not None else math.nan)
            self._facts = facts(value, max(self.query_one(Facts).size.width // FACT, 1))
            self._show_facts()

    def action_turn(self, by: int) -> None:
        """Another timeframe."""
        self._tf = (self._tf + by) % len(TIMEFRAMES)
        self._titled()
        self.query_one(Chart).take((), True)
        self.tune()

    def action_scroll_facts(self, by: int) -> None:
        """Further columns."""
        self._top = max(min(self._top + by, len(self._facts) - 1), 0)
        self._show_facts()

    def _show_facts(self) -> None:
        self.query_one(Facts).show(self._facts[self._top :])


def facts(table: Table, across: int) -> list[Spans]:
    """Quality in words, then the columns of the row, so many a line."""
    flags = int(table.quality[0])
    lines: list[Spans] = [[(f"{flag.name}: ", BADGE), (MEANING[flag], PLAIN)] for flag in Quality if flag & flags]
    cells = []
    for name, values in table.columns.items():
        unit = table.units.get(name, "")
        text, style = shown(float(values[0]), unit)
        cells.append(
            [(f"{name:<21}"[:21], LABEL), (f"{text:>12} ", style), (f"{SHORT.get(unit, unit):<5}", LABEL)]
        )
    for i in range(0, len(cells), across):
        lines.append([span for cell in cells[i : i + across] for span in cell])
    return lines
