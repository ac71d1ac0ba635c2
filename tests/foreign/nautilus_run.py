"""Reads exported Parquet the way nautilus_trader does, and backtests over it. Run by a Python that has it."""

import json
import sys
from decimal import Decimal
from pathlib import Path

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.persistence.loaders import ParquetBarDataLoader, ParquetTickDataLoader
from nautilus_trader.persistence.wranglers import BarDataWrangler, QuoteTickDataWrangler, TradeTickDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

folder = Path(sys.argv[1])
instrument = TestInstrumentProvider.btcusdt_perp_binance()
bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
stem = folder / "BTCUSDT.bybit-linear"
trades = TradeTickDataWrangler(instrument).process(ParquetTickDataLoader.load(f"{stem}-trades.parquet"))
quotes = QuoteTickDataWrangler(instrument).process(ParquetTickDataLoader.load(f"{stem}-quotes.parquet"))
bars = BarDataWrangler(bar_type, instrument).process(ParquetBarDataLoader.load(f"{stem}-bars-1m.parquet"))


class Counting(Strategy):
    """Takes everything and keeps its order."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = {"trades": 0, "quotes": 0, "bars": 0}
        self.times: list[int] = []
        self.known: list[int] = []

    def on_start(self) -> None:
        self.subscribe_trade_ticks(instrument.id)
        self.subscribe_quote_ticks(instrument.id)
        self.subscribe_bars(bar_type)

    def on_trade_tick(self, tick) -> None:
        self.seen["trades"] += 1
        self.times.append(tick.ts_event)

    def on_quote_tick(self, tick) -> None:
        self.seen["quotes"] += 1

    def on_bar(self, bar) -> None:
        self.known.append(self.seen["trades"])
        self.seen["bars"] += 1


engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
engine.add_venue(
    Venue("BINANCE"), OmsType.NETTING, AccountType.MARGIN, [Money(1_000, USDT)], default_leverage=Decimal(1)
)
engine.add_instrument(instrument)
for data in (trades, quotes, bars):
    engine.add_data(data)
strategy = Counting()
engine.add_strategy(strategy)
engine.run()
sys.stdout.write(
    json.dumps(
        {
            "trades": [
                [t.ts_event, float(t.price), float(t.size), t.aggressor_side.name, t.trade_id.value]
                for t in trades
            ],
            "quotes": [
                [q.ts_event, float(q.bid_price), float(q.bid_size), float(q.ask_price), float(q.ask_size)]
                for q in quotes
            ],
            "bars": [
                [b.ts_event, float(b.open), float(b.high), float(b.low), float(b.close), float(b.volume)]
                for b in bars
            ],
            "seen": strategy.seen,
            "known": strategy.known,
            "ordered": strategy.times == sorted(strategy.times),
        }
    )
    + "\n"
)
