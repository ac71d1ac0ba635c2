"""Exports for other programs, read back the way those programs read them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner

from crosstape.cli import cli
from crosstape.model.errors import ConfigError
from crosstape.store.history.files import History
from crosstape.store.history.foreign import export, pair_of
from crosstape.store.history.resample import from_trades

START = 1_700_000_040_000_000_000
ID = "bybit-linear:BTCUSDT"


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = History(tmp_path / "history")
    trades = pa.table(
        {
            "ts": [START + i * 1_000_000_000 for i in range(120)], "id": [ID] * 120, "price": [100.0 + i % 7 for i in range(120)],
            "size": [0.5] * 120, "side": ["buy", "sell"] * 60, "trade_id": [f"t{i}" for i in range(120)],
        }
    )  # fmt: skip
    history.append("trades", "bybit-linear", trades)
    history.append("candles_1m", "bybit-linear", from_trades(history.read("trades"), "1m"))
    quotes = pa.table(
        {
            "ts": [START, START + 5_000_000_000, START + 9_000_000_000], "id": [ID] * 3, "bid": [99.0, 99.0, 98.5], "bid_size": [1.0, 2.0, 3.0],
            "ask": [101.0, 100.5, 100.5], "ask_size": [1.0, 1.0, 4.0],
        }
    )  # fmt: skip
    history.append("quotes", "bybit-linear", quotes)
    return history


def test_nautilus_loaders_and_wranglers_find_their_columns(history: History, tmp_path: Path) -> None:
    files = {path.name: path for path in export(history, "nautilus", ID, tmp_path / "out")}
    assert sorted(files) == [f"BTCUSDT.bybit-linear-{name}.parquet" for name in ("bars-1m", "quotes", "trades")]
    frames = {name: pd.read_parquet(path).set_index("timestamp") for name, path in files.items()}
    trades, bars, quotes = (
        frames[f"BTCUSDT.bybit-linear-{name}.parquet"] for name in ("trades", "bars-1m", "quotes")
    )
    assert all(str(frame.index.tz) == "UTC" and frame.index.is_monotonic_increasing for frame in frames.values())
    assert trades.index[0] == pd.Timestamp(START, tz="UTC")
    assert list(trades.columns) == ["price", "quantity", "side", "buyer_maker", "trade_id"]
    assert trades["side"].tolist()[:2] == ["BUY", "SELL"]
    assert trades["buyer_maker"].tolist()[:2] == [False, True]
    assert list(bars.columns) == ["open", "high", "low", "close", "volume"]
    assert bars["volume"].sum() == 60.0
    assert list(quotes.columns) == ["bid_price", "ask_price", "bid_size", "ask_size"]


def test_hftbacktest_events(history: History, tmp_path: Path) -> None:
    (path,) = export(history, "hftbacktest", ID, tmp_path / "out")
    data = np.load(path)["data"]
    assert data.dtype.names == ("ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval")
    assert (np.diff(data["exch_ts"]) >= 0).all()
    assert (data["local_ts"] >= data["exch_ts"]).all()
    assert ((data["ev"] >> np.uint64(30)) & np.uint64(3) == 3).all()
    kind, buy = data["ev"] & np.uint64(0xFF), (data["ev"] >> np.uint64(29)) & np.uint64(1) == 1
    traded = data[kind == 2]
    assert traded["qty"].sum() == 60.0
    assert buy[kind == 2].sum() == 60
    bids = [(row["exch_ts"] - START, row["px"], row["qty"]) for row in data[(kind == 1) & buy]]
    s = 1_000_000_000
    assert bids == [(0, 99.0, 1.0), (5 * s, 99.0, 2.0), (9 * s, 99.0, 0.0), (9 * s, 98.5, 3.0)]
    depth: dict[float, float] = {}
    for row in data[(kind == 1) & ~buy]:
        depth[row["px"]] = row["qty"]
    assert {px: qty for px, qty in depth.items() if qty} == {100.5: 4.0}


def test_freqtrade_files(history: History, tmp_path: Path) -> None:
    files = export(history, "freqtrade", ID, tmp_path / "out", timeframes=("1m", "5m"))
    names = [str(path.relative_to(tmp_path / "out")) for path in files]
    assert names == ["futures/BTC_USDT_USDT-1m-futures.feather", "futures/BTC_USDT_USDT-trades.feather"]
    # How its data folder is searched.
    assert re.match(r"^([a-zA-Z_\d-]+)\-(\d+[a-zA-Z]{1,2})\-?([a-zA-Z_]*)?(?=\.)", files[0].name)
    bars = pd.read_feather(files[0])
    assert list(bars.columns) == ["date", "open", "high", "low", "close", "volume"]
    assert str(bars["date"].dtype) == "datetime64[ms, UTC]"
    trades = pd.read_feather(files[1])
    assert list(trades.columns) == ["timestamp", "id", "type", "side", "price", "amount", "cost"]
    assert trades["timestamp"][0] == START // 1_000_000
    assert set(trades["side"]) == {"buy", "sell"}


@pytest.mark.parametrize(
    ("market", "native", "pair"),
    [("bybit-spot", "BTCUSDT", "BTC_USDT"), ("bybit-linear", "1000PEPEUSDT", "1000PEPE_USDT_USDT"), ("okx-swap", "BTC-USDT-SWAP", "BTC_USDT_USDT"),
     ("binance-coinm", "BTCUSD", "BTC_USD_USD"), ("hyperliquid", "ETH", "ETH_USDC_USDC"), ("okx-spot", "ETH-BTC", "ETH_BTC")],
)  # fmt: skip
def test_pairs(market: str, native: str, pair: str) -> None:
    assert pair_of(market, native)[0] == pair


def test_the_command_line_and_its_refusals(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSTAPE_DATA", str(history.folder.parent))

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["export", "history", *arguments, "--out", str(tmp_path / "x")])
        return result.exit_code, result.output + str(result.exception or "")

    assert run("freqtrade", ID) == (
        0,
        f"{tmp_path}/x/futures/BTC_USDT_USDT-1m-futures.feather\n{tmp_path}/x/futures/BTC_USDT_USDT-trades.feather\n",
    )
    for arguments, said in (
        (("freqtrade", "bybit-linear:NONE"), "has nothing of bybit-linear:NONE"),
        (("freqtrade", ID, "--until", "2020-01-01"), "has nothing of"),
        (("freqtrade", "BTCUSDT"), "is no instrument"),
        (("nautilus", ID, "--timeframe", "7m"), "'7m' is not kept; allowed: 1s"),
        (("nautilus", ID, "--since", "soon"), "is no time"),
        (("backtrader", ID), "nautilus"),
    ):
        code, output = run(*arguments)
        assert code != 0
        assert said in output
    with pytest.raises(ConfigError, match="'x' is not known; allowed: nautilus"):
        export(history, "x", ID, tmp_path)
