"""What live views hold reaches the history: the engine's own trades, candles and samples."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from crosstape.app.recording import Recording
from crosstape.engine.machine import Machine
from crosstape.model.errors import ConfigError
from crosstape.model.event import Candle, Trade
from crosstape.store.history.settings import HistorySettings
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
