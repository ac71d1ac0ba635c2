"""`crosstape import` from a shell: what it shows, what it keeps, how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from crosstape.app.replaying import replay
from crosstape.cli import cli
from crosstape.engine.machine import Machine
from crosstape.engine.view import View
from crosstape.model.errors import ConfigError
from crosstape.model.event import Candle, Trade
from crosstape.store.history.files import History
from crosstape.tape.reader import play
from crosstape.venues import READ

MS = 1_767_225_600_000


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("CROSSTAPE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    lines = [f"{n},90000.5,0.25,22500.1,{MS + n},true" for n in range(5)] + ["x,1,2,3,4,true"]
    (tmp_path / "BTCUSDT-trades-2026-01.csv").write_text("\n".join(lines))
    (tmp_path / "odd.csv").write_text(f"when,cost,many\n{MS},5,1\n")
    return CliRunner()


def test_a_preview_keeps_nothing(runner: CliRunner, tmp_path: Path) -> None:
    shown = runner.invoke(cli, ["import", "BTCUSDT-trades-2026-01.csv", "--preview"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "Binance futures trades" in shown.output
    assert "90000.5" in shown.output
    assert "line 6" in shown.output
    assert not (tmp_path / "data").exists()


def test_an_import_reports_and_keeps(runner: CliRunner, tmp_path: Path) -> None:
    for new in (5, 0):
        done = runner.invoke(cli, ["import", "BTCUSDT-trades-2026-01.csv"], catch_exceptions=False)
        assert done.exit_code == 0
        assert "5 rows in" in done.output
        assert f"{new} of them new" in done.output
        assert "1 rows were not taken" in done.output
    assert History(tmp_path / "data" / "history").read("trades").num_rows == 5


def test_what_is_not_sure_must_be_told(runner: CliRunner, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ts: no column for it; say --map ts=COLUMN; price: no column"):
        runner.invoke(cli, ["import", "odd.csv"], catch_exceptions=False)
    told = ["import", "odd.csv", "--map", "ts=when,price=cost", "--map", "size=many", "--symbol", "SOL/USD"]
    assert runner.invoke(cli, told, catch_exceptions=False).exit_code == 0
    (row,) = History(tmp_path / "data" / "history").read("trades").to_pylist()
    assert (row["id"], row["price"], row["size"]) == ("import:SOL/USD", 5.0, 1.0)
    wrong = runner.invoke(cli, ["import", "odd.csv", "--map", "price"])
    assert wrong.exit_code == 2
    assert "FIELD=COLUMN" in wrong.output


def test_a_file_becomes_a_tape_that_replays(runner: CliRunner, tmp_path: Path) -> None:
    lines = ["time,price,size,side"]
    lines += [f"{MS + n * 500},{100 + n % 5},1,{'buy' if n % 3 else 'sell'}" for n in range(400)]
    (tmp_path / "SOLUSDT-x.csv").write_text("\n".join(lines))
    made = runner.invoke(cli, ["import", "SOLUSDT-x.csv", "--to-tape", "tape"], catch_exceptions=False)
    assert made.exit_code == 0, made.output
    assert not (tmp_path / "data").exists(), "a tape alone"
    views: list[View] = []
    replay(play(tmp_path / "tape"), Machine(READ), views.append)
    row = views[-1].rows.index["push:SOLUSDT"]
    assert views[-1].columns["last"][row] == 104.0
    events = [event for view in views for at, event in view.events if at == row]
    assert sum(type(event) is Trade for event in events) == 400
    bars = [event for event in events if type(event) is Candle and event.timeframe_s == 60]
    assert [bar.volume for bar in bars] == [120.0, 120.0, 120.0]
    with pytest.raises(ConfigError, match="is not empty"):
        runner.invoke(cli, ["import", "SOLUSDT-x.csv", "--to-tape", "tape"], catch_exceptions=False)
