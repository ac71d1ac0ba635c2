"""The pages that compare one asset across venues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from crosstape.client import topics
from crosstape.client.topics import Topic
from crosstape.tui.grid import Grid
from crosstape.tui.link import Link
from crosstape.tui.page import Page
from crosstape.tui.rows import TableRows

SUMS = ("price_usd", "change_24h", "turnover_usd_24h", "oi_usd", "venues", "edge_10k_bps", "divergence_bps",
        "perp_spot_bps", "funding_spread_8h")  # fmt: skip
ASIDE = ("last", "bid", "ask", "change_24h", "turnover_usd_24h", "spread_bps", "funding_8h", "oi_usd", "age_ms")


class AssetsPage(Page):
    """Every asset; Enter shows its markets side by side."""

    heading = "Assets"
    keys = "s S sort · ⏎ its markets"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", show=False), Binding("S", "reverse", show=False),
    ]  # fmt: skip

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.rows = TableRows("asset", 12)
        self.rows.sort = "turnover_usd_24h"

    def body(self) -> ComposeResult:
        """The table."""
        yield Grid(id="assets")

    def on_mount(self) -> None:
        """Ready for keys."""
        self.query_one(Grid).focus()

    def topics(self) -> Mapping[str, Topic[Any]]:
        """All assets."""
        return {"rows": topics.assets(hz=2, columns=SUMS)}

    def take(self, name: str, value: Any) -> None:
        """A newer table."""
        self.rows.take(value, self.link.clock())
        self.query_one(Grid).show(self.rows)

    def action_sort(self) -> None:
        """By the next column."""
        self.rows.sort_next()
        self._again()

    def action_reverse(self) -> None:
        """The other way round."""
        self.rows.descending = not self.rows.descending
        self._again()

    def _again(self) -> None:
        if self.rows.table is not None:
            self.take("rows", self.rows.table)


class AssetPage(AssetsPage):
    """One asset's markets; Enter opens one."""

    heading = "Asset"
    keys = "s S sort · ⏎ open"

    def __init__(self, link: Link, asset: str) -> None:
        super().__init__(link)
        self.rows = TableRows()
        self.asset = asset

    def topics(self) -> Mapping[str, Topic[Any]]:
        """Its markets."""
        return {"rows": topics.asset(self.asset, hz=5, columns=ASIDE)}
