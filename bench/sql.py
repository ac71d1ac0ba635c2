"""SQL over 5 000 live rows: how long a query takes, a new view before each."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from bench.figures import Figure, at_most, percentile, plain
from bench.traffic import Traffic, fill
from crosstape.app.asking import open_sql
from crosstape.engine.view import View
from crosstape.store.history.files import History
from crosstape.store.sql.settings import SqlSettings

TITLE = (
    "5 000 instruments with every column. Before each query there is a new view, so that all of `live` goes over "
    "again. Wall time from the call to the Arrow table, through the queue and the confined process. pandas and "
    "SQLite build their table from the same arrays and answer the same question, in turns."
)
QUERIES = (
    "select id, last, cvd_5m from live where kind = 'PERP' order by cvd_5m desc limit 20",
    "select base, count(*), avg(funding_apr) from live group by base order by 2 desc limit 50",
    "select l.id, l.spread_bps, b.rank from live l join boards b using (id) where b.board = 'gainers_24h'",
    "select quote, sum(turnover_usd_24h), max(change_24h) from live group by quote",
)
ROUNDS = 300


def run() -> list[Figure]:
    """The section."""
    traffic = Traffic(5_000, 1_000)
    fill(traffic.machine)
    view = _view(traffic)
    newest = [view]
    with tempfile.TemporaryDirectory() as folder:
        sql = open_sql(History(Path(folder)), lambda: newest[0], None, SqlSettings())
        try:
            for query in QUERIES:
                sql.query(query)
            took: list[float] = []
            same: list[float] = []
            others: dict[str, list[float]] = {"pandas": [], "SQLite": []}
            for n in range(ROUNDS):
                newest[0] = msgspec.structs.replace(view, number=view.number + n + 1)
                query = QUERIES[n % len(QUERIES)]
                took.append(_timed(partial(sql.query, query)))
                same.append(_timed(partial(sql.query, query)))
                if n % 10 == 0:
                    others["pandas"].append(_timed(partial(_pandas, view)))
                    others["SQLite"].append(_timed(partial(_sqlite, view)))
        finally:
            sql.close()
    rows = int(view.rows.alive.sum())
    median = percentile(took, 0.5)
    load = f"{os.getloadavg()[0]:.1f} processes want {os.cpu_count()} cores meanwhile"
    found = [
        at_most("new view, p99", percentile(took, 0.99) * 1e3, 10.0, "ms", load),
        plain("new view, p50", median * 1e3, "ms", f"{rows:,} rows, {len(view.columns)} columns"),
        at_most("same view, p99", percentile(same, 0.99) * 1e3, 10.0, "ms"),
        plain("same view, p50", percentile(same, 0.5) * 1e3, "ms"),
    ]
    for name, times in others.items():
        other = percentile(times, 0.5)
        found.append(plain(f"{name}, p50", other * 1e3, "ms", f"crosstape {other / median:.1f} ×"))
    return found


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _view(traffic: Traffic) -> View:
    view = None
    for n in range(12):
        for frame in traffic.tenth(n, traffic.hot, traffic.hot[n % 2 :: 2]):
            traffic.machine.step(frame)
        *_, view = traffic.machine.tick(traffic.tick())
    assert view is not None
    return view


def _pandas(view: View) -> object:
    import pandas

    frame = pandas.DataFrame(dict(view.columns), copy=False)
    return frame.sort_values("cvd_5m", ascending=False)[["last", "cvd_5m"]].head(20)


def _sqlite(view: View) -> object:
    names = ("last", "cvd_5m", "funding_apr", "spread_bps", "turnover_usd_24h", "change_24h")
    columns = [np.asarray(view.columns[name]).tolist() for name in names]
    with sqlite3.connect(":memory:") as connection:
        connection.execute(f"CREATE TABLE live ({', '.join(names)})")
        connection.executemany(
            f"INSERT INTO live VALUES ({', '.join('?' * len(names))})", zip(*columns, strict=True)
        )
        found = connection.execute("SELECT last, cvd_5m FROM live ORDER BY cvd_5m DESC LIMIT 20").fetchall()
    connection.close()
    return found
