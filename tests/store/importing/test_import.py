"""Good rows are kept once, bad ones are named with their lines, and nothing in a file can crash an import."""

from __future__ import annotations

import csv
import gzip
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosstape.model.errors import ConfigError, CrosstapeError, StoreError
from crosstape.store.history.files import History
from crosstape.store.importing.convert import nanoseconds
from crosstape.store.importing.importer import Importer, preview
from crosstape.store.importing.plan import Told
from crosstape.store.ledger import Ledger
from store.importing.conftest import Desk

MS = 1_767_225_600_000
HEAD = "time,symbol,price,size,side,id"


def test_bad_rows_are_named_with_their_lines_and_the_good_ones_kept(file: Callable[..., Path], desk: Desk) -> None:
    lines = [HEAD, f"{MS},A,10,1,buy,1", "yesterday,A,10,1,buy,2", "", f"{MS},A,-4,1,buy,3", f"{MS},A,10,1",
             f'{MS},"A",10,"1",sell,4', f"{MS},A,nan,1,buy,5", f"{MS},,10,1,buy,6", f"{MS},A,10,0,buy,7"]  # fmt: skip
    outcome = desk.load(file("trades.csv", *lines))
    assert (outcome.rows, outcome.new, outcome.bad) == (2, 2, 6)
    with Path(outcome.rejects).open(newline="") as rejects:
        found = [(int(row["line"]), row["reason"], row["text"]) for row in csv.DictReader(rejects)]
    assert [line for line, *_ in found] == [3, 5, 6, 8, 9, 10]
    assert all(text == lines[line - 1] for line, _, text in found), "as it stood"
    assert [reason.partition(":")[0] for _, reason, _ in found] == ["ts", "price", "not 6 columns", "price", "symbol", "size"]  # fmt: skip
    assert [line for line, *_ in outcome.reasons] == [3, 5, 6, 8, 9, 10]
    assert desk.history.read("trades")["trade_id"].to_pylist() == ["1", "4"]


def test_a_second_import_adds_nothing_and_a_longer_file_adds_the_rest(
    file: Callable[..., Path], desk: Desk
) -> None:
    rows = [f"{MS + n},A,{10 + n},1,buy,{n}" for n in range(100)]
    assert desk.load(file("t.csv", HEAD, *rows[:60])).new == 60
    assert desk.load(file("t.csv", HEAD, *rows)).new == 40
    assert desk.load(file("t.csv", HEAD, *rows)).new == 0
    (stream,) = desk.ledger.streams.all()
    assert (stream.count, stream.from_ts, stream.to_ts) == (100, MS * 1_000_000, (MS + 99) * 1_000_000)


def test_parquet_and_gzip_are_read_like_the_text(file: Callable[..., Path], desk: Desk, tmp_path: Path) -> None:
    rows = [f"{MS + n},A,{10 + n},1.5,buy,{n}" for n in range(50)]
    text = file("t.csv", HEAD, *rows)
    assert desk.load(text).new == 50
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(text.read_bytes()))
    assert desk.load(packed).new == 0
    table = pl.read_csv(text).with_columns(pl.from_epoch("time", "ms").dt.replace_time_zone("UTC"))
    table.write_parquet(tmp_path / "t.parquet")
    outcome = desk.load(tmp_path / "t.parquet")
    assert (outcome.rows, outcome.new) == (50, 0)


def test_a_file_of_many_blocks_is_one_file(
    file: Callable[..., Path], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crosstape.store.importing.batches.BLOCK", 1_000)
    rows = [f"{MS + n // 3},A,10,1,buy," for n in range(500)]
    rows[321] = "broken"
    outcome = desk.load(file("t.csv", HEAD, *rows))
    assert (outcome.new, outcome.bad) == (499, 1), (
        "equal rows of one instant are several trades, across blocks too"
    )
    assert outcome.reasons[0][0] == 323
    assert desk.load(file("t.csv", HEAD, *rows)).new == 0


def test_a_stream_for_each_instrument(file: Callable[..., Path], desk: Desk) -> None:
    rows = [f"{MS + n},{'AB'[n % 2]},10,1,buy,{n}" for n in range(10)]
    outcome = desk.load(file("t.csv", HEAD, *rows), Told(market="desk"), stream="june")
    assert sorted((s.name, s.symbol, s.count) for s in outcome.streams) == [
        ("june · desk:A", "desk:A", 5), ("june · desk:B", "desk:B", 5),
    ]  # fmt: skip


def test_what_was_told_wrongly_is_named(file: Callable[..., Path], desk: Desk) -> None:
    path = file("t.csv", HEAD, f"{MS},A,10,1,buy,1")
    for told, named in (
        (Told(kind="quotes"), "kind: 'quotes'; allowed: trades, candles, executions"),
        (Told(columns={"prize": "price"}), "map: no field 'prize'; allowed: ts"),
        (Told(columns={"price": "prize"}), "map.price: the file has no column 'prize'; it has: time, symbol"),
    ):
        with pytest.raises(ConfigError, match=named):
            desk.load(path, told)
    with pytest.raises(ConfigError, match="is empty"):
        desk.load(file("empty.csv", ""))
    with pytest.raises(StoreError, match="cannot be opened"):
        desk.load(path.parent / "absent.csv")


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1767225600", 0), ("1767225600.5", 500_000_000), ("1767225600000", 0), ("1767225600000.25", 250_000),
        ("1767225600000001", 1_000), ("1767225600000000001", 1), ("2026-01-01", 0), ("2026-01-01T00:00:00Z", 0),
        ("2026-01-01 00:00:00.000001 UTC", 1_000), ("2026-01-01T05:30:00+05:30", 0), ("2025-12-31T20:00:00-0400", 0),
        ("2026/1/1 00:00", 0), ("1/1/2026 - 00:00:07", 7_000_000_000), ("2026-01-01D00:00:00.000000001", 1),
        ("2026-02-30", None), ("soon", None), ("", None), ("2026-01-01T25:00:00", None),
    ],
)  # fmt: skip
def test_times(text: str, ns: int | None) -> None:
    found = pl.DataFrame({"t": [text]}).select(nanoseconds(pl.col("t")).alias("t"))["t"][0]
    assert found == (None if ns is None else MS * 1_000_000 + ns)


CELL = st.one_of(
    st.text(max_size=12),
    st.sampled_from([str(MS), "10.5", "buy", "sell", "-1", "", '"', '"a,b"', "1e999", "\x00"]),
)
ROWS = st.lists(st.lists(CELL, min_size=1, max_size=8), max_size=12)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def _survives(name: str, content: bytes) -> None:
    told, said = Told(symbol="X"), "rows"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        ledger = Ledger.open("", Path(folder))
        try:
            preview(path, told)
            importer = Importer(ledger, History(Path(folder) / "history"), Path(folder) / "rejects")
            outcome = importer.run(path, told)
            assert outcome.new <= outcome.rows
        except CrosstapeError as error:
            said = str(error)
        finally:
            ledger.close()
    assert said, "an error says what is wrong"


@QUICK
@given(
    ROWS,
    st.sampled_from(
        [
            HEAD,
            "Date,Open,High,Low,Close",
            "time,price,size,side,fee",
            "id,price,qty,quote_qty,time,is_buyer_maker",
            "",
        ]
    ),
)
def test_any_csv_ends_in_rows_or_in_words(rows: list[list[str]], head: str) -> None:
    text = "\n".join([head, *(",".join(row) for row in rows)])
    _survives("t.csv", text.encode("utf-8", "surrogatepass"))


@QUICK
@given(st.binary(max_size=400), st.sampled_from([b"", b"PAR1", b"\x1f\x8b\x08", b'{"a":', HEAD.encode() + b"\n"]))
def test_any_bytes_end_in_rows_or_in_words(content: bytes, head: bytes) -> None:
    _survives("t.bin", head + content)


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
                    max_leaves=6)  # fmt: skip
OBJECT = st.dictionaries(
    st.sampled_from(["time", "price", "size", "side", "coin", "px", "symbol", "fee", "x.y"]), JSON
)


@QUICK
@given(st.lists(OBJECT, min_size=1, max_size=8))
def test_any_ndjson_ends_in_rows_or_in_words(rows: list[dict[str, object]]) -> None:
    import json

    _survives("t.ndjson", "\n".join(json.dumps(row) for row in rows).encode("utf-8", "surrogatepass"))


TRADE = st.tuples(
    st.integers(0, 5),
    st.integers(1, 3),
    st.integers(1, 2),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from(["", "", "1", "2"]),
)


@QUICK
@given(st.lists(TRADE, max_size=25), st.integers(0, 25))
def test_importing_twice_is_importing_once(trades: list[tuple[int, int, int, str, str]], cut: int) -> None:
    """Whatever was imported before, a whole file leaves exactly its own rows behind: as many equal ones as it has."""
    trades.sort(key=lambda trade: trade[0])
    lines = [f"{MS + t},A,{p},{s},{side},{id}" for t, p, s, side, id in trades]

    def write(path: Path, rows: Iterable[str]) -> Path:
        path.write_text("\n".join([HEAD, *rows]) + "\n")
        return path

    with tempfile.TemporaryDirectory() as folder:
        ledger, history = Ledger.open("", Path(folder)), History(Path(folder) / "history")
        importer = Importer(ledger, history, Path(folder) / "rejects")
        path = Path(folder) / "t.csv"
        try:
            importer.run(write(path, lines[:cut]), Told())
            importer.run(write(path, lines), Told())
            again = importer.run(path, Told())
            kept = history.read("trades").num_rows
        finally:
            ledger.close()
    named = {id for *_, id in trades if id}
    assert kept == len(named) + sum(1 for *_, id in trades if not id)
    assert again.new == 0
