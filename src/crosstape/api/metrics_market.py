"""Prometheus families about the market itself: breadth, turnover, the top of a few boards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from prometheus_client.core import Metric

from crosstape.api.context import Context
from crosstape.api.families import Sample, gauge
from crosstape.engine.view import View

# Their top rows are published: movers, spikes, edges. Labels change with the ranks, so only a few rows.
BOARDS: Final = (
    "gainers_5m", "losers_5m", "gainers_24h", "losers_24h", "volume_surge", "turnover_5m", "liquidations_1h",
    "cross_edge", "divergence", "funding_spread",
)  # fmt: skip
TOP: Final = 5


def families(context: Context) -> Iterator[Metric]:
    """All of them."""
    view = context.hub.view
    yield gauge("instruments", "Instruments listed, by market.", ("market",), _listed(view))
    yield gauge("turnover_usd", "Turnover of 24 h in dollars, by market.", ("market",), _turnover(view))
    yield gauge("breadth", "Instruments whose 24 h change is up, down or flat.", ("direction",), _breadth(view))
    yield gauge("board_value", "The top of a board; the unit is the board's column's.",
                ("board", "rank", "instrument"), _boards(view))  # fmt: skip


def _listed(view: View | None) -> list[Sample]:
    counts: dict[str, int] = {}
    for row, instrument in enumerate(view.rows.instruments if view is not None else ()):
        if instrument is not None and view is not None and view.rows.alive[row]:
            counts[instrument.market] = counts.get(instrument.market, 0) + 1
    return [((market,), n) for market, n in counts.items()]


def _turnover(view: View | None) -> list[Sample]:
    sums: dict[str, float] = {}
    if view is not None:
        turnover = view.columns["turnover_usd_24h"]
        for row, instrument in enumerate(view.rows.instruments):
            if instrument is not None and view.rows.alive[row] and not np.isnan(turnover[row]):
                sums[instrument.market] = sums.get(instrument.market, 0.0) + float(turnover[row])
    return [((market,), total) for market, total in sums.items()]


def _breadth(view: View | None) -> list[Sample]:
    if view is None:
        return []
    change = view.columns["change_24h"][view.rows.alive]
    counts = {"up": change > 0, "down": change < 0, "flat": change == 0}
    return [((direction,), float(np.count_nonzero(rows))) for direction, rows in counts.items()]


def _boards(view: View | None) -> list[Sample]:
    found: list[Sample] = []
    for board in BOARDS if view is not None else ():
        assert view is not None, "the loop is empty without a view"
        ranking = view.boards[board]
        for rank, (row, value) in enumerate(
            zip(ranking.rows[:TOP].tolist(), ranking.values[:TOP].tolist(), strict=True)
        ):
            instrument = view.rows.instruments[row]
            if instrument is not None:
                found.append(((board, str(rank + 1), instrument.id), float(value)))
    return found
