"""The history: rows a second into Parquet, what recording costs the engine, and scans of 50 million trades."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.figures import Figure, at_least, at_most, plain
from bench.traffic import Traffic, fill
from crosstape.app.recording import Recording
from crosstape.engine.view import View
from crosstape.model.event import Side, Trade
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.store.history import parts
from crosstape.store.history.files import DAY_NS, History, day_of
from crosstape.store.history.gathering import Moment
from crosstape.store.history.recorder import Recorder
from crosstape.store.history.schemas import schema
from crosstape.store.history.settings import HistorySettings
from crosstape.store.sql.engine import Sql
from crosstape.store.sql.settings import SqlSettings

TITLE = (
    "Ingest: 1 000 000 trades of 1 000 instruments on two markets through the recorder's queue into "
    "Parquet on the disk, with their one-second candles. Recorder: the traffic of `tick` (5 000 "
    "instruments, 10 000 book messages and 5 000 trades a second); all CPU of the process beside the "
    "engine's, against the engine's. Scans: 50 000 000 generated trades, 5 days, 200 instruments. The "
    "machine has other work: CPU time beside wall time."
)
START = 1_767_225_600_000_000_000
TRADES, AT_ONCE, PLAIN_ROWS = 1_000_000, 2_000, 200_000
DAYS, PER_DAY, PER_PART, IDS = 5, 10_000_000, 2_500_000, 200
TICKS, ROUNDS = 300, 3
SIDES = (Side.SELL, Side.BUY)


def run() -> list[Figure]:
    """The section."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        figures += _ingest(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        figures += _recorder(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        figures += _scan(Path(folder))
    return figures


def _moments(listed: tuple[Instrument, ...]) -> Iterator[Moment]:
    rng = np.random.default_rng(1)
    for n in range(TRADES // AT_ONCE):
        ts = START + n * 100_000_000
        rows, price = rng.integers(0, len(listed), AT_ONCE).tolist(), rng.random(AT_ONCE).tolist()
        events = [
            (row, Trade(listed[row].native, ts + i, 100 + p, 1 + p, SIDES[p > 0.5], f"{n * AT_ONCE + i}"))
            for i, (row, p) in enumerate(zip(rows, price, strict=True))
        ]  # fmt: skip
        yield Moment(ts, listed, tuple(events))


def _ingest(folder: Path) -> list[Figure]:
    listed = tuple(
        Instrument("okx-swap" if i % 2 else "bybit-linear", f"S{i}", InstrumentKind.PERP, f"S{i}", "USDT", "USDT")
        for i in range(1_000)
    )
    moments = list(_moments(listed))
    rows = [(e.ts_event, listed[r].id, e.price, e.size, int(e.taker), e.id) for m in moments for r, e in m.events]  # type: ignore[union-attr]
    recorder = Recorder(History(folder / "history"), HistorySettings())
    recorder.take(moments[0], wait=True)
    wall, cpu = time.perf_counter(), time.process_time()
    for moment in moments[1:]:
        recorder.take(moment, wait=True)
    recorder.close()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert recorder.lost == 0
    own, kept = TRADES / wall, recorder.history.read("trades").num_rows
    sql, pandas = _sqlite(folder / "ticks.db", rows[:PLAIN_ROWS]), _pandas(folder / "pandas.db", rows[:PLAIN_ROWS])
    return [
        at_least("ingest, CPU time", TRADES / cpu, 200_000, "trades/s", "all threads together"),
        plain("ingest, wall time", own, "trades/s", f"{kept:,} rows on the disk", 0),
        plain("SQLite executemany, the same rows", sql, "rows/s", f"crosstape {own / sql:.1f} ×", 0),
        plain("pandas to_sql, the same rows", pandas, "rows/s", f"crosstape {own / pandas:.1f} ×", 0),
    ]  # fmt: skip


def _sqlite(path: Path, rows: Sequence[tuple[object, ...]]) -> float:
    began = time.perf_counter()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE trades (ts INTEGER, id TEXT, price REAL, size REAL, side INTEGER, trade_id TEXT, "
            "PRIMARY KEY (id, trade_id))"
        )
        connection.executemany("INSERT OR IGNORE INTO trades VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    return len(rows) / (time.perf_counter() - began)


def _pandas(path: Path, rows: Sequence[tuple[object, ...]]) -> float:
    import pandas

    frame = pandas.DataFrame(rows, columns=["ts", "id", "price", "size", "side", "trade_id"])
    began = time.perf_counter()
    with sqlite3.connect(path) as connection:
        frame.to_sql("trades", connection, index=False, chunksize=10_000)
    connection.close()
    return len(rows) / (time.perf_counter() - began)


def _recorder(folder: Path) -> list[Figure]:
    shares, loops, engines = [], [], []
    for n in range(ROUNDS):
        traffic = Traffic(5_000, 1_000)
        fill(traffic.machine)
        recording = Recording(folder / f"{n}", HistorySettings())
        # The libraries are loaded, which is paid once.
        recording.take(_tick(traffic, 0))
        whole, engine, loop = time.process_time(), 0.0, 0.0
        for tick in range(TICKS):
            began = time.thread_time()
            view = _tick(traffic, tick)
            taken = time.thread_time()
            recording.take(view)
            engine, loop = engine + taken - began, loop + time.thread_time() - taken
        recording.close()
        whole = time.process_time() - whole
        shares.append((whole - engine) / engine * 100)
        loops.append(loop / TICKS * 1e3)
        engines.append(engine / (TICKS / 10) * 100)
    best = min(range(ROUNDS), key=shares.__getitem__)
    note = f"the engine takes {engines[best]:.1f} % of a core; best of {ROUNDS}"
    return [
        at_most("recorder, share of the engine's CPU", shares[best], 5.0, "%", note),
        plain("what the loop itself spends on it", min(loops), "ms a tick", digits=4),
    ]


def _tick(traffic: Traffic, n: int) -> View:
    trades = traffic.hot[n % 2 :: 2]
    for frame in traffic.tenth(n, traffic.hot, trades):
        traffic.machine.step(frame)
    frame = traffic.tick()
    *_, view = traffic.machine.tick(frame)
    traffic.machine.take_effects()
    assert view is not None
    return view


def _scan(folder: Path) -> list[Figure]:
    history = History(folder)
    began = time.perf_counter()
    for number in range(DAYS):
        where = parts.day_folder(folder, "trades", "bench", day_of(START + number * DAY_NS))
        for part in range(PER_DAY // PER_PART):
            parts.write(where, part, part, _part(number, part))
    wrote = time.perf_counter() - began
    size = sum(path.stat().st_size for path in history.paths("trades"))
    sql = Sql(history, lambda said: {}, SqlSettings(seconds=60.0))
    day = day_of(START + 2 * DAY_NS)
    head = "select count(*), sum(price * size) from trades where id = 'bench:S77' and "
    one = f"{head} market = 'bench' and day = '{day}'"
    other = f"{head} ts >= {START + 2 * DAY_NS} and ts < {START + 3 * DAY_NS}"
    try:
        sql.query("select 1")
        took, rows = _timed(sql, one)
        loose, _ = _timed(sql, other)
        whole, _ = _timed(sql, "select id, sum(price * size) from trades group by id", times=1)
    finally:
        sql.close()
    note = f"{rows:,} rows of {DAYS * PER_DAY:,} in {size / 1e9:.2f} GB; median of 5"
    return [
        at_most("one symbol-day by market, day and id", took, 1.0, "s", note, 3),
        at_most("one symbol-day by id and time alone", loose, 1.0, "s", "median of 5", 3),
        plain("turnover of every instrument over all 50 000 000", whole, "s", "one thread, 512 MB"),
        plain("writing them", DAYS * PER_DAY / wrote, "rows/s", "sorted already, no deduplication", 0),
    ]  # fmt: skip


def _timed(sql: Sql, query: str, times: int = 5) -> tuple[float, int]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        table = sql.query(query).table
        took.append(time.perf_counter() - began)
    return sorted(took)[times // 2], table[0][0].as_py() if table.num_rows == 1 else 0


def _part(day: int, part: int) -> pa.Table:
    rng = np.random.default_rng(day * 100 + part)
    n = PER_PART
    codes = np.sort(rng.integers(0, IDS, n)).astype(np.int32)
    span = DAY_NS // (PER_DAY // PER_PART)
    ts = START + day * DAY_NS + part * span + np.arange(n) % (n // IDS) * (span // (n // IDS))

    def word(numbers: np.ndarray, words: list[str]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32)), pa.array(words))

    columns = {
        "ts": ts, "id": word(codes, [f"bench:S{i}" for i in range(IDS)]),
        "price": np.round(100 + rng.random(n), 2),
        "size": np.round(rng.random(n) * 10, 3), "side": word(rng.integers(0, 2, n), ["buy", "sell"]),
        "trade_id": pa.array(np.arange(n) + (day * 10 + part) * n).cast(pa.string()), "block": np.zeros(n, bool),
        "origin": word(np.zeros(n), ["live"]),
    }  # fmt: skip
    wanted = schema("trades")
    return pa.Table.from_arrays([pa.array(columns[name]) for name in wanted.names], schema=wanted)
