"""History: what was appended is read back once, by any engine, whatever was cut off on the way."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstape.model.errors import ConfigError, StoreError
from crosstape.store.history import parts
from crosstape.store.history.files import DAY_NS, History
from crosstape.store.history.schemas import KINDS, fitted, schema

START = 1_700_000_000_000_000_000


def trades(*rows: tuple[int, str, float, str]) -> pa.Table:
    """(ts after START, symbol, price, trade id)"""
    return pa.table(
        {
            "ts": pa.array([START + ts for ts, *_ in rows], pa.int64()),
            "id": [f"m:{symbol}" for _, symbol, _, _ in rows],
            "price": pa.array([price for *_, price, _ in rows], pa.float64()),
            "size": pa.array([1.0] * len(rows)),
            "side": ["buy"] * len(rows),
            "trade_id": pa.array([id for *_, id in rows], pa.string()),
        }
    )


def seen(history: History) -> list[tuple[int, str, float, str]]:
    rows = history.read("trades").to_pylist()
    return [(r["ts"] - START, r["id"].removeprefix("m:"), r["price"], r["trade_id"]) for r in rows]


def test_rows_come_back_by_id_and_time_with_what_they_lacked_filled(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert history.append("trades", "m", trades((5, "B", 2.0, "b"), (9, "A", 1.0, "y"), (3, "A", 1.5, "x"))) == 3
    assert seen(history) == [(3, "A", 1.5, "x"), (9, "A", 1.0, "y"), (5, "B", 2.0, "b")]
    read = history.read("trades")
    assert read.schema == schema("trades")
    assert set(read["origin"].to_pylist()) == {"import"}
    assert set(read["block"].to_pylist()) == {False}
    assert history.read("trades", ids=["m:B"], columns=["price"]).to_pydict() == {"price": [2.0]}
    assert history.read("trades", since=START + 4, until=START + 9)["price"].to_pylist() == [2.0]
    assert history.read("trades", market="other").num_rows == 0
    assert history.markets("trades") == ["m"]


def test_a_day_is_a_folder(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.append(
        "trades", "m:/..", trades((0, "A", 1.0, "a"), (DAY_NS, "A", 1.0, "b"), (3 * DAY_NS, "A", 1.0, "c"))
    )
    folders = [path.parent.relative_to(tmp_path) for path in history.paths("trades")]
    days = ["2023-11-14", "2023-11-15", "2023-11-17"]
    assert [str(f) for f in folders] == [f"trades/market=m%3A%2F../day={day}" for day in days]
    assert history.markets("trades") == ["m:/.."]
    assert [p.parent.name for p in history.paths("trades", until=START + DAY_NS)] == [
        "day=2023-11-14",
        "day=2023-11-15",
    ]


ROW = st.tuples(
    st.integers(0, 5),
    st.sampled_from(["A", "B"]),
    st.sampled_from([1.0, 2.0]),
    st.sampled_from(["", "", "1", "2", "3"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(ROW, max_size=12), max_size=5))
def test_appending_twice_adds_nothing(tmp_path_factory: pytest.TempPathFactory, batches: list[list]) -> None:
    history = History(tmp_path_factory.mktemp("h"))
    ids: set[tuple[str, str]] = set()
    plain: dict[tuple, int] = {}
    for batch in [*batches, *batches]:
        history.append("trades", "m", trades(*batch))
        ids |= {(symbol, id) for _, symbol, _, id in batch if id}
        for row in set(batch):
            if not row[3]:
                plain[row] = max(plain.get(row, 0), batch.count(row))
    found = seen(history)
    assert sorted((row[1], row[3]) for row in found if row[3]) == sorted(ids)
    assert {row: found.count(row) for row in found if not row[3]} == plain


def test_any_engine_reads_it(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.append("trades", "m", trades((1, "A", 1.0, "a"), (2, "B", 2.0, "b")))
    history.append("trades", "n", trades((3, "A", 4.0, "c")))
    where = f"{tmp_path}/trades/*/*/*.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select market, sum(price) from read_parquet('{where}') group by 1 order by 1"
        ).fetchall()
    assert rows == [("m", 3.0), ("n", 4.0)]
    assert pl.scan_parquet(where).select(pl.col("price").sum()).collect().item() == 7.0


def test_processes_and_threads_may_append_at_once(tmp_path: Path) -> None:
    def work(n: int) -> int:
        history = History(tmp_path)
        return sum(history.append("trades", "m", trades((i, "A", 1.0, f"{i}"))) for i in range(n, n + 10))

    with ThreadPoolExecutor(4) as pool:
        added = sum(pool.map(work, [0, 5, 10, 15]))
    assert added == 25
    assert [row[0] for row in seen(History(tmp_path))] == list(range(25))


def test_what_a_kill_left_is_swept(tmp_path: Path) -> None:
    history = History(tmp_path)
    for i in range(3):
        history.append("trades", "m", trades((i, "A", 1.0, f"{i}")))
    folder = history.paths("trades")[0].parent
    # A merge that was killed before it removed what it had merged, and a write that was killed half-way.
    parts.write(folder, 0, 1, fitted("trades", trades((0, "A", 1.0, "0"), (1, "A", 1.0, "1"))))
    (folder / "00000003-00000003.begun").write_bytes(b"PAR1")
    assert [row[0] for row in seen(history)] == [0, 1, 2]
    assert parts.swept(folder) == 3
    assert sorted(p.name for p in folder.iterdir()) == ["00000000-00000001.parquet", "00000002-00000002.parquet"]
    assert [row[0] for row in seen(history)] == [0, 1, 2]
    history.append("trades", "m", trades((3, "A", 1.0, "3")))
    assert [row[0] for row in seen(history)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("kind", "table", "said"),
    [
        ("trade", trades(), "'trade' is no kind; allowed: trades, quotes"),
        ("trades", trades((0, "A", 1.0, "")).drop_columns(["price"]), "column price is missing"),
        ("trades", trades((0, "A", 1.0, "")).append_column("x", [[1.0]]), "column x is unknown; allowed: ts, id"),
        ("quotes", pa.table({"ts": ["soon"], "id": ["m:A"]}), "column ts is no int64"),
        ("quotes", pa.table({"ts": [1], "id": pa.array([None], pa.string())}), "column id has 1 empty values"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, kind: str, table: pa.Table, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("(", "\\(")):
        History(tmp_path).append(kind, "m", table)


@pytest.mark.parametrize("market", ["", ".", "..", ".hidden"])
def test_a_market_is_no_way_out_of_the_folder(tmp_path: Path, market: str) -> None:
    with pytest.raises(ConfigError, match="is no market"):
        History(tmp_path / "h").append("trades", market, trades((0, "A", 1.0, "")))


def test_a_damaged_file_says_which(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.append("trades", "m", trades((0, "A", 1.0, "a")))
    path = history.paths("trades")[0]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match="cannot read"):
        History(tmp_path).read("trades")
    with pytest.raises(StoreError, match=path.name):
        History(tmp_path).append("trades", "m", trades((0, "A", 1.0, "b")))


def test_not_known_is_null_in_the_file_and_nan_when_read(tmp_path: Path) -> None:
    history = History(tmp_path)
    lacks = pa.table({"ts": [START], "id": ["m:A"], "side": ["buy"], "price": [2.0], "size": [float("nan")]})
    assert history.append("liquidations", "m", lacks) == 1
    assert history.append("liquidations", "m", lacks) == 0
    assert math.isnan(history.read("liquidations")["size"][0].as_py())
    assert pl.read_parquet(history.paths("liquidations"))["size"].to_list() == [None]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_takes_its_own_schema(tmp_path: Path, kind: str) -> None:
    history = History(tmp_path)
    lacks = pa.table(
        {"ts": [START], "id": ["m:A"], **({"price": [1.0]} if "price" in KINDS[kind].columns else {})}
    )
    assert history.append(kind, "m", lacks) == 1
    assert history.append(kind, "m", history.read(kind)) == 0


def test_columns_of_metrics_may_change(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.append("metrics", "m", pa.table({"ts": [START], "id": ["m:A"], "cvd_5m": [1.0]}))
    history.append("metrics", "m", pa.table({"ts": [START + 1], "id": ["m:A"], "cvd_5m": [2.0], "oi": [3.0]}))
    read = history.read("metrics")
    assert read["cvd_5m"].to_pylist() == [1.0, 2.0]
    assert math.isnan(read["oi"][0].as_py())
    assert read["oi"][1].as_py() == 3.0
