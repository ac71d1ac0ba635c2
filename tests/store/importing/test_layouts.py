"""Files as the venues write them are known for what they are, and mean what they say."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from crosstape.model.event import Side
from crosstape.model.execution import Liquidity
from crosstape.store.importing.importer import preview
from crosstape.store.importing.layouts import LAYOUTS
from crosstape.store.importing.plan import Told
from store.importing.conftest import Desk

S = 1_767_225_600_000_000_000
MS = 1_767_225_600_000

# name of the file, its lines, (layout, id, ts, price, size, side, trade id) of its first row
TRADES = (
    ("BTCUSDT-trades-2026-01-01.csv",
     [f"17,90000.5,0.25,22500.1,{MS},True,True", f"18,90000.6,0.5,45000.3,{MS + 5},False,True"],
     ("Binance spot trades", "binance-spot:BTCUSDT", S, 90000.5, 0.25, "sell", "17")),
    ("BTCUSDT-trades-2026-01-02.csv", [f"17,90000.5,0.25,22500.1,{MS * 1000},False,True"],
     ("Binance spot trades", "binance-spot:BTCUSDT", S, 90000.5, 0.25, "buy", "17")),
    ("ETHUSDT-trades-2026-01.csv",
     ["id,price,qty,quote_qty,time,is_buyer_maker", f"9,3000.1,2,6000.2,{MS},false"],
     ("Binance futures trades", "binance-usdm:ETHUSDT", S, 3000.1, 2.0, "buy", "9")),
    ("ETHUSDT-trades-2026-02.csv", [f"9,3000.1,2,6000.2,{MS},true"],
     ("Binance futures trades", "binance-usdm:ETHUSDT", S, 3000.1, 2.0, "sell", "9")),
    ("BTCUSDT-aggTrades-2026-01.csv", [f"5,90000.5,0.25,100,103,{MS},true,true"],
     ("Binance spot aggregate trades", "binance-spot:BTCUSDT", S, 90000.5, 0.25, "sell", "5")),
    ("BTCUSDT-aggTrades-2026-02.csv",
     ["agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
      f"5,90000.5,0.25,100,103,{MS},false"],
     ("Binance futures aggregate trades", "binance-usdm:BTCUSDT", S, 90000.5, 0.25, "buy", "5")),
    ("BTCUSD_PERP-trades-2026-01.csv",
     ["id,price,qty,base_qty,time,is_buyer_maker", f"3,90000.5,12,0.0133,{MS},false"],
     ("Binance coin-margined trades", "binance-coinm:BTCUSD_PERP", S, 90000.5, 12.0, "buy", "3")),
    ("BTCUSDT2026-01-01.csv",
     ["timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional",
      "1767225600.0647,BTCUSDT,Sell,0.042,6698.5,PlusTick,ab-cd,2.8e+10,0.042,281.337"],
     ("Bybit trades", "bybit-linear:BTCUSDT", S + 64_700_000, 6698.5, 0.042, "sell", "ab-cd")),
    ("20260101.csv",
     ["timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional",
      "2026-01-01D00:00:00.257923000,XBTUSD,Buy,100,90000,ZeroPlusTick,ef,111,0.0011,100"],
     ("BitMEX trades", "bitmex:XBTUSD", S + 257_923_000, 90000.0, 100.0, "buy", "ef")),
    ("BTCUSDT_2026-01-01.csv", ["id,timestamp,price,volume,side", f"1,{MS},90000.5,0.1,buy"],
     ("Bybit spot trades", "bybit-spot:BTCUSDT", S, 90000.5, 0.1, "buy", "1")),
    ("BTC-USDT-SWAP-trades-2026-01-01.csv",
     ["trade_id/撮合id,side/交易方向,size/数量,price/价格,created_time/成交时间", f"8,sell,3,90000.5,{MS}"],
     ("OKX trades of one instrument", "okx-swap:BTC-USDT-SWAP", S, 90000.5, 3.0, "sell", "8")),
    ("allswap-trades.csv",
     ["instrument_name,trade_id,side,price,size,created_time", f"BTC-USDT-SWAP,8,buy,90000.5,3,{MS}"],
     ("OKX trades", "okx-swap:BTC-USDT-SWAP", S, 90000.5, 3.0, "buy", "8")),
    ("deribit.csv",
     ["trade_seq,trade_id,timestamp,tick_direction,price,mark_price,instrument_name,index_price,direction,amount",
      f"1,D-1,{MS},0,90000.5,90000,BTC-PERPETUAL,90001,sell,40"],
     ("Deribit trades", "deribit:BTC-PERPETUAL", S, 90000.5, 40.0, "sell", "D-1")),
    ("hl.ndjson", ['{"coin":"BTC","side":"A","px":"90000.5","sz":"0.25","time":%d,"hash":"0x1","tid":77}'.replace("%d", str(MS))],
     ("Hyperliquid trades", "hyperliquid:BTC", S, 90000.5, 0.25, "sell", "77")),
    ("BTC-USD.ndjson",
     ['{"time":"2026-01-01T00:00:00.5Z","trade_id":74,"price":"90000.5","size":"0.25","side":"sell"}'],
     ("Coinbase trades", "coinbase-spot:BTC-USD", S + 500_000_000, 90000.5, 0.25, "buy", "74")),
    ("XBTUSD.csv", ["1767225600,90000.5,0.25", "1767225601,90000.6,0.5"],
     ("Kraken trades", "kraken-spot:XBTUSD", S, 90000.5, 0.25, "", "#1767225600000000000/90000.5/0.25//0")),
    ("mine.csv", ["Date;Ticker;Last;Qty", "2026-01-01 01:00:00+01:00;SOL/USD;150.25;3"],
     ("generic", "import:SOL/USD", S, 150.25, 3.0, "", "#1767225600000000000/150.25/3.0//0")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "lines", "expected"), TRADES, ids=[expected[0] + " " + n for n, _, expected in TRADES]
)
def test_trades(
    name: str, lines: list[str], expected: tuple[object, ...], file: Callable[..., Path], desk: Desk
) -> None:
    path = file(name, *lines)
    outcome = desk.load(path)
    assert (outcome.layout, outcome.bad) == (expected[0], 0)
    rows = desk.history.read("trades").sort_by("ts").to_pylist()
    first = rows[0]
    found = (outcome.layout, *(first[field] for field in ("id", "ts", "price", "size", "side", "trade_id")))
    assert found == expected
    assert first["origin"] == "import"
    assert desk.load(path).new == 0


# name, lines, (layout, instrument, side, price, size, fee, fee asset, liquidity)
FILLS = (
    ("fills.ndjson",
     ['{"symbol":"BNBBTC","id":28457,"orderId":100234,"price":"4.00000100","qty":"12.0","quoteQty":"48","commission"'
      ':"10.1","commissionAsset":"BNB","time":%d,"isBuyer":true,"isMaker":false,"isBestMatch":true}'.replace('%d', str(MS))],
     ("Binance fills", "binance-spot:BNBBTC", Side.BUY, "4.000001", "12", "10.1", "BNB", Liquidity.TAKER)),
    ("futures.csv",
     ["symbol,id,orderId,side,price,qty,realizedPnl,quoteQty,commission,commissionAsset,time,positionSide,buyer,maker",
      f"BTCUSDT,698759,25851813,SELL,7819.01,0.002,-0.91,15.6,0.0625,USDT,{MS},SHORT,false,true"],
     ("Binance futures fills", "binance-usdm:BTCUSDT", Side.SELL, "7819.01", "0.002", "0.0625", "USDT",
      Liquidity.MAKER)),
    ("export.csv",
     ["Date(UTC),Pair,Side,Price,Executed,Amount,Fee",
      '2026-01-01 00:00:00,BTCUSDT,BUY,"90,000.5",0.5BTC,"45,000.25USDT",0.0005BNB'],
     ("Binance fills, exported", "binance-spot:BTCUSDT", Side.BUY, "90000.5", "0.5", "0.0005", "BNB",
      Liquidity.UNKNOWN)),
    ("bybit.csv",
     ["symbol,orderId,side,execPrice,execQty,execFee,feeCurrency,execId,isMaker,execTime",
      f"BTCUSDT,o-1,Buy,90000.5,0.1,4.95,USDT,e-1,false,{MS}"],
     ("Bybit fills", "bybit-linear:BTCUSDT", Side.BUY, "90000.5", "0.1", "4.95", "USDT", Liquidity.TAKER)),
    ("bitmex.csv",
     ["execID,orderID,symbol,side,lastQty,lastPx,lastLiquidityInd,transactTime",
      "x-1,o-1,XBTUSD,Sell,100,90000.5,AddedLiquidity,2026-01-01T00:00:00.000Z"],
     ("BitMEX fills", "bitmex:XBTUSD", Side.SELL, "90000.5", "100", "0", "", Liquidity.MAKER)),
    ("okx.csv",
     ["instId,tradeId,ordId,side,fillPx,fillSz,fee,feeCcy,execType,ts",
      f"BTC-USDT-SWAP,5,6,buy,90000.5,2,-0.9,USDT,M,{MS}"],
     ("OKX fills", "okx-swap:BTC-USDT-SWAP", Side.BUY, "90000.5", "2", "0.9", "USDT", Liquidity.MAKER)),
    ("deribit.csv",
     ["trade_id,order_id,instrument_name,direction,amount,price,fee,fee_currency,timestamp,liquidity",
      f"D-1,o-1,BTC-PERPETUAL,sell,10,90000.5,0.00001,BTC,{MS},T"],
     ("Deribit fills", "deribit:BTC-PERPETUAL", Side.SELL, "90000.5", "10", "0.00001", "BTC", Liquidity.TAKER)),
    ("coinbase.csv",
     ["portfolio,trade id,product,side,created at,size,size unit,price,fee,total,price/fee/total unit",
      "default,1,BTC-USD,BUY,2026-01-01T00:00:00.123Z,0.01,BTC,90000.5,4.5,-904.5,USD"],
     ("Coinbase fills", "coinbase-spot:BTC-USD", Side.BUY, "90000.5", "0.01", "4.5", "USD", Liquidity.UNKNOWN)),
    ("kraken.csv",
     ['"txid","ordertxid","pair","time","type","ordertype","price","cost","fee","vol","margin","misc","ledgers"',
      '"T-1","O-1","XXBTZUSD","2026-01-01 00:00:00.1234","sell","limit",90000.5,900.0,1.44,0.01,0.0,"","L1,L2"'],
     ("Kraken fills", "kraken-spot:XXBTZUSD", Side.SELL, "90000.5", "0.01", "1.44", "", Liquidity.UNKNOWN)),
    ("hyperliquid.ndjson",
     ['{"coin":"ETH","px":"3000.5","sz":"0.2","side":"B","time":%d,"startPosition":"0","dir":"Open Long","closedPnl":'
      '"0","hash":"0x","oid":9,"crossed":true,"fee":"0.27","tid":10,"feeToken":"USDC"}'.replace('%d', str(MS))],
     ("Hyperliquid fills", "hyperliquid:ETH", Side.BUY, "3000.5", "0.2", "0.27", "USDC", Liquidity.UNKNOWN)),
)  # fmt: skip


@pytest.mark.parametrize(("name", "lines", "expected"), FILLS, ids=[expected[0] for *_, expected in FILLS])
def test_fills(
    name: str, lines: list[str], expected: tuple[object, ...], file: Callable[..., Path], desk: Desk
) -> None:
    path = file(name, *lines)
    outcome = desk.load(path)
    assert (outcome.layout, outcome.new, outcome.reasons) == (expected[0], 1, ())
    (row,) = desk.ledger.executions.every()
    _, instrument, side, price, size, fee, asset, liquidity = expected
    assert (row.instrument, row.side, row.fee_asset, row.liquidity) == (instrument, side, asset, liquidity)
    assert (row.price, row.size, row.fee) == (Decimal(str(price)), Decimal(str(size)), Decimal(str(fee)))
    assert abs(row.ts - S) < 1_000_000_000
    assert desk.load(path).new == 0
    (stream,) = desk.ledger.streams.all()
    assert (stream.kind, stream.symbol, stream.count) == ("executions", instrument, 1)


KLINE = "90000,91000,89000,90500,12.5,{end},1131250,321,6.25,565625,0"
CANDLES = (
    ("BTCUSDT-1m-2026-01.csv", [f"{MS + n * 60_000}," + KLINE.format(end=MS + n * 60_000 + 59_999) for n in range(3)],
     ("Binance candles", "binance-usdm:BTCUSDT", "1m", 12.5, 1131250.0)),
    ("XBTUSD_60.csv", [f"{1_767_225_600 + n * 3_600},90000,91000,89000,90500,12.5,321" for n in range(3)],
     ("Kraken candles", "kraken-spot:XBTUSD", "1h", 12.5, None)),
    ("BTC-USDT-SWAP-candles.csv",
     ["ts,o,h,l,c,vol,volCcy,volCcyQuote,confirm",
      *(f"{MS + n * 300_000},90000,91000,89000,90500,1250,12.5,1131250,1" for n in range(3))],
     ("OKX candles", "okx-swap:BTC-USDT-SWAP", "5m", 12.5, 1131250.0)),
    ("BTCUSDT.csv",
     ["startTime,open,high,low,close,volume,turnover",
      *(f"{MS + n * 86_400_000},90000,91000,89000,90500,12.5,1131250" for n in range(3))],
     ("Bybit candles", "bybit-linear:BTCUSDT", "1d", 12.5, 1131250.0)),
    ("AAPL.csv",
     ["Date,Open,High,Low,Close,Volume", *(f"2026-01-0{n},90000,91000,89000,90500,12.5" for n in range(1, 4))],
     ("generic", "import:AAPL", "1d", 12.5, None)),
)  # fmt: skip


@pytest.mark.parametrize(("name", "lines", "expected"), CANDLES, ids=[expected[0] for *_, expected in CANDLES])
def test_candles(
    name: str, lines: list[str], expected: tuple[object, ...], file: Callable[..., Path], desk: Desk
) -> None:
    layout, id, timeframe, volume, turnover = expected
    outcome = desk.load(file(name, *lines))
    assert (outcome.layout, outcome.new, outcome.bad) == (layout, 3, 0)
    row = desk.history.read(f"candles_{timeframe}").to_pylist()[0]
    assert (row["id"], row["ts"], row["timeframe"]) == (id, S, timeframe)
    assert (row["open"], row["high"], row["low"], row["close"]) == (90000.0, 91000.0, 89000.0, 90500.0)
    assert row["volume"] == volume
    assert row["turnover"] == turnover or (turnover is None and row["turnover"] != row["turnover"])


def test_every_layout_is_shown_by_an_example() -> None:
    shown = {expected[0] for *_, expected in (*TRADES, *FILLS, *CANDLES)}
    # Two that differ from another only by the names of their columns.
    assert {layout.name for layout in LAYOUTS} - shown <= {
        "OKX trade messages", "Binance futures fills, exported",
    }  # fmt: skip


def test_what_is_not_sure_is_asked(file: Callable[..., Path]) -> None:
    both = preview(file("a.csv", "time,price,amount,volume", f"{MS},5,1,2"), Told(symbol="X"))
    assert both.plan.unsure == ("size: amount or volume? say --map size=COLUMN",)
    nameless = preview(file("_.csv", "time,price,size", f"{MS},5,1"), Told())
    assert nameless.plan.unsure[0].startswith("symbol: no column")
    lacking = preview(file("XY-1.csv", "time,cost,size", f"{MS},5,1"), Told())
    assert lacking.plan.unsure == ("price: no column for it; say --map price=COLUMN",)
    told = preview(file("XY-1.csv", "time,cost,size", f"{MS},5,1"), Told(columns={"price": "cost"}))
    assert not told.plan.unsure
    assert told.rows[0]["price"] == 5.0
    assert told.rows[0]["id"] == "import:XY"
