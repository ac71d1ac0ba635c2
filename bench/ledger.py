"""Own executions: how fast they go into the ledger and come out, and what their profit and loss costs."""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from bench.figures import Figure, at_least, median, plain
from crosstape.model.event import Side
from crosstape.model.execution import Execution
from crosstape.quant.pnl import Method, settle
from crosstape.quant.report import Wanted, stats
from crosstape.store.backup import backup
from crosstape.store.ledger import Ledger

TITLE = (
    "100 000 executions (random prices, sizes and fees, as Decimal) of one instrument, SQLite on this disk, "
    "medians of 3 rounds in which the sides take turns. pandas: the same rows as floats in a DataFrame, `to_sql` "
    "into SQLite in batches of 20 000, without a key, so that it would keep a repeated row twice."
)
ROWS, ROUNDS = 100_000, 3


def run() -> list[Figure]:
    """Insert, insert again, read, back up; then the figures of them."""
    rows = _rows()
    speeds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            for name, seconds in _round(Path(folder), rows).items():
                speeds.setdefault(name, []).append(ROWS / seconds)
    found = {name: median(values) for name, values in speeds.items()}
    note = f"{found['put'] / found['pandas']:.2f}× pandas"
    figures = [
        at_least("executions kept, exact and only once", found["put"], 50_000, "/s", note),
        plain("the same again, nothing is added", found["again"], "/s", digits=0),
        plain("pandas to_sql", found["pandas"], "/s", digits=0),
        plain("executions read, exact", found["read"], "/s", digits=0),
        plain("backed up, portable", found["backup"], "/s", digits=0),
    ]
    for method in Method:
        took = _timed(partial(settle, rows, method))
        figures.append(plain(f"profit and loss, {method}, exact", ROWS / took, "/s", digits=0))
    whole = _timed(lambda: stats(rows, Wanted(), lambda _: 1.0))
    return [*figures, plain("the whole of GET /api/v1/stats", whole, "s", f"{ROWS:,} executions")]


def _rows() -> list[Execution]:
    chance = random.Random(7)

    def one(n: int) -> Execution:
        price, size = (
            Decimal(chance.randrange(5_000_000, 7_000_000)) / 100,
            Decimal(chance.randrange(1, 10**5)) / 1000,
        )
        ts, fee = 1_790_000_000_000_000_000 + n * 1_000_000_000, Decimal(chance.randrange(-(10**8), 10**9)) / 10**8
        side = chance.choice(list(Side))
        return Execution(ts, "bybit-linear:BTCUSDT", side, price, size, str(n), fee=fee, fee_asset="USDT")

    return [one(n) for n in range(ROWS)]


def _round(folder: Path, rows: list[Execution]) -> dict[str, float]:
    ledger = Ledger.open("", folder)
    stream = ledger.streams.add("fills", "file", "executions").id
    took = {
        "put": _timed(lambda: ledger.executions.put(stream, rows)),
        "again": _timed(lambda: ledger.executions.put(stream, rows)),
        "read": _timed(lambda: ledger.executions.every(stream)),
        "backup": _timed(lambda: backup(f"sqlite:///{folder}/ledger.db", folder / "ledger.jsonl.zst")),
        "pandas": _pandas(folder / "pandas.db", rows),
    }
    kept = ledger.executions.count(stream)
    ledger.close()
    assert kept == ROWS
    return took


def _pandas(path: Path, rows: list[Execution]) -> float:
    import pandas

    table = pandas.DataFrame([
        {"ts": row.ts, "instrument": row.instrument, "side": int(row.side), "price": float(row.price),
         "size": float(row.size), "trade_id": row.trade_id, "order_id": row.order_id, "account": row.account,
         "fee": float(row.fee), "fee_asset": row.fee_asset, "fee_rate": float(row.fee_rate),
         "liquidity": str(row.liquidity), "kind": str(row.kind), "inverse": row.inverse,
         "multiplier": float(row.multiplier)}
        for row in rows
    ])  # fmt: skip
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    try:
        return _timed(lambda: table.to_sql("executions", connection, index=False, chunksize=20_000))
    finally:
        connection.close()


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
