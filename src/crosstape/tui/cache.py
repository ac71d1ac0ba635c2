"""The page of the cache: how often it spared a question, what it holds, and how its server does."""

from __future__ import annotations

from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal

from crosstape.client.remote import CacheStats
from crosstape.tui.formats import clock, compact
from crosstape.tui.grid import Grid
from crosstape.tui.keeping import KeepingPage
from crosstape.tui.palette import DOWN, LABEL, PLAIN, UP
from crosstape.tui.rows import Head, Listing
from crosstape.tui.widgets import Lines, Spans, gauge

EVERY_S = 2.0
KINDS = (Head("kind", 18, True), Head("hits", 12), Head("misses", 12), Head("hit rate", 10))


class CachePage(KeepingPage):
    """Asked every two seconds while it is seen."""

    heading = "Cache"
    keys = "j k rows"

    def parts(self) -> ComposeResult:
        """Figures beside the kinds of answers."""
        with Horizontal():
            yield Lines(id="figures", classes="pane narrow")
            yield Grid(id="kinds", classes="pane narrow")

    def on_mount(self) -> None:
        """Ask at once, and on."""
        self.query_one("#figures").border_title = "cache"
        self.query_one("#kinds").border_title = "by kind of answer"
        grid = self.query_one(Grid)
        grid.empty = "Nothing was asked yet."
        grid.focus()
        self._load()
        self.set_interval(EVERY_S, self._load)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A row is nothing to be opened."""
        event.stop()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        if not self.is_current:
            return
        found = await self.asked("", self.link.client.cache_stats())
        if found is not None:
            self.query_one("#figures", Lines).show(figures(found))
            rows = [(kind, counts["hits"], counts["misses"]) for kind, counts in sorted(found.kinds.items())]
            self.query_one(Grid).show(Listing(KINDS, [
                (kind, [(kind, PLAIN), (f"{hits:,}", PLAIN), (f"{misses:,}", PLAIN),
                        (f"{hits / (hits + misses):.1%}" if hits + misses else "–", PLAIN)])
                for kind, hits, misses in rows
            ]))  # fmt: skip


def figures(found: CacheStats) -> Sequence[Spans]:
    """Names and values, one a line."""
    rate = found.hit_rate
    state = UP if found.state == "closed" else DOWN
    lines = (
        ("requests", f"{found.total_requests:,}: {found.total_hits:,} hits, {found.misses:,} misses"),
        ("waited for another", f"{found.shared:,}"),
        (
            "entries",
            f"{found.total_entries:,}, {compact(float(found.size_bytes))}B, {found.avg_hits or 0:.1f} hits each",
        ),
        ("compressed", f"{found.compressed_entries:,}, {_number(found.compression_ratio)} to 1"),
        ("expired, evicted", f"{found.expired_entries:,}, {found.evicted_entries:,}"),
        ("oldest, newest", f"{_at(found.oldest_entry)}, {_at(found.newest_entry)}"),
        ("request, hit", f"{_number(found.avg_response_time, ' ms')}, {_number(found.avg_hit_time, ' ms')}"),
        ("timeouts, errors", f"{found.timeouts:,}, {found.errors:,}"),
        ("passed by", f"{found.passed_by:,}"),
    )
    words = {"closed": "in use", "open": "its server does not answer and is passed by"}
    return [
        [(f"{'backend':<20}", LABEL), (f"{found.backend}: ", PLAIN), (words.get(found.state, found.state), state)],
        gauge("hit rate", rate or 0.0, "–" if rate is None else f"{rate:.1%}", 20, UP),
        *([(f"{name:<20}", LABEL), (text, PLAIN)] for name, text in lines),
    ]


def _number(value: float | None, unit: str = "") -> str:
    return "–" if value is None or value != value else f"{value:,.2f}{unit}"


def _at(ts_ms: float) -> str:
    return clock(ts_ms) if ts_ms else "–"
