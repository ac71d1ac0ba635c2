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
from crosstape.store.sql.engine import Sql
from crosstape.store.sql.settings import SqlSettings

TITLE = (
    "5 000 instruments with every column. Before each query there is a new view, none of whose columns is "
    "the one before; then the same query again on the same view. Wall time from the call to the Arrow table, "
    "through the queue and the confined process. *new text*: a query never seen before, on a new view. pandas and "
    "SQLite build their table from the same arrays and answer the same question, in turns."
)
QUERIES = (
    "select id, last, cvd_5m from live where kind = 'PERP' order by cvd_5m desc limit 20",
    "select base, count(*), avg(funding_apr) from live group by base order by 2 desc limit 50",
    "select l.id, l.spread_bps, b.rank from live l join boards b using (id) where b.board = 'gainers_24h'",
    "select quote, sum(turnover_usd_24h), max(change_24h) from live group by quote",
)
ROUNDS, QUERIES_A_ROUND = 5, 500
EVERYTHING = "select * from live order by cvd_5m desc limit 20"


Took = dict[str, list[float]]


def run() -> list[Figure]:
    """The section."""
    traffic = Traffic(5_000, 1_000)
    fill(traffic.machine)
    view = _view(traffic)
    newest = [view]
    others: Took = {"pandas": [], "SQLite": []}
    with tempfile.TemporaryDirectory() as folder:
        sql = open_sql(History(Path(folder)), lambda: newest[0], None, SqlSettings())
        try:
            for query in QUERIES:
                sql.query(query)
            rounds = [_round(sql, newest, others, n) for n in range(ROUNDS)]
        finally:
            sql.close()
    return _figures(rounds, others, f"{int(view.rows.alive.sum()):,} rows, {len(view.columns)} columns")


def _round(sql: Sql, newest: list[View], others: Took, number: int) -> Took:
    took: Took = {"new view": [], "same view": [], "new text": [], "select *": []}
    for n in range(QUERIES_A_ROUND):
        newest[0] = _anew(newest[0])
        query = QUERIES[n % len(QUERIES)]
        took["new view"].append(_timed(partial(sql.query, query)))
        took["same view"].append(_timed(partial(sql.query, query)))
        newest[0] = _anew(newest[0])
        took["new text"].append(_timed(partial(sql.query, f"{query} -- {number} {n}")))
        if n % 10 == 0:
            newest[0] = _anew(newest[0])
            took["select *"].append(_timed(partial(sql.query, EVERYTHING)))
        if n % 50 == 0:
            others["pandas"].append(_timed(partial(_pandas, newest[0])))
            others["SQLite"].append(_timed(partial(_sqlite, newest[0])))
    return took


def _figures(rounds: list[Took], others: Took, size: str) -> list[Figure]:
    load = f"{os.getloadavg()[0]:.1f} processes want {os.cpu_count()} cores meanwhile"
    found = []
    for name in rounds[0]:
        p99s = sorted(percentile(took[name], 0.99) * 1e3 for took in rounds)
        p50 = min(percentile(took[name], 0.5) for took in rounds) * 1e3
        note = f"best of {ROUNDS} rounds, the worst {p99s[-1]:.1f} ms; {load}"
        figure = f"{name}, p99"
        wanted = name != "select *"
        found.append(at_most(figure, p99s[0], 10.0, "ms", note) if wanted else plain(figure, p99s[0], "ms", note))
        found.append(plain(f"{name}, p50", p50, "ms", f"{size}, {len(rounds[0][name]):,} queries a round"))
    median = min(percentile(took["new view"], 0.5) for took in rounds)
    for name, times in others.items():
        other = percentile(times, 0.5)
        found.append(plain(f"{name}, p50", other * 1e3, "ms", f"crosstape {other / median:.1f} ×"))
    return found


def _anew(view: View) -> View:
    """The next tick's: every column in memory of its own, as after a tick of a busy second."""
    columns = {name: values.copy() for name, values in view.columns.items()}
    return msgspec.structs.replace(view, number=view.number + 1, columns=columns)


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
