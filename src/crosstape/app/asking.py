"""SQL over what is live: the newest view's columns as tables, beside history and ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from crosstape.engine.view import Rows, View
from crosstape.model.instrument import Instrument
from crosstape.store.history.files import History
from crosstape.store.ledger import Ledger
from crosstape.store.sql.engine import Sql
from crosstape.store.sql.parts import Block, Part, whole
from crosstape.store.sql.settings import SqlSettings

if TYPE_CHECKING:
    import pyarrow as pa

NAMED = ("id", "market", "venue", "native", "symbol", "kind", "base", "quote", "asset", "tier")
LIVE = frozenset({"live", "assets", "boards"})


class Tables:
    """What a query may name, made when one names it. Called on the thread of the queries.

    live     a row an instrument that is listed: names, `quality` (flags), `ts` (ns), and every column
    assets   a row an asset
    boards   a row an entry: board, rank (from 1), id, value
    Not known is NULL. The ledger's tables are read anew for every query.
    """

    def __init__(self, newest: Callable[[], View | None], ledger: Ledger | None) -> None:
        self._newest, self._ledger = newest, ledger
        self._rows: Rows | None = None
        self._names: dict[str, Any] = {}
        self._ids: Any = None
        self._listed = np.zeros(0, np.intp)
        self._lists = self._asked = 0

    def __call__(self, said: frozenset[str]) -> dict[str, tuple[Part | Block, ...]]:
        """Those of the words said that are tables."""
        found: dict[str, tuple[Part | Block, ...]] = {}
        view = self._newest()
        if view is not None and said & LIVE:
            if "live" in said:
                found["live"] = self.live(view)
            found |= {
                name: whole(view.number, make(view))
                for name, make in (("assets", assets), ("boards", self.boards))
                if name in said
            }
        if self._ledger is not None:
            from crosstape.store.sql.ledger import SHOWN, ledger_tables

            if said & frozenset(SHOWN):
                self._asked -= 1
                tables = ledger_tables(self._ledger, said)
                found |= {name: whole(self._asked, table) for name, table in tables.items()}
        return found

    def live(self, view: View) -> tuple[Part | Block, ...]:
        """The rows that are listed: their names, their state, and the view's columns as they are."""
        import pyarrow as pa

        if view.rows is not self._rows:
            self._relist(view.rows)
        listed = self._listed
        now = {"quality": view.quality[listed], "ts": np.full(listed.size, view.ts, np.int64)}
        columns = {
            name: values for name, values in view.columns.items() if name not in self._names and name not in now
        }
        return (
            Part(self._lists, pa.table(self._names)),
            Part(view.number, pa.table(now)),
            Block(view.number, columns, listed),
        )

    def boards(self, view: View) -> pa.Table:
        """Who stands on which board."""
        import pyarrow as pa

        if view.rows is not self._rows:
            self._relist(view.rows)
        names, rankings = list(view.boards), list(view.boards.values())
        sizes = [ranking.rows.size for ranking in rankings]
        ids = self._ids.take(pa.array(_joined([ranking.rows for ranking in rankings], np.intp)))
        values = pa.array(_joined([ranking.values for ranking in rankings], np.float64), from_pandas=True)
        table = pa.table(
            {
                "board": pa.array(names, pa.string()).take(pa.array(np.repeat(np.arange(len(names)), sizes))),
                "rank": _joined([np.arange(1, size + 1) for size in sizes], np.int64), "id": ids, "value": values,
            }
        )  # fmt: skip
        return table.filter(ids.is_valid()) if ids.null_count else table

    def _relist(self, rows: Rows) -> None:
        import pyarrow as pa

        self._rows = rows
        self._lists += 1
        self._ids = pa.array([one and one.id for one in rows.instruments], pa.string())
        self._listed = np.flatnonzero(rows.alive)
        known: list[tuple[int, Instrument]] = [
            (row, one) for row in self._listed.tolist() if (one := rows.instruments[row]) is not None
        ]
        self._listed = np.array([row for row, _ in known], np.intp)
        extra = {
            "asset": [rows.assets[row] if row < len(rows.assets) else "" for row, _ in known],
            "tier": [rows.tiers[row] for row, _ in known],
        }
        for name in NAMED:
            words = extra[name] if name in extra else [str(getattr(one, name)) for _, one in known]
            self._names[name] = pa.array(words, pa.string())


def open_sql(
    history: History, newest: Callable[[], View | None], ledger: Ledger | None, settings: SqlSettings
) -> Sql:
    """Queries over the newest view, the history and the ledger; their process starts with the first one."""
    return Sql(history, Tables(newest, ledger), settings)


def assets(view: View) -> pa.Table:
    """Sums and means over all instruments of an asset."""
    import pyarrow as pa

    columns = {"asset": pa.array(view.assets.names, pa.string())}
    columns |= {name: pa.array(values, from_pandas=True) for name, values in view.assets.columns.items()}
    return pa.table(columns)


def _joined(parts: list[Any], kind: type[np.generic]) -> Any:
    return np.concatenate([np.zeros(0, kind), *parts])
