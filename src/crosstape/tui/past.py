"""The page of an instrument that only has a past: chart and trades of the history, and what is known of it."""

from __future__ import annotations

import math
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from crosstape.client import ClientError
from crosstape.client.results import Past
from crosstape.tui.formats import clock
from crosstape.tui.link import Link
from crosstape.tui.market import TIMEFRAMES
from crosstape.tui.page import Page
from crosstape.tui.palette import BADGE, LABEL, PLAIN
from crosstape.tui.widgets import Chart, Facts, Prints, Spans

CANDLES, TRADES = 480, 100


class PastPage(Page):
    """[ ] choose the timeframe. Nothing of it moves: it is asked for once."""

    heading = "History"
    keys = "[ ] timeframe · / another market"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "turn(-1)", show=False),
        Binding("right_square_bracket", "turn(1)", show=False),
    ]

    def __init__(self, link: Link, about: Past) -> None:
        super().__init__(link)
        self.about, self.market, self._tf = about, about.id, 0

    def body(self) -> ComposeResult:
        """Chart and facts left, trades right."""
        with Horizontal():
            with Vertical(classes="wide"):
                yield Chart(id="chart", classes="pane tall")
                yield Facts(id="facts", classes="pane low")
            yield Prints(id="prints", classes="pane narrow")

    def banner(self) -> Spans:
        """Nothing of it comes from the live connection."""
        spans = super().banner()
        return [
            *spans[:2],
            (f" NOT LIVE, to {clock(self.about.to_ms, date=True)} ", BADGE),
            (self.link.place, LABEL),
            spans[-1],
        ]

    def on_mount(self) -> None:
        """What does not change."""
        self.query_one("#prints").border_title = "newest trades: time, taker, price, value"
        self.query_one("#facts").border_title = f"{self.market}: not live"
        facts = self.query_one(Facts)
        facts.show(told(self.about))
        facts.focus()

    def on_screen_resume(self) -> None:
        """Seen: ask."""
        super().on_screen_resume()
        self._ask()

    def action_turn(self, by: int) -> None:
        """Another timeframe."""
        self._tf = (self._tf + by) % len(TIMEFRAMES)
        self._ask()

    @work(exclusive=True)
    async def _ask(self) -> None:
        tf, client = TIMEFRAMES[self._tf], self.link.client
        chart = self.query_one(Chart)
        chart.border_title = f"{self.market} · {tf}"
        try:
            candles = await client.candles(self.market, tf, limit=CANDLES)
            trades = await client.trades(self.market, limit=TRADES)
        except ClientError as error:
            self.notice(str(error))
            return
        chart.take(candles.rows, True)
        chart.draw(math.nan)
        self.query_one(Prints).take(trades.rows[::-1], True)


def told(about: Past) -> list[Spans]:
    """Where it came from, of when it is, and how much."""
    lines: list[Spans] = [
        [("STALE: ", BADGE), ("not live: it stands on no board, and nothing here moves", PLAIN)],
        [("from ", LABEL), (", ".join(about.sources), PLAIN), (f" · {about.rows:,} rows", PLAIN)],
        [("first ", LABEL), (clock(about.from_ms, date=True), PLAIN)],
        [("last  ", LABEL), (clock(about.to_ms, date=True), PLAIN)],
    ]
    for stream in about.streams:
        lines.append([(f"stream {stream['id']}  ", LABEL), (f"{stream['name']} · {stream['kind']}", PLAIN)])
    return lines
