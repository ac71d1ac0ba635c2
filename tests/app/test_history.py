"""After a jump, charts have the hours before: the checkpoint's minutes against the candles that were live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosstape.api.hub import Hub
from crosstape.app.reel import Reel
from support.recorded import record
from support.world import tape_of

BTC = "bybit-linear:BTCUSDT"


async def test_minutes_before_a_checkpoint(tmp_path: Path) -> None:
    frames = tape_of(185.0, rate=40.0, every_ns=1_000_000_000)
    views = record(tmp_path / "t", frames, every_ticks=160)
    live = Hub()
    for view in views[:165]:
        live.publish(view)
    reel = Reel(tmp_path / "t", 0, frozenset)
    await reel.begin(views[164].ts)
    assert (await reel.next_view()) is not None
    assert reel.ts == views[160].ts, "it began at the checkpoint"
    row = views[-1].rows.index[BTC]
    jumped = Hub()
    jumped.publish(views[159])
    jumped.rewind(reel.minutes.of)
    ours, theirs = live.candles.of(row, "1m", 100), jumped.candles.of(row, "1m", 100)
    shared = np.intersect1d(ours["minute"], theirs["minute"])
    assert shared.size >= 2
    for minute in shared.tolist():
        a, b = ours[ours["minute"] == minute][0], theirs[theirs["minute"] == minute][0]
        # A candle goes by the venue's time, a ring's minute by ours: a trade at the edge may lie in either.
        assert b["close"] == pytest.approx(a["close"], rel=2e-3)
        assert b["high"] == pytest.approx(a["high"], rel=2e-3)
        assert b["low"] == pytest.approx(a["low"], rel=2e-3)
        assert b["turnover"] == pytest.approx(a["turnover"], rel=0.25)
        assert b["repaired"]
    assert reel.minutes.of(10_000) == []
