"""The recorder: what the engine saw is on the disk once, also after kills, full disks and merges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from crosstape.model.event import Candle, Liquidation, Side, Trade
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.store.history import parts, recorder
from crosstape.store.history.compaction import compact
from crosstape.store.history.files import DAY_NS, History
from crosstape.store.history.gathering import Moment
from crosstape.store.history.recorder import Recorder
from crosstape.store.history.resample import from_trades
from crosstape.store.history.retention import prune, size_of
from crosstape.store.history.settings import HistorySettings
from support.demo import until

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
PERP = InstrumentKind.PERP
LISTED = (
    Instrument("bybit-linear", "BTCUSDT", PERP, "BTC", "USDT", "USDT"),
    None,
    Instrument("okx-swap", "ETH-USDT-SWAP", PERP, "ETH", "USDT", "USDT"),
)


def trade(ts: int, id: int, price: float = 10.0, block: bool = False) -> Trade:
    return Trade("BTCUSDT", ts, price, 2.0, Side.BUY if id % 2 else Side.SELL, str(id), block)


def moments(seconds: int, per_second: int = 20) -> Iterator[Moment]:
    for n in range(seconds * 10):
        ts = START + n * SECOND // 10
        events = [
            (2 * (i % 2), trade(ts - 1_000_000 * i, n * 100 + i, 10.0 + n % 7)) for i in range(per_second // 10)
        ]
        yield Moment(ts, LISTED, tuple(events))


def written(folder: Path, taken: list[Moment], again: bool = False, **settings: object) -> History:
    history = History(folder)
    writer = Recorder(history, HistorySettings(**settings), now=lambda: START)  # type: ignore[arg-type]
    for moment in taken:
        writer.take(moment, wait=True, again=again)
    writer.close()
    assert (writer.failed, writer.lost) == ("", 0)
    return history


def test_trades_and_their_seconds(tmp_path: Path) -> None:
    taken = list(moments(30))
    history = written(tmp_path, taken)
    events = [event for moment in taken for _, event in moment.events]
    trades = history.read("trades")
    assert sorted(trades["trade_id"].to_pylist()) == sorted(event.id for event in events)
    assert history.markets("trades") == ["bybit-linear", "okx-swap"]
    assert set(trades["origin"].to_pylist()) == {"live"}
    # The second it began in is not whole, and in no candle.
    expected = from_trades(history.read("trades", since=START + SECOND), "1s")
    found = history.read("candles_1s")
    assert found.drop_columns(["origin"]).to_pylist() == expected.drop_columns(["origin"]).to_pylist()
    assert expected.num_rows == 2 * 29


def test_seconds_are_whole_across_flushes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "ROWS", 7)
    history = written(tmp_path, list(moments(12)))
    expected = from_trades(history.read("trades", since=START + SECOND), "1s")
    found = history.read("candles_1s")
    assert found.drop_columns(["origin"]).to_pylist() == expected.drop_columns(["origin"]).to_pylist()


def test_every_other_kind(tmp_path: Path) -> None:
    nan = float("nan")
    forced = Liquidation("BTCUSDT", START + 5, Side.SELL, 9.0, 3.0)
    bar = Candle("BTCUSDT", START, 300, 1.0, 4.0, 0.5, 2.0, 7.0, 14.0, 3.0, 5.0)
    unkept = Candle("BTCUSDT", START, 180, 1.0, 4.0, 0.5, 2.0, 7.0, 14.0, 3.0, 5.0)
    one = np.array([1.0, nan, 2.0])
    columns = dict.fromkeys(("bid", "bid_size", "ask", "ask_size"), one)
    samples = {"funding": np.array([0.0001, nan, nan]), "funding_hours": np.array([8.0, nan, nan]), "oi": one, "oi_usd": one * 5,
               "cvd_5m": np.array([nan, nan, 7.0])}  # fmt: skip
    moved = columns | {"ask": np.array([1.0, nan, 2.5])}
    history = written(
        tmp_path,
        [
            Moment(START, LISTED, ((0, forced), (0, bar), (0, unkept)), columns, samples),
            Moment(START + SECOND, LISTED, (), columns, samples),
            Moment(START + 2 * SECOND, LISTED, (), moved, {}),
        ],
        metrics=("cvd_5m",),
    )
    assert history.read("liquidations").drop_columns(["origin"]).to_pylist() == [
        {"ts": START + 5, "id": "bybit-linear:BTCUSDT", "side": "sell", "price": 9.0, "size": 3.0}
    ]
    candle = history.read("candles_5m").to_pylist()[0]
    assert [candle[k] for k in ("ts", "timeframe", "open", "high", "low", "close", "trades")] == [
        START,
        "5m",
        1.0,
        4.0,
        0.5,
        2.0,
        3.0,
    ]
    quotes = [(r["ts"] - START, r["id"], r["ask"]) for r in history.read("quotes").to_pylist()]
    assert quotes == [
        (0, "bybit-linear:BTCUSDT", 1.0),
        (0, "okx-swap:ETH-USDT-SWAP", 2.0),
        (2 * SECOND, "okx-swap:ETH-USDT-SWAP", 2.5),
    ]
    assert [(r["rate"], r["interval_hours"]) for r in history.read("funding").to_pylist()] == [(0.0001, 8.0)]
    assert [r["oi_usd"] for r in history.read("open_interest").to_pylist()] == [5.0, 5.0, 10.0, 10.0]
    assert [r["cvd_5m"] for r in history.read("metrics").to_pylist()] == [7.0, 7.0]


def test_only_the_kinds_asked_for(tmp_path: Path) -> None:
    written(tmp_path, list(moments(3)), kinds=("candles_1s",))
    assert [path.name for path in tmp_path.iterdir()] == ["candles_1s"]


def test_what_is_folded_again_after_a_kill_is_there_once(tmp_path: Path) -> None:
    """A child is killed while it writes; the restart takes everything again, as the tape's tail gives it."""
    code = f"""
        import sys
        from pathlib import Path
        sys.path[:0] = {sys.path!r}
        from store.test_recorder import moments
        from crosstape.store.history import recorder
        from crosstape.store.history.files import History
        from crosstape.store.history.settings import HistorySettings
        recorder.ROWS = 40
        writer = recorder.Recorder(History(Path({str(tmp_path)!r})), HistorySettings())
        for moment in moments(600):
            writer.take(moment, wait=True)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env={**os.environ})
    try:
        until(lambda: len(History(tmp_path).paths("trades")) >= 3, "some parts are written")
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    before = History(tmp_path).read("trades").num_rows
    assert 0 < before < 12_000
    again = list(moments(600))
    history = written(tmp_path, again, again=True)
    ids = history.read("trades")["trade_id"].to_pylist()
    assert len(ids) == len(set(ids)) == sum(len(m.events) for m in again)
    assert not list(tmp_path.rglob("*.begun"))


def test_a_full_queue_drops_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MOMENTS", 2)
    history = History(tmp_path)
    writer = Recorder(history, HistorySettings())
    with parts.alone(parts.day_folder(tmp_path, "trades", "bybit-linear", "2023-11-14")):
        # Nothing can be written meanwhile, so that the queue fills up.
        monkeypatch.setattr(recorder, "ROWS", 1)
        taken = list(moments(20))
        for moment in taken:
            writer.take(moment)
        assert writer.lost > 0
        lost = writer.lost
    writer.close()
    rows = history.read("trades").num_rows
    assert rows + lost == sum(len(moment.events) for moment in taken)


def test_a_disk_that_refuses_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "ROWS", 1)
    blocked = tmp_path / "trades"
    blocked.write_text("not a folder")
    history = History(tmp_path)
    writer = Recorder(history, HistorySettings(kinds=("trades",)))
    taken = list(moments(2))
    for moment in taken[:10]:
        writer.take(moment, wait=True)
    until(lambda: writer.failed, "the failure is told")
    blocked.unlink()
    for moment in taken[10:]:
        writer.take(moment, wait=True)
    writer.close()
    assert (writer.failed, writer.lost) == ("", 0)
    assert history.read("trades").num_rows == sum(len(moment.events) for moment in taken)


def test_small_parts_become_few_and_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "ROWS", 10)
    history = written(tmp_path, list(moments(30)), kinds=("trades",))
    folders = parts.days(tmp_path, "trades")
    before = history.read("trades")
    assert all(len(parts.parts(folder)) < 8 for folder in folders)
    for folder in folders:
        compact(history, folder, ended=True)
    assert [len(parts.parts(folder)) for folder in folders] == [1, 1]
    assert history.read("trades").to_pylist() == before.to_pylist()
    assert all(len(list(folder.iterdir())) == 1 for folder in folders)


def test_old_days_and_large_folders_go(tmp_path: Path) -> None:
    history = History(tmp_path)
    for day in range(5):
        later = [
            Moment(
                m.ts + day * DAY_NS,
                m.instruments,
                tuple((r, trade(e.ts_event + day * DAY_NS, int(e.id))) for r, e in m.events),
            )
            for m in moments(2)
        ]  # type: ignore[union-attr]
        for kind, market, table in _tables(later):
            history.append(kind, market, table)
    now = START + 4 * DAY_NS
    days = lambda: sorted({path.parent.name for path in history.paths("trades")})  # noqa: E731
    assert len(days()) == 5
    prune(history, now, 2.5, 10**12)
    assert days() == ["day=2023-11-16", "day=2023-11-17", "day=2023-11-18"]
    prune(history, now, 0, size_of(history) - 1)
    assert "day=2023-11-18" in days()
    prune(history, now, 0, 0)
    assert days() == ["day=2023-11-18"]


def _tables(taken: list[Moment]) -> list:
    from crosstape.store.history.gathering import Gatherer

    gatherer = Gatherer(("trades",), ())
    for moment in taken:
        gatherer.take(moment)
    return gatherer.tables()


def test_what_was_imported_meanwhile_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "ROWS", 30)
    taken = list(moments(20))
    history = History(tmp_path)
    writer = Recorder(history, HistorySettings(kinds=("trades",)), now=lambda: START)
    for moment in taken[:100]:
        writer.take(moment, wait=True)
    # Somebody fetches the same minutes from the venue, before and after the recorder writes them.
    for kind, market, table in _tables(taken[50:150]):
        History(tmp_path).append(kind, market, table)
    for moment in taken[100:]:
        writer.take(moment, wait=True)
    writer.close()
    ids = history.read("trades")["trade_id"].to_pylist()
    assert len(ids) == len(set(ids)) == sum(len(moment.events) for moment in taken)


def test_it_may_begin_before_anything_is_listed(tmp_path: Path) -> None:
    empty = [Moment(START - n * SECOND, (), ()) for n in range(3, 0, -1)]
    taken = list(moments(3))
    history = written(tmp_path, [*empty, *taken], kinds=("trades",))
    assert history.read("trades").num_rows == sum(len(moment.events) for moment in taken)
