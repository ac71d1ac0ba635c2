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
        self._listed = np.zeros(0, np.intp)
        self._asked = 0

    def __call__(self, said: frozenset[str]) -> dict[str, tuple[int, pa.Table]]:
        """Those of the words said that are tables, each with a version."""
        found: dict[str, tuple[int, pa.Table]] = {}
        view = self._newest()
        if view is not None and said & LIVE:
            makers = {"live": self.live, "assets": assets, "boards": boards}
            found = {name: (view.number, make(view)) for name, make in makers.items() if name in said}
        if self._ledger is not None:
            from crosstape.store.sql.ledger import SHOWN, ledger_tables

            if said & frozenset(SHOWN):
                self._asked -= 1
                tables = ledger_tables(self._ledger, said)
                found |= {name: (self._asked, table) for name, table in tables.items()}
        return found

    def live(self, view: View) -> pa.Table:
        """The rows that are listed; the columns' memory is the view's own where all rows are."""
        import pyarrow as pa

        if view.rows is not self._rows:
            self._relist(view.rows)
        listed, n = self._listed, self._listed.size
        everything = n == view.rows.alive.size

        def column(values: np.ndarray[Any, Any]) -> Any:
            return pa.array(values if everything else values[listed], from_pandas=True)

        columns = dict(self._names)
        columns["quality"] = column(view.quality)
        columns["ts"] = pa.array(np.full(n, view.ts, np.int64))
        for name, values in view.columns.items():
            if name not in columns:
                columns[name] = column(values)
        return pa.table(columns)

    def _relist(self, rows: Rows) -> None:
        import pyarrow as pa

        self._rows = rows
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


def boards(view: View) -> pa.Table:
    """Who stands on which board."""
    import pyarrow as pa

    names, ranks, ids, values = list[str](), list[int](), list[str](), list[float]()
    for name, ranking in view.boards.items():
        for rank, row in enumerate(ranking.rows.tolist(), 1):
            instrument = view.rows.instruments[row]
            if instrument is not None:
                names.append(name)
                ranks.append(rank)
                ids.append(instrument.id)
                values.append(float(ranking.values[rank - 1]))
    return pa.table(
        {
            "board": pa.array(names, pa.string()), "rank": pa.array(ranks, pa.int64()),
            "id": pa.array(ids, pa.string()), "value": pa.array(values, pa.float64(), from_pandas=True),
        }
    )  # fmt: skip
