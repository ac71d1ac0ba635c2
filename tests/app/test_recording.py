"""What live views hold reaches the history: the engine's own trades, candles and samples."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from crosstape.app.recording import Recording
from crosstape.cli import cli
from crosstape.engine.machine import Machine
from crosstape.model.errors import ConfigError
from crosstape.model.event import Candle, Trade
from crosstape.store.history.files import History
from crosstape.store.history.settings import HistorySettings
from crosstape.tape.layout import Limits, Origin
from crosstape.tape.writer import TapeWriter
from crosstape.venues import VENUES
from support.world import tape_of


def test_a_run_is_in_the_history_once(tmp_path: Path) -> None:
    recording = Recording(tmp_path, HistorySettings(quotes_s=1.0, sample_s=5.0))
    machine, trades, candles, views = Machine(VENUES), 0, 0, []
    for frame in tape_of(75.0):
        view, _ = machine.step(frame)
        if view is not None:
            recording.take(view, again=True)
            views.append(view)
            trades += sum(type(e) is Trade for _, e in view.events)
            candles += sum(type(e) is Candle and e.timeframe_s == 60 for _, e in view.events)
    for view in views[-200:]:
        # A restart folds the tail of the tape again.
        recording.take(view, again=True)
    recording.close()
    history = recording.history
    assert recording.recorder is not None
    assert (recording.recorder.lost, recording.recorder.failed) == (0, "")
    assert history.read("trades").num_rows == trades > 1_000
    assert history.read("candles_1m").num_rows == candles > 0
    assert history.read("candles_1s").num_rows > 500
    times = Counter(history.read("quotes")["id"].to_pylist())
    assert 50 <= max(times.values()) <= 78
    metrics = history.read("metrics")
    assert set(metrics["origin"].to_pylist()) == {"live"}
    assert set(HistorySettings().metrics) <= set(metrics.column_names)
    assert history.read("open_interest").num_rows > 10


@pytest.mark.parametrize(
    ("settings", "said"),
    [(HistorySettings(kinds=("trade",)), "history.kinds: there is no 'trade'; allowed: trades"),
     (HistorySettings(metrics=("cvd",)), "history.metrics: there is no 'cvd'; allowed: last")],
)  # fmt: skip
def test_a_wrong_setting_is_named(tmp_path: Path, settings: HistorySettings, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Recording(tmp_path, settings)


def test_a_replay_writes_into_a_new_folder_only(tmp_path: Path) -> None:
    frames = tape_of(12.0)
    writer = TapeWriter(tmp_path / "tape", Origin("test", "1"), frames[0].seq, frames[0].ts_recv, Limits())
    writer.append(frames)
    writer.close()
    machine, trades = Machine(VENUES), 0
    for frame in frames:
        view, _ = machine.step(frame)
        trades += sum(type(e) is Trade for _, e in view.events) if view is not None else 0
    before = sorted(path.name for path in tmp_path.iterdir())
    assert CliRunner().invoke(cli, ["replay", str(tmp_path / "tape")]).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    into = tmp_path / "into"
    result = CliRunner().invoke(cli, ["replay", str(tmp_path / "tape"), "--into", str(into)])
    assert result.exit_code == 0, result.output
    assert f"rows of history in {into}" in result.output
    assert History(into / "history").read("trades").num_rows == trades > 100
    again = CliRunner().invoke(cli, ["replay", str(tmp_path / "tape"), "--into", str(into)])
    assert again.exit_code == 2
    assert "is not empty" in again.output
