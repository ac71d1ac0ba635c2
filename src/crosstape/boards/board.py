"""A board: a column, an order, and which rows may stand on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from crosstape.metrics import Column
from crosstape.model.quality import Quality

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
Flags = NDArray[np.uint32]


class Board(msgspec.Struct, frozen=True):
    """One board. `key` turns the column into what is ranked (descending unless `ascending`).

    min_turnover_usd   rows below this 24 h turnover, or of unknown turnover, are left out; 0 lets all in
    refuse             rows with any of these quality flags never stand on it
    beside             the columns a table shows beside the ranked one
    """

    name: str
    title: str
    column: Column
    ascending: bool = False
    key: Callable[[F64], F64] | None = None
    min_turnover_usd: float = 0.0
    refuse: Quality = Quality.STALE
    beside: tuple[str, ...] = ("last", "change_24h", "turnover_usd_24h")
    top: int = 50


class Ranking(msgspec.Struct, frozen=True):
    """Rows in order, and the value of the board's column for each."""

    rows: NDArray[np.intp]
    values: F64


def rank(
    board: Board, columns: Mapping[str, F64], quality: Flags, allowed: Mask, top: int | None = None
) -> Ranking:
    """The board's rows among `allowed`, best first; rows without a value, or of a quality that it refuses, never
    stand on it."""
    values = columns[board.column.name]
    key = values if board.key is None else board.key(values)
    order = key if board.ascending else -key
    fit = allowed & ~np.isnan(order)
    if board.refuse:
        fit &= (quality & np.uint32(board.refuse)) == 0
    if board.min_turnover_usd > 0:
        fit &= columns["turnover_usd_24h"] >= board.min_turnover_usd
    rows = np.flatnonzero(fit)
    wanted = board.top if top is None else top
    if rows.size > wanted:
        # By value, ties and all: which of several equal rows argpartition would take depends on the processor.
        keys = order[rows]
        rows = rows[keys <= np.partition(keys, wanted - 1)[wanted - 1]]
    rows = rows[np.lexsort((rows, order[rows]))][:wanted]
    return Ranking(rows, values[rows])
