"""The page that says in a second how the markets are: breadth, movers, venues, liquidations."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from textual.app import ComposeResult
from textual.containers import Horizontal

from crosstape.client import topics
from crosstape.client.merged import Table
from crosstape.client.results import Liquidation
from crosstape.client.topics import Topic
from crosstape.tui.formats import clock, compact, price, shown
from crosstape.tui.link import Link
from crosstape.tui.page import Page
from crosstape.tui.palette import ACCENT, DIM, DOWN, LABEL, PLAIN, UP
from crosstape.tui.widgets import Feed, Lines, Spans, gauge

COLUMNS = ("last", "change_5m", "change_1h", "change_24h", "turnover_usd_24h", "funding_8h", "coverage_1h")
SPANS = (("5 minutes", "change_5m"), ("1 hour", "change_1h"), ("24 hours", "change_24h"))
MOVERS, LEAST_USD = 12, 100_000.0


class OverviewPage(Page):
    """Everything from the live table of all markets, and the liquidations as they come."""

    heading = "Overview"
    keys = "⏎ nothing to open here"

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._forced: deque[Liquidation] = deque(maxlen=200)

    def body(self) -> ComposeResult:
        """Four panes."""
        with Horizontal(classes="low across"):
            yield Lines(id="breadth", classes="pane narrow")
            yield Lines(id="venues", classes="pane narrow")
        with Horizontal(classes="tall across"):
            yield Lines(id="gainers", classes="pane narrow")
            yield Lines(id="losers", classes="pane narrow")
            yield Feed(id="liquidations", classes="pane narrow")

    def on_mount(self) -> None:
        """Titles."""
        for name, title in (("breadth", "breadth: markets up and down"), ("venues", "turnover, 24 h, by market"),
                            ("gainers", "up most, 24 h"), ("losers", "down most, 24 h"),
                            ("liquidations", "liquidations, newest first")):  # fmt: skip
            self.query_one(f"#{name}").border_title = title

    def topics(self) -> Mapping[str, Topic[Any]]:
        """All markets, all liquidations."""
        return {"markets": topics.markets(hz=1, columns=COLUMNS), "forced": topics.liquidations(n=100, hz=2)}

    def take(self, name: str, value: Any) -> None:
        """To the panes."""
        if name == "forced":
            if value.snapshot:
                self._forced.clear()
            self._forced.extendleft(value.rows)
            feed = self.query_one(Feed)
            feed.show([_forced(event) for event in list(self._forced)[: feed.size.height]])
            return
        self.query_one("#breadth", Lines).show(breadth(value))
        self.query_one("#venues", Lines).show(by_market(value))
        movers = moving(value)
        self.query_one("#gainers", Lines).show([_mover(value, i) for i in movers[::-1][:MOVERS]])
        self.query_one("#losers", Lines).show([_mover(value, i) for i in movers[:MOVERS]])


def breadth(table: Table) -> list[Spans]:
    """Share of markets up, by window, and what the unchanged ones leave."""
    lines: list[Spans] = []
    for title, column in SPANS:
        change = table.columns[column]
        up, down = int((change > 0).sum()), int((change < 0).sum())
        share = up / (up + down) if up + down else float("nan")
        words = f"▲ {up}  ▼ {down}" if up + down else "not known yet"
        lines.append(gauge(title, share, words, 24, UP if up >= down else DOWN))
    known = np.nan_to_num(table.columns["coverage_1h"])
    turnover = float(np.nansum(table.columns["turnover_usd_24h"]))
    funding = table.columns["funding_8h"]
    median = float(np.median(funding[~np.isnan(funding)])) if (~np.isnan(funding)).any() else float("nan")
    text, style = shown(median, "rate")
    lines.append([("median funding, 8 h ", LABEL), (text, style)])
    lines.append([("turnover, 24 h     ", LABEL), (f"{compact(turnover)} usd", PLAIN)])
    live = float(known.mean()) if known.size else 0.0
    lines.append(gauge("hour covered", live, f"{live * 100:.0f}% of {len(table)} markets", 24))
    return lines


def by_market(table: Table) -> list[Spans]:
    """Turnover of each market, greatest first."""
    sums: dict[str, float] = {}
    for name, value in zip(table.ids, np.nan_to_num(table.columns["turnover_usd_24h"]).tolist(), strict=True):
        market = name.partition(":")[0]
        sums[market] = sums.get(market, 0.0) + value
    total = sum(sums.values()) or 1.0
    ranked = sorted(sums.items(), key=lambda pair: -pair[1])
    return [gauge(name, value / total, f"{compact(value)} usd", 20) for name, value in ranked]


def moving(table: Table) -> Sequence[int]:
    """Rows that trade and whose change is known, falling ones first."""
    change, turnover = table.columns["change_24h"], np.nan_to_num(table.columns["turnover_usd_24h"])
    rows = np.flatnonzero(~np.isnan(change) & (turnover >= LEAST_USD))
    found: list[int] = rows[np.argsort(change[rows], kind="stable")].tolist()
    return found


def _mover(table: Table, i: int) -> Spans:
    text, style = shown(float(table.columns["change_24h"][i]), "fraction")
    last, turnover = table.columns["last"][i], table.columns["turnover_usd_24h"][i]
    return [(f"{table.ids[i]:<23}"[:23], PLAIN), (f"{text:>10}", style), (f"{price(float(last)):>11}", ACCENT),
            (f"{compact(float(turnover)):>9}", LABEL)]  # fmt: skip


def _forced(event: Liquidation) -> Spans:
    glyph, style, what = ("▼", DOWN, "long") if event.side == "SELL" else ("▲", UP, "short")
    value = compact(event.usd) if event.usd is not None else "–"
    return [(clock(event.ts_ms) + " ", DIM), (f"{glyph} {what:<5} ", style), (f"{value:>8} ", PLAIN),
            (event.id, LABEL)]  # fmt: skip
