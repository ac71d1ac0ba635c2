"""Reads an exported data folder the way freqtrade does. Run by a Python that has it."""

import json
import sys
from pathlib import Path

from freqtrade.data.converter import trades_to_ohlcv
from freqtrade.data.history import load_pair_history
from freqtrade.data.history.datahandlers import get_datahandler
from freqtrade.enums import CandleType, TradingMode

folder, pair = Path(sys.argv[1]), sys.argv[2]
handler = get_datahandler(folder, "feather")
mode = TradingMode.FUTURES if ":" in pair else TradingMode.SPOT
candle = CandleType.FUTURES if ":" in pair else CandleType.SPOT
bars = load_pair_history(pair, "1m", folder, data_format="feather", candle_type=candle, fill_up_missing=False,
                         drop_incomplete=False)  # fmt: skip
trades = handler.trades_load(pair, mode)
made = trades_to_ohlcv(trades, "1m")
sys.stdout.write(
    json.dumps(
        {
            "available": [
                [name, tf, str(kind)] for name, tf, kind in handler.ohlcv_get_available_data(folder, mode)
            ],
            "with_trades": handler.trades_get_available_data(folder, mode),
            "bars": [
                [int(row.date.timestamp() * 1000), row.open, row.high, row.low, row.close, row.volume]
                for row in bars.itertuples()
            ],
            "made": [
                [int(row.date.timestamp() * 1000), row.open, row.high, row.low, row.close, row.volume]
                for row in made.itertuples()
            ],
            "trades": [
                [int(row.timestamp), row.id, row.side, row.price, row.amount, row.cost]
                for row in trades.itertuples()
            ],
        }
    )
    + "\n"
)
