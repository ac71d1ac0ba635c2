"""Connections that go, books that gap, catalogues that are refused: what the machine shows and asks for."""

from __future__ import annotations

import json
import math

import pytest

from crosstape.engine.settings import EngineSettings, SetUniverse, Universe, encode_command
from crosstape.model.frame import CONFIG, Kind
from crosstape.model.quality import Quality
from crosstape.wire.effect import Fetch, Subscribe, Unsubscribe
from support.bench import LINEAR, T0, Bench, started


@pytest.fixture
def bench() -> Bench:
    return started("BTCUSDT", "ETHUSDT")


def test_universe_subscribes_and_backfills(bench: Bench) -> None:
    (subscribe,) = [e for e in bench.effects if isinstance(e, Subscribe)]
    assert subscribe.source == LINEAR
    assert {"publicTrade.BTCUSDT", "orderbook.200.ETHUSDT"} <= set(subscribe.topics)
    assert {dict(e.request.params)["symbol"] for e in bench.effects if isinstance(e, Fetch)} == {
        "BTCUSDT",
        "ETHUSDT",
    }


def test_a_gap_resyncs_that_instrument_only(bench: Bench) -> None:
    bench.effects.clear()
    bench.book("BTCUSDT", "delta", 13, [["10", "2"]], [])
    bench.tick(1.0)
    assert bench.effects == [
        Unsubscribe(LINEAR, ("orderbook.200.BTCUSDT",)),
        Subscribe(LINEAR, ("orderbook.200.BTCUSDT",)),
    ]
    assert Quality.RESYNCING | Quality.GAP in bench.quality()
    assert math.isnan(bench.column("bid"))
    assert math.isnan(bench.column("impact_10k"))
    assert Quality.RESYNCING not in bench.quality("ETHUSDT")
    assert bench.column("bid", "ETHUSDT") == 10.0
    assert ("Gap", 11, 12) in [(e.what, e.first, e.last) for e in bench.events]
    bench.book("BTCUSDT", "snapshot", 20, [["10", "5"]], [["11", "1"]])
    bench.tick(1.0)
    assert Quality.RESYNCING not in bench.quality()
    assert Quality.GAP in bench.quality()
    assert bench.column("bid_size") == 5.0
    assert bench.events[-1].what == "Resumed"


def test_a_snapshot_that_does_not_come_is_asked_for_again(bench: Bench) -> None:
    bench.book("BTCUSDT", "delta", 13, [], [])
    bench.effects.clear()
    for _ in range(4):
        bench.tick(2.0)
    assert [type(e) for e in bench.effects] == [Unsubscribe, Subscribe]


def test_a_lost_connection_leaves_nothing_to_trust(bench: Bench) -> None:
    bench.put(LINEAR, Kind.CLOSE, b"reset", status=1006)
    bench.tick(1.0)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        assert Quality.STALE | Quality.RESYNCING in bench.quality(symbol)
        assert math.isnan(bench.column("bid", symbol))
    covered = bench.column("coverage_1m")
    bench.tick(1.0)
    assert bench.column("coverage_1m") == pytest.approx(covered, abs=1e-9)
    bench.put(LINEAR, Kind.OPEN, conn=2)
    bench.book("BTCUSDT", "snapshot", 3, [["10", "1"]], [["11", "1"]])
    bench.tick()
    bench.tick()
    assert Quality.STALE not in bench.quality()
    assert Quality.STALE in bench.quality("ETHUSDT")
    assert bench.column("bid") == 10.0


def test_close_of_an_older_connection_is_no_loss(bench: Bench) -> None:
    bench.put(LINEAR, Kind.OPEN, conn=2)
    bench.put(LINEAR, Kind.CLOSE, b"rotated", conn=1, status=1000)
    bench.tick()
    assert bench.column("bid") == 10.0
    assert Quality.RESYNCING not in bench.quality()


def test_trades_of_overlapping_connections_count_once(bench: Bench) -> None:
    trade = {"T": T0 // 10**6, "s": "BTCUSDT", "S": "Buy", "v": "1", "p": "10", "i": "same", "BT": False}
    message = json.dumps(
        {"topic": "publicTrade.BTCUSDT", "ts": 1, "data": [trade]}, separators=(",", ":")
    ).encode()
    bench.put(LINEAR, Kind.OPEN, conn=2)
    bench.put(LINEAR, Kind.DATA, message, conn=1)
    bench.put(LINEAR, Kind.DATA, message, conn=2)
    bench.tick()
    assert bench.column("turnover_1m") == pytest.approx(10.0)


def test_crossed_is_flagged_at_once_and_resynced_when_it_stays(bench: Bench) -> None:
    bench.effects.clear()
    bench.book("BTCUSDT", "delta", 11, [["12", "1"]], [])
    bench.tick()
    assert Quality.CROSSED in bench.quality()
    assert math.isnan(bench.column("spread_bps"))
    bench.tick(0.5)
    assert bench.effects == []
    bench.tick(1.0)
    assert [type(e) for e in bench.effects] == [Unsubscribe, Subscribe]
    assert Quality.RESYNCING in bench.quality() or (bench.tick() and Quality.RESYNCING in bench.quality())


def test_a_refused_catalogue_falls_back_to_the_builtin_list() -> None:
    bench = Bench()
    bench.put("bybit-linear/instruments", Kind.FAILED, b"403: access too frequent", "instruments /x", 0, 403)
    bench.tick()
    bench.tick(6.0)
    view = bench.tick()
    assert "bybit-linear:BTCUSDT" in view.rows.index
    assert Quality.UNDESCRIBED in bench.quality()
    assert any(isinstance(e, Subscribe) and "publicTrade.BTCUSDT" in e.topics for e in bench.effects)


def test_a_delisted_instrument_leaves_boards_at_once_and_its_row_after_a_day(bench: Bench) -> None:
    bench.catalogue("BTCUSDT")
    view = bench.tick(1.0)
    row = view.rows.index["bybit-linear:ETHUSDT"]
    assert not view.rows.alive[row]
    assert row not in view.boards["turnover_24h"].rows
    assert any(type(e).__name__ == "Delisted" for _, e in view.events)
    for _ in range(25):
        view = bench.tick(3600.0)
    assert "bybit-linear:ETHUSDT" not in view.rows.index
    assert math.isnan(view.columns["last"][row])
    bench.catalogue("BTCUSDT", "SOLUSDT")
    view = bench.tick(1.0)
    assert view.rows.index["bybit-linear:SOLUSDT"] == row
    assert view.columns["last"][row] == 10.0


def test_a_short_catalogue_delists_nothing() -> None:
    bench = Bench()
    bench.catalogue("AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT")
    bench.tick()
    bench.catalogue("AUSDT")
    assert bench.tick().rows.alive.all()


def test_unreadable_bytes_are_counted_and_change_nothing_else(bench: Bench) -> None:
    bench.put(LINEAR, Kind.DATA, b'{"topic":"publicTrade.BTCUSDT","data":[{"T":"x"}]}')
    view = bench.tick()
    (source,) = [s for s in view.sources if s.name == LINEAR]
    assert source.errors == 1
    assert "bybit" in source.last_error
    assert bench.column("bid") == 10.0


def test_an_undescribed_symbol_gets_a_row_and_a_flag(bench: Bench) -> None:
    bench.book("NEWUSDT", "snapshot", 1, [["1", "1"]], [["2", "1"]])
    bench.tick()
    assert Quality.UNDESCRIBED in bench.quality("NEWUSDT")


def test_universe_command_moves_tiers(bench: Bench) -> None:
    bench.effects.clear()
    only = Universe(symbols=("ETHUSDT",), top=1, deep=1, preferred_quote_currencies=())
    bench.put(CONFIG, Kind.COMMAND, encode_command(SetUniverse("bybit-linear", only)))
    view = bench.tick()
    assert view.rows.tiers[view.rows.index["bybit-linear:BTCUSDT"]] == "C"
    assert view.rows.tiers[view.rows.index["bybit-linear:ETHUSDT"]] == "A"
    (gone,) = [e for e in bench.effects if isinstance(e, Unsubscribe)]
    assert all(topic.endswith("BTCUSDT") for topic in gone.topics)


def test_a_bad_command_is_counted(bench: Bench) -> None:
    bench.put(CONFIG, Kind.COMMAND, b'{"op":"configure","settings":{"mode":5}}')
    view = bench.tick()
    (source,) = [s for s in view.sources if s.name == CONFIG]
    assert source.errors == 1
    assert "mode" in source.last_error


def test_exclusions_quotes_and_minimum_turnover() -> None:
    settings = EngineSettings(universe=Universe(top=0, deep=1, exclude_symbols=("CUSDT",), min_24h_volume=3e8))
    bench = Bench(settings)
    bench.catalogue("AUSDT", "BUSDT", "CUSDT", "DUSDT")
    view = bench.tick()
    tiers = {i.native: view.rows.tiers[n] for n, i in enumerate(view.rows.instruments) if i}
    assert tiers == {"AUSDT": "A", "BUSDT": "B", "CUSDT": "C", "DUSDT": "C"}
