"""nautilus_trader, hftbacktest and freqtrade themselves over our exports; `scripts/foreign` brings them and runs this.

Each lives in an environment of its own, since their pins exclude one another: what they read comes back as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crosstape.store.history.files import History
from crosstape.store.history.foreign import export
from crosstape.store.history.resample import from_trades

START, S = 1_700_000_040_000_000_000, 1_000_000_000
HERE = Path(__file__).parents[1] / "foreign"
SIDES = {"buy": "BUYER", "sell": "SELLER"}


def foreign(program: str, *arguments: object) -> Any:
    """What the program read."""
    folder = os.environ.get("CROSSTAPE_FOREIGN", "")
    python = Path(folder) / program / "bin" / "python"
    if not folder or not python.exists():
        pytest.skip(f"{program} is not here: scripts/foreign makes an environment with it and runs this test")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(python), str(HERE / f"{program}_run.py"), *map(str, arguments)],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    return json.loads(done.stdout.splitlines()[-1])


def made(folder: Path, id: str, unsaid: bool = False) -> tuple[History, list[dict[str, Any]]]:
    """Two minutes of trades, two of them at one time, their candles, and a few quotes. `unsaid`: neither ids nor some sides."""
    history, market = History(folder / "history"), id.partition(":")[0]
    times = [START + i * S for i in range(120)]
    times[71] = times[70]
    rows = [
        {
            "ts": ts,
            "id": id,
            "price": 100.0 + i % 7,
            "size": 0.5,
            "side": ("buy", "sell")[i % 2],
            "trade_id": f"t{i}",
        }
        for i, ts in enumerate(times)
    ]
    if unsaid:
        rows = [
            {**row, "trade_id": "", "size": 0.5 + i / 1_000, "side": row["side"] if i % 3 else ""}
            for i, row in enumerate(rows)
        ]
    history.append("trades", market, pa.Table.from_pylist(rows))
    history.append("candles_1m", market, from_trades(history.read("trades"), "1m"))
    quotes = {
        "ts": [START, START + 5 * S, START + 9 * S], "id": [id] * 3, "bid": [99.0, 99.0, 98.5], "bid_size": [1.0, 2.0, 3.0],
        "ask": [101.0, 100.5, 100.5], "ask_size": [1.0, 1.0, 4.0],
    }  # fmt: skip
    history.append("quotes", market, pa.table(quotes))
    return history, rows


def candles(history: History) -> list[list[float]]:
    columns = history.read("candles_1m").select(["ts", "open", "high", "low", "close", "volume"]).to_pydict()
    return [list(row) for row in zip(*columns.values(), strict=True)]


def test_nautilus_backtests_over_it_and_sees_nothing_early(tmp_path: Path) -> None:
    history, rows = made(tmp_path, "bybit-linear:BTCUSDT")
    export(history, "nautilus", "bybit-linear:BTCUSDT", tmp_path / "out")
    read = foreign("nautilus", tmp_path / "out")
    assert read["trades"] == [
        [row["ts"], row["price"], row["size"], SIDES[row["side"]], row["trade_id"]] for row in rows
    ]
    assert read["quotes"] == [
        [START, 99.0, 1.0, 101.0, 1.0], [START + 5 * S, 99.0, 2.0, 100.5, 1.0], [START + 9 * S, 98.5, 3.0, 100.5, 4.0],
    ]  # fmt: skip
    assert read["bars"] == [[ts + 60 * S, *values] for ts, *values in candles(history)]
    assert read["seen"] == {"trades": 120, "quotes": 3, "bars": 2}
    assert read["ordered"]
    # A bar is told when its minute is over: its sixty trades were told before.
    assert [known >= 60 * (n + 1) for n, known in enumerate(read["known"])] == [True, True]


def test_nautilus_is_not_told_a_side_that_nobody_said(tmp_path: Path) -> None:
    history, rows = made(tmp_path, "bybit-linear:BTCUSDT", unsaid=True)
    export(history, "nautilus", "bybit-linear:BTCUSDT", tmp_path / "out")
    read = foreign("nautilus", tmp_path / "out")
    assert {side for *_, side, _ in read["trades"]} == {"NO_AGGRESSOR"}
    assert len({id for *_, id in read["trades"]}) == len(rows)


@pytest.mark.parametrize("unsaid", [False, True])
def test_hftbacktest_runs_over_it(tmp_path: Path, unsaid: bool) -> None:
    history, rows = made(tmp_path, "bybit-linear:BTCUSDT", unsaid)
    (path,) = export(history, "hftbacktest", "bybit-linear:BTCUSDT", tmp_path / "out")
    read = foreign("hftbacktest", path)
    assert read["trades"] == [[row["ts"], row["price"], pytest.approx(row["size"]), row["side"]] for row in rows]
    assert [best[1:] for best in read["best"]] == [[99.0, 101.0], [99.0, 100.5], [98.5, 100.5]]
    assert read["events"] == 120 + 8


@pytest.mark.parametrize(
    ("id", "pair"), [("bybit-linear:BTCUSDT", "BTC/USDT:USDT"), ("bybit-spot:BTCUSDT", "BTC/USDT")]
)
@pytest.mark.parametrize("unsaid", [False, True])
def test_freqtrade_reads_it(tmp_path: Path, id: str, pair: str, unsaid: bool) -> None:
    history, rows = made(tmp_path, id, unsaid)
    export(history, "freqtrade", id, tmp_path / "out")
    read = foreign("freqtrade", tmp_path / "out", pair)
    assert read["available"] == [[pair, "1m", "futures" if ":" in pair else "spot"]]
    assert read["with_trades"] == [pair]
    expected = [[ts // 1_000_000, *values] for ts, *values in candles(history)]
    assert read["bars"] == expected
    assert read["made"] == [[ms, *values, pytest.approx(volume)] for ms, *values, volume in expected]
    assert [[ms, side, price, size, cost] for ms, _, side, price, size, cost in read["trades"]] == [
        [row["ts"] // 1_000_000, row["side"], row["price"], row["size"], row["price"] * row["size"]]
        for row in rows
    ]
    if not unsaid:
        assert [trade[1] for trade in read["trades"]] == [row["trade_id"] for row in rows]
