"""Binance's public REST over one world: path and query in, native JSON out. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from crosstape.sim.answer import Answer
from crosstape.sim.binance.native import MS, SHOWN, Row, instrument, levels, plain, ticker_row, touch
from crosstape.sim.binance.stream import Stream
from crosstape.sim.carry import BUCKET_NS, crowding
from crosstape.sim.dialect import Query
from crosstape.sim.klines import SPANS, candles
from crosstape.sim.weights import Weights

MARKET_OF: Final = {"/fapi/v1/": "usdm", "/api/v3/": "spot"}
INTERVALS: Final = {
    "1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "4h": "240", "6h": "360",
    "12h": "720", "1d": "D", "1w": "W", "1M": "M",
}  # fmt: skip
HOUR_NS: Final = 3_600_000_000_000
PERIODS: Final = {"5m": 1, "15m": 3, "30m": 6, "1h": 12, "2h": 24, "4h": 48, "6h": 72, "12h": 144, "1d": 288}
BUSY: Final = Answer(429, b'{"code":-1003,"msg":"Too many requests; current limit is exceeded."}')


class Wrong(Exception):
    """The request cannot be answered: their code and message, status 400."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code


def answer(stream: Stream, weights: Mapping[str, Weights], path: str, query: Query) -> Answer:
    """Any GET; weights are counted before anything else."""
    root = next((root for root in MARKET_OF if path.startswith(root)), "")
    if path.startswith("/dapi/v1/"):
        return _no_coins(path)
    route = (FUTURES_DATA.get(path) if not root else ROUTES.get(path.removeprefix(root))) or None
    if route is None or (root == "/api/v3/" and path.removeprefix(root) in FUTURES_ONLY):
        return Answer(404, b'{"code":-5000,"msg":"Path is invalid"}')
    market = MARKET_OF.get(root, "usdm")
    counted = weights[market]
    cost = _cost(path.removeprefix(root), query, market)
    if (refused := counted.spend(stream.world.now_ns, cost)) is not None:
        status, wait_s = refused
        return Answer(status, BUSY.body, {"Retry-After": str(wait_s)})
    headers = {"X-MBX-USED-WEIGHT-1M": str(counted.used)}
    try:
        return Answer(200, msgspec.json.encode(route(stream, market, query)), headers)
    except Wrong as wrong:
        return Answer(400, msgspec.json.encode({"code": wrong.code, "msg": str(wrong)}), headers)


def _no_coins(path: str) -> Answer:
    """No COIN-M contract is listed here."""
    body = b'{"symbols":[],"serverTime":0}' if path.endswith("exchangeInfo") else b"[]"
    return Answer(200, body)


def _cost(path: str, query: Query, market: str) -> int:
    one, spot = "symbol" in query, market == "spot"
    if path == "depth":
        limit = int(query.get("limit") or 500) if (query.get("limit") or "500").isdigit() else 500
        steps = (5, 25, 50, 250) if spot else (2, 5, 10, 20)
        bounds = (100, 500, 1000) if spot else (50, 100, 500)
        return next((cost for cost, most in zip(steps, bounds, strict=False) if limit <= most), steps[-1])
    costs = {
        "exchangeInfo": 20 if spot else 1, "ticker/24hr": (2 if spot else 1) if one else (80 if spot else 40),
        "ticker/bookTicker": 2 if one else 5, "premiumIndex": 1 if one else 10, "klines": 2 if spot else 5,
        "aggTrades": 4 if spot else 20, "trades": 25 if spot else 5,
    }  # fmt: skip
    return costs.get(path, 1)


def row_of(stream: Stream, market: str, query: Query) -> int:
    """The row of a request for one instrument."""
    symbol = query.get("symbol", "")
    if not symbol:
        raise Wrong(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    row = stream.symbols[market].get(symbol)
    if row is None:
        raise Wrong(-1121, "Invalid symbol.")
    return row


def number(query: Query, name: str, default: int, most: int) -> int:
    """A whole number up to `most`."""
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit()):
        raise Wrong(-1100, f"Illegal characters found in parameter '{name}'.")
    return min(int(text), most)


def catalogue(stream: Stream, market: str, query: Query) -> Row:
    """Everything that trades."""
    contracts, only = stream.world.rows.contracts, query.get("symbol", "")
    symbols = [instrument(contracts[r]) for s, r in stream.symbols[market].items() if only in ("", s)]
    limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1,
               "limit": 6000 if market == "spot" else 2400}]  # fmt: skip
    return {
        "timezone": "UTC", "serverTime": stream.world.now_ns // MS, "rateLimits": limits, "exchangeFilters": [],
        "assets": [], "symbols": symbols,
    }  # fmt: skip


def depth(stream: Stream, market: str, query: Query) -> Row:
    """The book as of the row's sequence number, which the diff stream counts as well."""
    row, limit = row_of(stream, market, query), min(number(query, "limit", 500, 5000), SHOWN)
    world = stream.world
    contract, ladder, now = world.rows.contracts[row], world.trading.ladders[row], world.now_ns // MS
    times = {} if market == "spot" else {"E": now, "T": now}
    return {"lastUpdateId": world.trading.seq[row], **times, "bids": levels(contract, ladder.bids.top(limit), 1),
            "asks": levels(contract, ladder.asks.top(limit), -1)}  # fmt: skip


def one_or_all(
    say: Callable[[Stream, int], Row],
) -> Callable[[Stream, str, Query], object]:
    """A route that answers for one symbol, or with a list for all."""

    def route(stream: Stream, market: str, query: Query) -> object:
        if "symbol" in query:
            return say(stream, row_of(stream, market, query))
        return [say(stream, row) for row in stream.symbols[market].values()]

    return route


def day(stream: Stream, row: int) -> Row:
    """ticker/24hr."""
    return ticker_row(stream.world, row)


def book_ticker(stream: Stream, row: int) -> Row:
    """ticker/bookTicker."""
    bid, bid_size, ask, ask_size = touch(stream.world, row)
    found: Row = {"symbol": stream.world.rows.contracts[row].symbol, "bidPrice": bid, "bidQty": bid_size}
    return found | {"askPrice": ask, "askQty": ask_size, "lastUpdateId": stream.world.trading.seq[row]}


def premium(stream: Stream, row: int) -> Row:
    """premiumIndex: mark, index and the rate that is building up."""
    world = stream.world
    carry, perp = world.trading.carry[row], world.rows.contracts[row].kind == "PERP"
    mark, index = plain(float(world.mark[row])), plain(float(world.index[row]))
    return {
        "symbol": world.rows.contracts[row].symbol, "markPrice": mark, "indexPrice": index,
        "estimatedSettlePrice": index, "lastFundingRate": plain(carry.rate) if perp else "",
        "interestRate": "0.00010000" if perp else "", "nextFundingTime": carry.next_ns // MS if perp else 0,
        "time": world.now_ns // MS,
    }  # fmt: skip


def open_interest(stream: Stream, market: str, query: Query) -> Row:
    """One symbol, one side, now."""
    row = row_of(stream, market, query)
    contract = stream.world.rows.contracts[row]
    oi = contract.size_text(stream.world.trading.carry[row].oi)
    return {"symbol": contract.symbol, "openInterest": oi, "time": stream.world.now_ns // MS}


def funding_intervals(stream: Stream, market: str, query: Query) -> list[Row]:
    """Those that do not pay every eight hours."""
    found = (
        (stream.world.rows.contracts[r], stream.world.trading.carry[r]) for r in stream.symbols[market].values()
    )
    return [
        {
            "symbol": c.symbol, "adjustedFundingRateCap": plain(carry.cap()),
            "adjustedFundingRateFloor": plain(-carry.cap()), "fundingIntervalHours": c.funding_hours,
            "disclaimer": False,
        }
        for c, carry in found
        if c.funding_hours not in (0, 8)
    ]  # fmt: skip


def funding_rate(stream: Stream, market: str, query: Query) -> list[Row]:
    """Settled rates, oldest first."""
    row, world = row_of(stream, market, query), stream.world
    contract, carry = world.rows.contracts[row], world.trading.carry[row]
    first = max(number(query, "startTime", 0, 1 << 53) * MS, contract.launch_ns)
    last = min(number(query, "endTime", 1 << 53, 1 << 53) * MS, world.now_ns)
    rates = carry.rates(first, last, number(query, "limit", 200, 1000)) if carry.interval_ns else []
    return [
        {"symbol": contract.symbol, "fundingTime": ts // MS, "fundingRate": plain(rate), "markPrice": "",
         "rateType": "Regular"}
        for ts, rate in reversed(rates)
    ]  # fmt: skip


def klines(stream: Stream, market: str, query: Query) -> list[list[object]]:
    """Candles, oldest first; taker buys are half of all."""
    row, limit = row_of(stream, market, query), number(query, "limit", 500, 1000 if market == "spot" else 1500)
    interval = INTERVALS.get(query.get("interval", ""))
    if interval is None:
        raise Wrong(-1120, "Invalid interval.")
    now, span = stream.world.now_ns // (60_000 * MS), SPANS[interval]
    last = min(number(query, "endTime", 1 << 53, 1 << 53) // 60_000, now)
    start = number(query, "startTime", 0, 1 << 53)
    first = -(-start // 60_000) if start else last // span * span - (limit - 1) * span
    found = (
        candles(stream.world, row, interval, first, min(last, first + limit * span - 1)) if last >= first else None
    )
    if found is None:
        return []
    c = stream.world.rows.contracts[row]
    columns = (found.minute, found.open, found.high, found.low, found.close, found.volume, found.turnover)
    price, size = c.price_text, c.size_text
    return [
        [m * 60_000, price(o), price(h), price(low), price(close), size(v), (m + span) * 60_000 - 1, plain(t),
         int(v > 0) + int(v) // 50, size(v // 2), plain(t / 2), "0"]
        for m, o, h, low, close, v, t in zip(*(column.tolist() for column in columns), strict=True)
    ][:limit]  # fmt: skip


def trades(stream: Stream, market: str, query: Query) -> list[Row]:
    """The newest trades, oldest first."""
    row = row_of(stream, market, query)
    c = stream.world.rows.contracts[row]
    newest = list(stream.recent[row])[-number(query, "limit", 500, 1000) :]
    return [
        {"id": t.number, "price": c.price_text(t.price), "qty": c.size_text(t.lots),
         "quoteQty": plain(t.price * c.tick * t.lots * c.lot, 2), "time": t.ts_ns // MS, "isBuyerMaker": not t.buy}
        for t in newest
    ]  # fmt: skip


def agg_trades(stream: Stream, market: str, query: Query) -> list[Row]:
    """The same as aggregates of one, from an id or a time on where one is given."""
    row, since = row_of(stream, market, query), number(query, "fromId", 0, 1 << 62)
    c, limit = stream.world.rows.contracts[row], number(query, "limit", 500, 1000)
    first = number(query, "startTime", 0, 1 << 53) * MS
    last = (number(query, "endTime", 1 << 53, 1 << 53) + 1) * MS
    if last - MS - first > HOUR_NS and query.get("startTime") and query.get("endTime"):
        raise Wrong(-1127, "More than 1 hours between startTime and endTime.")
    known = [t for t in stream.recent[row] if t.number >= since and first <= t.ts_ns < last]
    since = since or first
    return [
        {"a": t.number, "p": c.price_text(t.price), "q": c.size_text(t.lots), "f": t.number, "l": t.number,
         "T": t.ts_ns // MS, "m": not t.buy}
        for t in (known[:limit] if since else known[-limit:])
    ]  # fmt: skip


def marks(stream: Stream, query: Query) -> list[int]:
    """Five-minute marks a history is about, oldest first."""
    step = PERIODS.get(query.get("period", ""))
    if step is None:
        raise Wrong(-1130, "Data sent for parameter 'period' is not valid.")
    last = min(number(query, "endTime", 1 << 53, 1 << 53) * MS, stream.world.now_ns) // BUCKET_NS // step * step
    return [last - i * step for i in reversed(range(number(query, "limit", 30, 500)))]


def interest_history(stream: Stream, market: str, query: Query) -> list[Row]:
    """openInterestHist."""
    row = row_of(stream, market, query)
    c, carry = stream.world.rows.contracts[row], stream.world.trading.carry[row]
    worth = c.lot * float(stream.world.mark[row])
    return [
        {"symbol": c.symbol, "sumOpenInterest": plain(oi * c.lot), "sumOpenInterestValue": plain(oi * worth),
         "timestamp": bucket * BUCKET_NS // MS}
        for bucket in marks(stream, query)
        for oi in (carry.interest(bucket),)
    ]  # fmt: skip


def account_ratio(stream: Stream, market: str, query: Query) -> list[Row]:
    """globalLongShortAccountRatio."""
    row, world = row_of(stream, market, query), stream.world
    crowd, salt = float(world.cascade.crowd[world.rows.asset[row]]), world.rows.salt[row]
    found = [(bucket, crowding(salt, bucket, crowd)) for bucket in marks(stream, query)]
    return [
        {"symbol": world.rows.contracts[row].symbol, "longShortRatio": plain(long / (1 - long), 4),
         "longAccount": plain(long, 4), "shortAccount": plain(1 - long, 4), "timestamp": bucket * BUCKET_NS // MS}
        for bucket, long in found
    ]  # fmt: skip


def ping(stream: Stream, market: str, query: Query) -> Row:
    """Nothing."""
    return {}


def time(stream: Stream, market: str, query: Query) -> Row:
    """The venue's clock."""
    return {"serverTime": stream.world.now_ns // MS}


Route = Callable[[Stream, str, Query], object]
FUTURES_ONLY: Final = ("premiumIndex", "openInterest", "fundingInfo", "fundingRate")
ROUTES: Final[Mapping[str, Route]] = {
    "ping": ping,
    "time": time,
    "exchangeInfo": catalogue,
    "depth": depth,
    "ticker/24hr": lambda stream, market, query: one_or_all(day)(stream, market, query),
    "ticker/bookTicker": lambda stream, market, query: one_or_all(book_ticker)(stream, market, query),
    "premiumIndex": lambda stream, market, query: one_or_all(premium)(stream, market, query),
    "openInterest": open_interest,
    "fundingInfo": funding_intervals,
    "fundingRate": funding_rate,
    "klines": klines,
    "trades": trades,
    "aggTrades": agg_trades,
}
FUTURES_DATA: Final[Mapping[str, Route]] = {
    "/futures/data/openInterestHist": interest_history,
    "/futures/data/globalLongShortAccountRatio": account_ratio,
}
