"""Topics that are tables: markets, one market, boards, assets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from crosstape.api.codec import DELTA, GONE, SNAPSHOT, Head, Schema, encode
from crosstape.api.message import Message, said
from crosstape.api.tables import flag_names
from crosstape.api.topic import Grouped
from crosstape.boards.board import Board, rank
from crosstape.engine.view import View

F64 = NDArray[np.float64]
U32 = NDArray[np.uint32]


class Shown(msgspec.Struct, frozen=True):
    """The table as of one view: `rows` in order; columns and quality over all positions."""

    rows: NDArray[np.intp]
    columns: Sequence[F64]
    quality: U32
    names: Sequence[str]


Select = Callable[[View], Shown]
Fit = Callable[[View], NDArray[np.bool_]]


class TableTopic:
    """Remembers what clients have been told; a delta is what differs from it."""

    events = False
    books: tuple[int, ...] = ()

    def __init__(self, select: Select, schema: Schema, n: int, binary: bool) -> None:
        self._select, self.schema, self.n, self._binary = select, schema, n, binary
        self._types = [np.float32 if binary and c.type == "f32" else np.float64 for c in schema.columns]
        self._ranks: U32 = np.zeros(0, np.uint32)
        self._quality: U32 = np.zeros(0, np.uint32)
        self._values: list[NDArray[Any]] = [np.zeros(0, kind) for kind in self._types]
        self._names: dict[int, str] = {}
        self._all: Sequence[str] = ()
        self._changed: NDArray[np.intp] = np.zeros(0, np.intp)
        self._entered: dict[int, str] = {}

    def step(self, view: View, due: bool, grouped: Grouped) -> int:
        """Find the rows whose rank, quality or values differ from what was told."""
        if not due:
            return 0
        shown = self._select(view)
        self._fit(shown.quality.size)
        self._renamed(shown)
        rows = shown.rows
        ranks = np.full(self._ranks.size, GONE, np.uint32)
        ranks[rows] = np.arange(rows.size, dtype=np.uint32)
        changed = ranks != self._ranks
        differs = shown.quality[rows] != self._quality[rows]
        fresh = []
        for told, values, kind in zip(self._values, shown.columns, self._types, strict=True):
            with np.errstate(over="ignore"):
                new, old = values[rows].astype(kind, copy=False), told[rows]
            differs |= (new != old) & ~(np.isnan(new) & np.isnan(old))
            fresh.append(new)
        changed[rows] |= differs
        entered = rows[self._ranks[rows] == GONE]
        for told, new in zip(self._values, fresh, strict=True):
            told[rows] = new
        self._quality[rows] = shown.quality[rows]
        left = np.flatnonzero(changed & (ranks == GONE))
        self._changed = np.concatenate([rows[changed[rows]], left])
        self._ranks = ranks
        self._entered = {row: shown.names[row] for row in entered.tolist()}
        self._names.update(self._entered)
        for row in left.tolist():
            self._names.pop(row, None)
        return int(self._changed.size)

    def delta(self, head: Head) -> tuple[Message, ...]:
        """Changed rows only."""
        return self._messages(DELTA, head, self._changed, self._entered)

    def snapshot(self, head: Head) -> tuple[Message, ...] | None:
        """All rows, in order."""
        present = np.flatnonzero(self._ranks != GONE)
        return self._messages(SNAPSHOT, head, present[np.argsort(self._ranks[present])], self._names)

    def _messages(
        self, kind: int, head: Head, rows: NDArray[np.intp], names: dict[int, str]
    ) -> tuple[Message, ...]:
        ranks, quality = self._ranks[rows], self._quality[rows]
        word = "snapshot" if kind == SNAPSHOT else "delta"
        said_names = {str(row): name for row, name in names.items()}
        start = {"kind": word, "topic": head.topic, "seq": head.seq, "ts_ms": head.ts_ms}
        if self._binary:
            columns = [np.where(ranks == GONE, np.nan, told[rows]) for told in self._values]
            frame = encode(kind, head, self.schema, rows.astype(np.uint32), ranks, quality, columns)
            binary = Message(frame, False)
            return (said(start | {"kind": "names", "names": said_names}), binary) if said_names else (binary,)
        kept = ranks != GONE
        here = rows[kept]
        lists = [told[here].tolist() for told in self._values]
        flags = [flag_names(q) for q in quality[kept].tolist()]
        table = list(zip(here.tolist(), ranks[kept].tolist(), flags, *lists, strict=True))
        return (said(start | {"rows": table, "removed": rows[~kept].tolist(), "names": said_names}),)

    def _fit(self, size: int) -> None:
        had = self._ranks.size
        if size <= had:
            return
        self._ranks = np.concatenate([self._ranks, np.full(size - had, GONE, np.uint32)])
        self._quality = np.concatenate([self._quality, np.zeros(size - had, np.uint32)])
        self._values = [np.concatenate([v, np.full(size - had, np.nan, v.dtype)]) for v in self._values]

    def _renamed(self, shown: Shown) -> None:
        """A position that belongs to another now counts as new."""
        if shown.names is self._all:
            return
        self._all = shown.names
        for row, name in list(self._names.items()):
            if row < len(shown.names) and shown.names[row] != name:
                self._ranks[row] = GONE


def market_rows(n: int, fit: Fit) -> Callable[[View], NDArray[np.intp]]:
    """All that fit, or the n of the greatest turnover among them."""

    def pick(view: View) -> NDArray[np.intp]:
        rows = np.flatnonzero(fit(view))
        if not n or rows.size <= n:
            return rows
        turnover = np.nan_to_num(view.columns["turnover_usd_24h"][rows], nan=-1.0)
        return rows[np.lexsort((rows, -turnover))[:n]]

    return pick


def board_rows(board: Board, n: int, fit: Fit | None = None) -> Callable[[View], NDArray[np.intp]]:
    """The board's rows, best first; with a filter, ranked anew among those that fit."""

    def pick(view: View) -> NDArray[np.intp]:
        ranking = view.boards.get(board.name)
        if ranking is not None and n <= board.top and fit is None:
            return ranking.rows[:n]
        return rank(board, view.columns, view.quality, view.rows.alive if fit is None else fit(view), n).rows

    return pick


def asset_rows(name: str) -> Callable[[View], NDArray[np.intp]]:
    """The asset's instruments."""

    def pick(view: View) -> NDArray[np.intp]:
        try:
            code = view.assets.names.index(name)
        except ValueError:
            return np.zeros(0, np.intp)
        codes = view.assets.code
        return np.flatnonzero(view.rows.alive[: codes.size] & (codes == code))

    return pick


def one_row(instrument: str) -> Callable[[View], NDArray[np.intp]]:
    """One instrument while it is listed."""

    def pick(view: View) -> NDArray[np.intp]:
        row = view.rows.index.get(instrument)
        return np.array([] if row is None else [row], np.intp)

    return pick
