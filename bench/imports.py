"""How fast a file of a million trades becomes history, against pandas and SQLite."""

from __future__ import annotations

import gc
import random
import sqlite3
import tempfile
import time
from pathlib import Path

from bench.figures import Figure, at_least, at_most, plain
from crosstape.store.history.files import History
from crosstape.store.importing.importer import Importer
from crosstape.store.importing.plan import Told
from crosstape.store.ledger import Ledger

TITLE = (
    "A CSV of 1 000 000 trades (52 MB, in the layout of Binance futures, made here) imported: recognised, checked "
    "row by row, made unique, synced to disk as Parquet, counted in the ledger; then the same file again. Beside "
    "it, in the same run, `pandas.read_csv` and `to_sql` into SQLite: no check, no uniqueness. Wall time."
)
ROWS = 1_000_000


def run() -> list[Figure]:
    """Ours, ours again, pandas."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = _written(folder / "BTCUSDT-trades-2026-01.csv")
        ledger = Ledger.open("", folder)
        try:
            importer = Importer(ledger, History(folder / "history"), folder / "rejects")
            first, new = _timed(importer, path)
            again, none = _timed(importer, path)
        finally:
            ledger.close()
        assert (new, none) == (ROWS, 0), "an import is complete and idempotent"
        size = sum(p.stat().st_size for p in (folder / "history").rglob("*.parquet"))
        gc.collect()
        theirs, database = _pandas(path, folder / "pandas.db")
    ratio = f"{size / 1e6:.0f} MB of Parquet, {database / 1e6:.0f} MB of SQLite"
    return [
        at_most("1 000 000 rows of CSV to history", first, 20.0, "s"),
        at_least("rows a second", ROWS / first, 200_000, "rows/s"),
        plain("the same file again, nothing new", again, "s"),
        plain("pandas read_csv + to_sql, SQLite", theirs, "s", ratio),
        plain("ours takes so many times theirs", first / theirs, "×"),
    ]


def _written(path: Path) -> Path:
    chance, ts, price = random.Random(7), 1_767_225_600_000, 90_000.0
    with path.open("w") as file:
        file.write("id,price,qty,quote_qty,time,is_buyer_maker\n")
        for n in range(ROWS):
            ts += chance.randint(0, 40)
            price += chance.uniform(-1.0, 1.0)
            size = chance.randint(1, 1_000) / 1_000
            side = "true" if chance.random() < 0.5 else "false"
            file.write(f"{n + 1},{price:.2f},{size},{price * size:.4f},{ts},{side}\n")
    return path


def _timed(importer: Importer, path: Path) -> tuple[float, int]:
    began = time.perf_counter()
    outcome = importer.run(path, Told())
    return time.perf_counter() - began, outcome.new


def _pandas(path: Path, database: Path) -> tuple[float, int]:
    import pandas

    began = time.perf_counter()
    with sqlite3.connect(database) as connection:
        pandas.read_csv(path).to_sql("trades", connection, index=False, chunksize=50_000)
    connection.close()
    return time.perf_counter() - began, database.stat().st_size
