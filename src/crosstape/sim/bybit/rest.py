"""Bybit's public REST over one world: path and query in, native JSON out. Pure."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qs, quote, unquote

import msgspec

from crosstape.sim.answer import Answer
from crosstape.sim.bybit.native import instrument, ms, plain, rest_ticker, trade_id
from crosstape.sim.bybit.stream import Stream
from crosstape.sim.bybit.topics import CADENCE_MS, Book
from crosstape.sim.carry import BUCKET_NS, crowding
from crosstape.sim.history import DAYS_KEPT, MINUTES, unit_noise
from crosstape.sim.klines import SPANS, candles, start_of, texts

Query = Mapping[str, str]
Result = dict[str, object]
MS: Final = 1_000_000
BUCKETS: Final = {"5min": 1, "15min": 3, "30min": 6, "1h": 12, "4h": 48, "1d": 288}
DERIVATIVES: Final = ("linear", "inverse")


class BadParam(Exception):
    """The request cannot be answered: retCode 10001 with this message."""


def answer(stream: Stream, path: str, query: Query) -> Answer:
    """Any GET below the venue's root."""
    route, now = ROUTES.get(path), stream.world.now_ns // MS
    if route is None:
        body: Result = {"retCode": 10404, "retMsg": "op type is not found", "result": {}}
        return Answer(404, msgspec.json.encode(body | {"retExtInfo": {}, "time": now}))
    try:
        body = {"retCode": 0, "retMsg": "OK", "result": route(stream, query)}
    except BadParam as wrong:
        body = {"retCode": 10001, "retMsg": str(wrong), "result": {}}
    return Answer(200, msgspec.json.encode(body | {"retExtInfo": {}, "time": now}))


def category_of(query: Query, allowed: tuple[str, ...]) -> str:
    """The category, which must be one of these."""
    category = query.get("category", "linear" if "linear" in allowed else "")
    if category not in allowed:
        raise BadParam("Illegal category")
    return category


def row_of(stream: Stream, query: Query, allowed: tuple[str, ...]) -> tuple[str, str, int]:
    """Category, symbol and row of a request for one instrument."""
    category, symbol = category_of(query, allowed), query.get("symbol", "")
    row = stream.symbols[category].get(symbol)
    if row is None:
        raise BadParam("params error: symbol invalid" if symbol else "params error: symbol is required")
    return category, symbol, row


def number(query: Query, name: str, default: int, low: int, high: int) -> int:
    """An integer parameter in its bounds."""
    text = query.get(name, "")
    if not text:
        return default
    if not text.isdigit() or not low <= int(text) <= high:
        raise BadParam(f"params error: {name} invalid")
    return int(text)


def moment(query: Query, name: str, default: int) -> int:
    """A time in ms."""
    return number(query, name, default, 0, 1 << 62)


def cursor_of(query: Query) -> dict[str, str]:
    """What a cursor says; clients send it as they got it or decoded."""
    text = query.get("cursor", "")
    fields = {key: values[-1] for key, values in parse_qs(unquote(text)).items()}
    if text and "last" not in fields:
        raise BadParam("params error: cursor invalid")
    return fields


def instruments(stream: Stream, query: Query) -> Result:
    """Everything that trades; linear and inverse come in pages."""
    category = category_of(query, (*DERIVATIVES, "spot", "option"))
    status, only = query.get("status", "Trading"), query.get("symbol", "")
    limit, after = number(query, "limit", 500, 1, 1000), cursor_of(query).get("last", "")
    if category == "option" or status != "Trading":
        return {"category": category, "list": [], "nextPageCursor": ""}
    contracts, coin = stream.world.rows.contracts, query.get("baseCoin", "")
    found = [
        (contracts[row], row)
        for symbol, row in stream.symbols[category].items()
        if symbol > after and only in ("", symbol) and coin in ("", contracts[row].base)
    ]
    if category == "spot":
        return {"category": category, "list": [instrument(c, row) for c, row in found]}
    page = found[:limit]
    more = len(found) > len(page)
    cursor = quote(f"first={page[0][0].symbol}&last={page[-1][0].symbol}", safe="") if more else ""
    return {"category": category, "list": [instrument(c, row) for c, row in page], "nextPageCursor": cursor}


def tickers(stream: Stream, query: Query) -> Result:
    """One ticker or a whole category."""
    category = category_of(query, (*DERIVATIVES, "spot", "option"))
    if category == "option":
        return {"category": category, "list": []}
    rows = [row_of(stream, query, (category,))[2]] if query.get("symbol") else stream.symbols[category].values()
    return {"category": category, "list": [rest_ticker(stream.world, row) for row in rows]}


def orderbook(stream: Stream, query: Query) -> Result:
    """The book's top; `u` is that of the 1000-level topic."""
    category, symbol, row = row_of(stream, query, (*DERIVATIVES, "spot"))
    depth = number(query, "limit", 25 if category != "spot" else 1, 1, 1000)
    contract, ladder = stream.world.rows.contracts[row], stream.world.trading.ladders[row]

    def levels(side: dict[int, int], sign: int) -> list[tuple[str, str]]:
        found = [(sign * key, lots) for key, lots in reversed(side.items()) if sign * key > 0]
        return [(contract.price_text(price), contract.size_text(lots)) for price, lots in found]

    now, topic = stream.world.now_ns // MS, stream.topics.get((category, f"orderbook.1000.{symbol}"))
    seq = stream.world.trading.seq[row]
    books = [stream.topics.get((category, f"orderbook.{depth}.{symbol}")) for depth in CADENCE_MS]
    changed = (book.changed_ns // MS for book in books if isinstance(book, Book) and book.seq == seq)
    return {
        "s": symbol,
        "b": levels(ladder.bids.top(depth), 1),
        "a": levels(ladder.asks.top(depth), -1),
        "ts": now,
        "u": getattr(topic, "u", seq % 1_000_000_000),
        "seq": seq,
        "cts": next(changed, now),
    }


def recent_trade(stream: Stream, query: Query) -> Result:
    """The newest trades since the start, newest first."""
    category, symbol, row = row_of(stream, query, (*DERIVATIVES, "spot"))
    spot = category == "spot"
    limit = number(query, "limit", 60 if spot else 500, 1, 60 if spot else 1000)
    contract, salt = stream.world.rows.contracts[row], stream.world.rows.salt[row]
    newest = [t for t, _ in zip(reversed(stream.recent[row]), range(limit), strict=False)]
    return {"category": category, "list": [
        {
            "execId": trade_id(salt, t, spot), "symbol": symbol, "price": contract.price_text(t.price),
            "size": contract.size_text(t.lots), "side": "Buy" if t.buy else "Sell", "time": ms(t.ts_ns),
            "isBlockTrade": False, "isRPITrade": False, "seq": str(t.seq),
        }
        for t in newest
    ]}  # fmt: skip


def candle_rows(stream: Stream, query: Query, allowed: tuple[str, ...]) -> tuple[str, str, list[list[str]]]:
    """Category, symbol and candles, newest first: up to `limit` of them, the newest when there are more."""
    category, symbol, row = row_of(stream, query, allowed)
    interval, limit = query.get("interval", ""), number(query, "limit", 200, 1, 1000)
    if interval not in SPANS:
        raise BadParam("params error: interval invalid")
    now, span = stream.world.now_ns // 60_000_000_000, SPANS[interval]
    first = -(-moment(query, "start", 0) // 60_000)
    unbounded = first + limit * span - 1 if first and "end" not in query else now
    last = min(moment(query, "end", unbounded * 60_000) // 60_000, now)
    oldest = start_of(last, interval) - (limit - 1) * (span + (MINUTES if interval == "M" else 0))
    first = max(first, oldest, now - (DAYS_KEPT + 2) * MINUTES)
    if first > last:
        return category, symbol, []
    found = texts(stream.world.rows.contracts[row], candles(stream.world, row, interval, first, last))
    return category, symbol, found[::-1][:limit]


def kline(stream: Stream, query: Query) -> Result:
    """Candles of trades."""
    category, symbol, rows = candle_rows(stream, query, (*DERIVATIVES, "spot"))
    return {"category": category, "symbol": symbol, "list": rows}


def price_kline(stream: Stream, query: Query) -> Result:
    """Candles of mark or index: those of trades, which stay within a spread of both."""
    category, symbol, rows = candle_rows(stream, query, DERIVATIVES)
    return {"category": category, "symbol": symbol, "list": [row[:5] for row in rows]}


def premium_kline(stream: Stream, query: Query) -> Result:
    """Candles of the premium: a basis point or two either way."""
    category, symbol, rows = candle_rows(stream, query, DERIVATIVES)
    salt = stream.world.rows.salt[stream.symbols[category][symbol]]
    premiums = []
    for row in rows:
        opened, high, low, close = (2e-4 * unit_noise(salt, 41, int(row[0]), i) for i in range(4))
        top, bottom = max(opened, high, low, close), min(opened, high, low, close)
        premiums.append([row[0], *(f"{value:.6f}" for value in (opened, top, bottom, close))])
    return {"category": category, "symbol": symbol, "list": premiums}


def funding_history(stream: Stream, query: Query) -> Result:
    """Settled rates, newest first."""
    category, symbol, row = row_of(stream, query, DERIVATIVES)
    if "startTime" in query and "endTime" not in query:
        raise BadParam("params error: endTime is required with startTime")
    limit, contract = number(query, "limit", 200, 1, 200), stream.world.rows.contracts[row]
    first = max(moment(query, "startTime", 0) * MS, contract.launch_ns)
    last = min(moment(query, "endTime", 1 << 53) * MS, stream.world.now_ns)
    carry = stream.world.trading.carry[row]
    rates = carry.rates(first, last, limit) if carry.interval_ns else []
    return {"category": category, "list": [
        {"symbol": symbol, "fundingRate": plain(rate), "fundingRateTimestamp": ms(ts)} for ts, rate in rates
    ]}  # fmt: skip


def marks(stream: Stream, query: Query, name: str, limit: int) -> tuple[list[int], str]:
    """Five-minute marks that a request is about, newest first, and the next page's cursor."""
    step = BUCKETS.get(query.get(name, ""))
    if step is None:
        raise BadParam(f"params error: {name} invalid")
    last = min(moment(query, "endTime", 1 << 53) * MS, stream.world.now_ns) // BUCKET_NS
    if "cursor" in query:
        last = min(last, moment(cursor_of(query), "last", 0) * MS // BUCKET_NS - 1)
    first = -(-moment(query, "startTime", 0) * MS // BUCKET_NS)
    first = max(first, stream.world.start_ns // BUCKET_NS - DAYS_KEPT * 288)
    found = [last // step * step - i * step for i in range(limit + 1)]
    page = [bucket for bucket in found if bucket >= first]
    more = len(page) > limit
    return page[:limit], quote(f"last={page[limit - 1] * BUCKET_NS // MS}", safe="") if more else ""


def open_interest(stream: Stream, query: Query) -> Result:
    """Open interest at marks: both sides and one side."""
    category, symbol, row = row_of(stream, query, DERIVATIVES)
    buckets, cursor = marks(stream, query, "intervalTime", number(query, "limit", 50, 1, 200))
    contract, carry = stream.world.rows.contracts[row], stream.world.trading.carry[row]
    found = [(bucket, carry.interest(bucket)) for bucket in buckets]
    return {
        "symbol": symbol, "category": category, "nextPageCursor": cursor,
        "list": [
            {
                "openInterest": contract.size_text(2 * oi), "singleOpenInterest": contract.size_text(oi),
                "timestamp": ms(bucket * BUCKET_NS),
            }
            for bucket, oi in found
        ],
    }  # fmt: skip


def account_ratio(stream: Stream, query: Query) -> Result:
    """Share of accounts that are long and short at marks."""
    _, symbol, row = row_of(stream, query, DERIVATIVES)
    buckets, cursor = marks(stream, query, "period", number(query, "limit", 50, 1, 500))
    world = stream.world
    crowd, salt = float(world.cascade.crowd[world.rows.asset[row]]), world.rows.salt[row]
    found = [(bucket, round(crowding(salt, bucket, crowd), 4)) for bucket in buckets]
    return {"nextPageCursor": cursor, "list": [
        {
            "symbol": symbol, "buyRatio": plain(buy, 4), "sellRatio": plain(1 - buy, 4),
            "timestamp": ms(b * BUCKET_NS),
        }
        for b, buy in found
    ]}  # fmt: skip


def risk_limit(stream: Stream, query: Query) -> Result:
    """Three tiers a symbol, 15 symbols a page."""
    category = category_of(query, DERIVATIVES)
    after, only = cursor_of(query).get("last", ""), query.get("symbol", "")
    symbols = [s for s in stream.symbols[category] if s > after and only in ("", s)]
    tiers = [
        (1, "2000000", "0.01", "50.00", 1),
        (2, "4000000", "0.02", "25.00", 0),
        (3, "8000000", "0.05", "10.00", 0),
    ]
    rows = [
        {
            "id": tier, "symbol": symbol, "riskLimitValue": value, "maintenanceMargin": margin,
            "initialMargin": plain(2 * float(margin)), "isLowestRisk": lowest,
            "maxLeverage": leverage, "mmDeduction": "",
        }
        for symbol in symbols[:15]
        for tier, value, margin, leverage, lowest in tiers
    ]  # fmt: skip
    cursor = quote(f"last={symbols[14]}", safe="") if len(symbols) > 15 else ""
    return {"category": category, "list": rows, "nextPageCursor": cursor}


def time(stream: Stream, query: Query) -> Result:
    """The venue's clock."""
    return {"timeSecond": str(stream.world.now_ns // 1_000_000_000), "timeNano": str(stream.world.now_ns)}


def status(stream: Stream, query: Query) -> Result:
    """No maintenance is planned."""
    return {"list": []}


ROUTES: Final[Mapping[str, Callable[[Stream, Query], Result]]] = {
    "/v5/market/instruments-info": instruments,
    "/v5/market/tickers": tickers,
    "/v5/market/orderbook": orderbook,
    "/v5/market/recent-trade": recent_trade,
    "/v5/market/kline": kline,
    "/v5/market/mark-price-kline": price_kline,
    "/v5/market/index-price-kline": price_kline,
    "/v5/market/premium-index-price-kline": premium_kline,
    "/v5/market/funding/history": funding_history,
    "/v5/market/open-interest": open_interest,
    "/v5/market/account-ratio": account_ratio,
    "/v5/market/risk-limit": risk_limit,
    "/v5/market/time": time,
    "/v5/system/status": status,
}
