"""`crosstape stats` on a ledger of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from crosstape.model.event import Side
from crosstape.model.execution import Execution
from crosstape.store.ledger import Ledger


def _stats(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "140", "CROSSTAPE_DATA": str(folder)}
    command = [sys.executable, "-m", "crosstape", "stats", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)


def test_stats_of_a_ledger(tmp_path: Path) -> None:
    assert "no executions" in _stats(tmp_path).stdout
    ledger = Ledger.open("", tmp_path)
    stream = ledger.streams.add("fills", "file", "executions").id
    prices = ((1, Side.BUY, "100"), (2, Side.SELL, "130"), (3, Side.BUY, "100"), (4, Side.SELL, "80"))
    rows = [Execution(n * 3_600_000_000_000, "bybit-linear:BTCUSDT", side, Decimal(price), Decimal(1), str(n),
                      fee=Decimal("0.5"), fee_asset="BNB" if n == 1 else "USDT") for n, side, price in prices]  # fmt: skip
    ledger.executions.put(stream, rows)
    ledger.close()
    said = _stats(tmp_path).stdout
    assert "net 8.5 = gross 10 − fees 1.5 − funding 0" in said
    assert "50.0%" in said
    assert "1 fees in BNB are left out" in said
    told = json.loads(_stats(tmp_path, "--stream", "fills", "--method", "average", "--json").stdout)
    assert (told["method"], told["rows"][0]["net"], told["rows"][0]["trades"]) == ("average", 8.5, 2)
    wrong = _stats(tmp_path, "--stream", "fill")
    assert (wrong.returncode, "there are: fills" in wrong.stderr) == (2, True)
