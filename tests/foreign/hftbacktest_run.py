"""Runs hftbacktest over an exported file. Run by a Python that has it."""

import json
import sys

import numpy as np
from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest
from hftbacktest.data import validate_event_order

path = sys.argv[1]
data = np.load(path)["data"]
validate_event_order(data)
asset = (
    BacktestAsset()
    .data([path])
    .linear_asset(1.0)
    .constant_order_latency(1_000_000, 1_000_000)
    .risk_adverse_queue_model()
    .no_partial_fill_exchange()
    .trading_value_fee_model(0.0, 0.0)
    .tick_size(0.1)
    .lot_size(0.001)
    .last_trades_capacity(1_000)
)
backtest = HashMapMarketDepthBacktest([asset])
traded, best = [], []
SIDES = {1: "sell", 2: "buy", 0: ""}
ended = False
while not ended:
    ended = backtest.elapse(1_000_000_000) != 0
    for trade in backtest.last_trades(0):
        side = SIDES[int(trade["ev"]) >> 28 & 3]
        traded.append([int(trade["exch_ts"]), float(trade["px"]), float(trade["qty"]), side])
    backtest.clear_last_trades(0)
    depth = backtest.depth(0)
    now = [depth.best_bid, depth.best_ask]
    if all(np.isfinite(now)) and (not best or best[-1][1:] != now):
        best.append([int(backtest.current_timestamp), *map(float, now)])
backtest.close()
sys.stdout.write(json.dumps({"trades": traded, "best": best, "events": len(data)}) + "\n")
