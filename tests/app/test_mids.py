"""Mids out of a real history: quotes, else candles, else nothing."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from crosstape.app.mids import HistoryMids
from crosstape.store.history.files import History

BTC, ETH = "bybit-linear:BTCUSDT", "bybit-linear:ETHUSDT"
SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND


def test_quotes_then_candles_then_nothing(tmp_path: Path) -> None:
    history = History(tmp_path)
    times = [START + n * SECOND for n in range(4)]
    quotes = {"ts": times, "id": [BTC] * 4, "bid": [1.0, 2.0, float("nan"), 4.0], "bid_size": [1.0] * 4,
              "ask": [3.0, 4.0, 5.0, 6.0], "ask_size": [1.0] * 4, "origin": ["live"] * 4}  # fmt: skip
    history.append("quotes", "bybit-linear", pa.table(quotes))
    candles = {
        "ts": times,
        "id": [ETH] * 4,
        **{name: [7.0, 8.0, 9.0, 10.0] for name in ("open", "high", "low", "close")},
    }
    history.append("candles_1s", "bybit-linear", pa.table(candles))
    mids = HistoryMids(history)
    found, values = mids.mids(BTC, START, START + 3 * SECOND)
    assert (found.tolist(), values.tolist()) == (times[:2], [2.0, 3.0])
    found, values = mids.mids(ETH, START + SECOND, START + 3 * SECOND)
    assert (found.tolist(), values.tolist()) == (times[1:4], [7.0, 8.0, 9.0])
    assert mids.mids("import:x", 0, START)[0].size == 0
