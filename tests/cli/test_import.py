"""`crosstape import` from a shell: what it shows, what it keeps, how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from crosstape.cli import cli
from crosstape.model.errors import ConfigError
from crosstape.store.history.files import History

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
