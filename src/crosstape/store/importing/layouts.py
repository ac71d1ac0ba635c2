"""How the files of venues look: which column holds what. Names are compared without case and punctuation."""

from __future__ import annotations

from typing import Literal

import msgspec

ImportKind = Literal["trades", "candles", "executions"]
NEEDED: dict[str, tuple[str, ...]] = {
    "trades": ("ts", "price", "size"),
    "candles": ("ts", "open", "high", "low", "close"),
    "executions": ("ts", "price", "size", "side"),
}
FIELDS: dict[str, tuple[str, ...]] = {
    "trades": ("ts", "symbol", "price", "size", "side", "buyer_maker", "trade_id"),
    "candles": ("ts", "symbol", "open", "high", "low", "close", "volume", "turnover", "trades",
                "taker_buy_volume"),
    "executions": ("ts", "symbol", "price", "size", "side", "buyer", "fee", "fee_asset", "trade_id", "order_id",
                   "maker", "liquidity"),
}  # fmt: skip


class Layout(msgspec.Struct, frozen=True):
    """columns   field -> the column that holds it
    market    of its instruments, where the file does not say
    order     columns of a file without a header, in order
    told_by   further columns that must be there
    bare      only without a header: with one, the names would be anybody's
    stamp     what must occur in the time column
    flipped   the side is the maker's: the taker's is the other
    paid      a negative fee was paid
    """

    name: str
    kind: ImportKind
    columns: dict[str, str]
    market: str
    order: tuple[str, ...] = ()
    told_by: tuple[str, ...] = ()
    bare: bool = False
    stamp: str = ""
    flipped: bool = False
    paid: bool = False


_BITMEX = {"ts": "timestamp", "symbol": "symbol", "side": "side", "size": "size", "price": "price",
           "trade_id": "trdMatchID"}  # fmt: skip
_BINANCE = {"ts": "time", "price": "price", "size": "qty", "buyer_maker": "is_buyer_maker", "trade_id": "id"}
_AGGREGATE = {"ts": "transact_time", "price": "price", "size": "quantity", "buyer_maker": "is_buyer_maker",
              "trade_id": "agg_trade_id"}  # fmt: skip
_TRADE = ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker")
_AGGREGATED = ("agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time",
               "is_buyer_maker")  # fmt: skip
_KLINE = ("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
          "taker_buy_volume", "taker_buy_quote_volume", "ignore")  # fmt: skip
_BAR = {"open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume"}

# The first that fits is taken: own fills have the columns of trades, and more.
LAYOUTS: tuple[Layout, ...] = (
    Layout("Binance fills", "executions",
           {"ts": "time", "symbol": "symbol", "price": "price", "size": "qty", "buyer": "isBuyer",
            "fee": "commission", "fee_asset": "commissionAsset", "trade_id": "id", "order_id": "orderId",
            "maker": "isMaker"}, "binance-spot"),
    Layout("Binance futures fills", "executions",
           {"ts": "time", "symbol": "symbol", "price": "price", "size": "qty", "side": "side", "fee": "commission",
            "fee_asset": "commissionAsset", "trade_id": "id", "order_id": "orderId", "maker": "maker"},
           "binance-usdm"),
    Layout("Binance fills, exported", "executions",
           {"ts": "Date(UTC)", "symbol": "Pair", "side": "Side", "price": "Price", "size": "Executed",
            "fee": "Fee"}, "binance-spot"),
    Layout("Binance futures fills, exported", "executions",
           {"ts": "Time(UTC)", "symbol": "Symbol", "side": "Side", "price": "Price", "size": "Quantity",
            "fee": "Fee"}, "binance-usdm"),
    Layout("Bybit fills", "executions",
           {"ts": "execTime", "symbol": "symbol", "side": "side", "price": "execPrice", "size": "execQty",
            "fee": "execFee", "fee_asset": "feeCurrency", "trade_id": "execId", "order_id": "orderId",
            "maker": "isMaker"}, "bybit-linear"),
    Layout("BitMEX fills", "executions",
           {"ts": "transactTime", "symbol": "symbol", "side": "side", "price": "lastPx", "size": "lastQty",
            "trade_id": "execID", "order_id": "orderID", "liquidity": "lastLiquidityInd"}, "bitmex"),
    Layout("OKX fills", "executions",
           {"ts": "ts", "symbol": "instId", "side": "side", "price": "fillPx", "size": "fillSz", "fee": "fee",
            "fee_asset": "feeCcy", "trade_id": "tradeId", "order_id": "ordId", "liquidity": "execType"},
           "okx-swap", paid=True),
    Layout("Deribit fills", "executions",
           {"ts": "timestamp", "symbol": "instrument_name", "side": "direction", "price": "price",
            "size": "amount", "fee": "fee", "fee_asset": "fee_currency", "trade_id": "trade_id",
            "order_id": "order_id", "liquidity": "liquidity"}, "deribit"),
    Layout("Coinbase fills", "executions",
           {"ts": "created at", "symbol": "product", "side": "side", "price": "price", "size": "size",
            "fee": "fee", "fee_asset": "price/fee/total unit", "trade_id": "trade id"}, "coinbase-spot"),
    Layout("Kraken fills", "executions",
           {"ts": "time", "symbol": "pair", "side": "type", "price": "price", "size": "vol", "fee": "fee",
            "trade_id": "txid", "order_id": "ordertxid"}, "kraken-spot"),
    Layout("Hyperliquid fills", "executions",
           {"ts": "time", "symbol": "coin", "side": "side", "price": "px", "size": "sz", "fee": "fee",
            "fee_asset": "feeToken", "trade_id": "tid", "order_id": "oid"}, "hyperliquid"),
    Layout("Binance spot trades", "trades", _BINANCE, "binance-spot", (*_TRADE, "is_best_match"),
           ("is_best_match",)),
    Layout("Binance futures trades", "trades", _BINANCE, "binance-usdm", _TRADE, ("quote_qty",)),
    Layout("Binance coin-margined trades", "trades", _BINANCE, "binance-coinm", told_by=("base_qty",)),
    Layout("Binance spot aggregate trades", "trades", _AGGREGATE, "binance-spot", (*_AGGREGATED, "is_best_match"),
           ("is_best_match",)),
    Layout("Binance futures aggregate trades", "trades", _AGGREGATE, "binance-usdm", _AGGREGATED),
    Layout("Binance candles", "candles",
           {"ts": "open_time", **_BAR, "turnover": "quote_volume", "trades": "count",
            "taker_buy_volume": "taker_buy_volume"}, "binance-usdm", _KLINE, ("close_time",)),
    Layout("BitMEX trades", "trades", _BITMEX, "bitmex", stamp="-"),
    Layout("Bybit trades", "trades", _BITMEX, "bybit-linear"),
    Layout("Bybit spot trades", "trades",
           {"ts": "timestamp", "price": "price", "size": "volume", "side": "side", "trade_id": "id"},
           "bybit-spot"),
    Layout("OKX trades", "trades",
           {"ts": "created_time", "symbol": "instrument_name", "price": "price", "size": "size", "side": "side",
            "trade_id": "trade_id"}, "okx-swap"),
    Layout("OKX trades of one instrument", "trades",
           {"ts": "created_time", "price": "price", "size": "size", "side": "side", "trade_id": "trade_id"},
           "okx-swap"),
    Layout("OKX trade messages", "trades",
           {"ts": "ts", "symbol": "instId", "price": "px", "size": "sz", "side": "side", "trade_id": "tradeId"},
           "okx-swap"),
    Layout("Deribit trades", "trades",
           {"ts": "timestamp", "symbol": "instrument_name", "price": "price", "size": "amount",
            "side": "direction", "trade_id": "trade_id"}, "deribit", told_by=("tick_direction",)),
    Layout("Hyperliquid trades", "trades",
           {"ts": "time", "symbol": "coin", "price": "px", "size": "sz", "side": "side", "trade_id": "tid"},
           "hyperliquid", told_by=("hash",)),
    Layout("Kraken trades", "trades", {"ts": "time", "price": "price", "size": "volume"}, "kraken-spot",
           ("time", "price", "volume"), bare=True),
    Layout("Kraken candles", "candles", {"ts": "time", **_BAR, "trades": "trades"}, "kraken-spot",
           ("time", "open", "high", "low", "close", "volume", "trades"), bare=True),
    Layout("OKX candles", "candles",
           {"ts": "ts", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "volCcy",
            "turnover": "volCcyQuote"}, "okx-swap"),
    Layout("Bybit candles", "candles", {"ts": "startTime", **_BAR, "turnover": "turnover"}, "bybit-linear"),
    Layout("Coinbase trades", "trades",
           {"ts": "time", "price": "price", "size": "size", "side": "side", "trade_id": "trade_id"},
           "coinbase-spot", flipped=True),
)  # fmt: skip

# What files that follow nobody call their columns; the first that is there is taken.
WORDS: dict[str, tuple[str, ...]] = {
    "ts": ("ts", "timestamp", "time", "datetime", "date", "open_time", "start", "created_at", "t", "timestamp_ms",
           "ts_event", "time_exchange"),
    "symbol": ("symbol", "instrument", "ticker", "pair", "market", "coin", "product", "s", "product_id"),
    "price": ("price", "px", "p", "last", "fill_price", "avg_price", "rate"),
    "size": ("size", "qty", "quantity", "amount", "volume", "vol", "sz", "q", "v", "base_volume", "filled"),
    "side": ("side", "taker_side", "direction", "type", "aggressor", "taker"),
    "buyer_maker": ("buyer_maker", "is_buyer_maker", "m"),
    "trade_id": ("trade_id", "id", "tid", "exec_id", "execution_id", "match_id", "fill_id", "txid"),
    "open": ("open", "o"), "high": ("high", "h"), "low": ("low", "l"), "close": ("close", "c"),
    "volume": ("volume", "vol", "v", "base_volume", "amount"),
    "turnover": ("turnover", "quote_volume", "value", "quote_asset_volume"),
    "trades": ("trades", "count", "trade_count", "number_of_trades", "n"),
    "taker_buy_volume": ("taker_buy_volume", "taker_buy_base_asset_volume"),
    "fee": ("fee", "commission", "fees", "fee_cost"),
    "fee_asset": ("fee_asset", "fee_currency", "commission_asset", "fee_ccy", "fee_coin", "fee_token"),
    "order_id": ("order_id", "oid", "order"),
    "liquidity": ("liquidity", "taker_or_maker", "role"),
    "maker": ("maker", "is_maker"),
    "buyer": ("buyer", "is_buyer"),
}  # fmt: skip


def plain(name: str) -> str:
    """A column's name as it is compared; what OKX adds in Chinese behind a slash does not count."""
    first, _, rest = name.strip().lower().partition("/")
    whole = first if rest and not rest.isascii() else name.strip().lower()
    return "".join(c for c in whole if c.isalnum()) or whole
