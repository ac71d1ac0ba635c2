"""Binance's REST: catalogues, books, day figures, funding intervals, open interest, candles; refusals."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import (
    NAN,
    AnyEvent,
    BookSnapshot,
    Candle,
    CatalogueEnd,
    Funding,
    Levels,
    Listed,
    LongShort,
    OpenInterest,
    Quote,
    Side,
    Ticker,
    Trade,
)
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.venues.binance.stream import MS, change
from crosstape.wire.effect import Effect, Fetch
from crosstape.wire.multiplier import split_multiplier
from crosstape.wire.past import EVERY_NS, interest
from crosstape.wire.request import Request
from crosstape.wire.venue import Refusal

ROOTS = {"binance-usdm": "/fapi/v1", "binance-coinm": "/dapi/v1", "binance-spot": "/api/v3"}
DEPTH = 500
CHECK_WEIGHT = {"binance-usdm": 2.0, "binance-coinm": 2.0, "binance-spot": 5.0}
DEPTH_WEIGHT = {"binance-usdm": 10.0, "binance-coinm": 10.0, "binance-spot": 25.0}
CANDLES = 499
TRADES = 1000
NO_EXPIRY_MS = 4_133_404_800_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DEFAULT_FUNDING_HOURS = 8.0


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str
    tick_size: float = NAN
    step_size: float = NAN
    min_qty: float = NAN


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    base_asset: str
    quote_asset: str
    margin_asset: str = ""
    contract_type: str = "SPOT"
    status: str = ""
    # COIN-M has its own word for it.
    contract_status: str = ""
    contract_size: float = 1.0
    onboard_date: int = 0
    delivery_date: int = 0
    filters: list[_Filter] = []


class _Trade(msgspec.Struct):
    id: int = msgspec.field(name="a")
    price: float = msgspec.field(name="p")
    size: float = msgspec.field(name="q")
    ts: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")


class _Ratio(msgspec.Struct, rename="camel"):
    symbol: str
    long_account: float
    timestamp: int


class _Catalogue(msgspec.Struct, rename="camel"):
    symbols: list[_Symbol]
    server_time: int = 0


class _Book(msgspec.Struct, rename="camel"):
    last_update_id: int
    bids: Levels
    asks: Levels
    ts: int = msgspec.field(name="T", default=0)


class _Past(msgspec.Struct, rename="camel"):
    sum_open_interest: float
    timestamp: int


class _Day(msgspec.Struct, rename="camel"):
    symbol: str
    last_price: float
    high_price: float
    low_price: float
    volume: float
    open_price: float = NAN
    quote_volume: float = NAN
    base_volume: float = NAN
    close_time: int = 0
    bid_price: float = NAN
    bid_qty: float = NAN
    ask_price: float = NAN
    ask_qty: float = NAN


class _Interval(msgspec.Struct, rename="camel"):
    symbol: str
    funding_interval_hours: float


class _Interest(msgspec.Struct, rename="camel"):
    symbol: str
    open_interest: float
    time: int = 0


class _Trouble(msgspec.Struct):
    code: int = 0
    msg: str = ""


Row = tuple[int, float, float, float, float, float, int, float, float, float, float, str]
_catalogues = msgspec.json.Decoder(_Catalogue, strict=False)
_books = msgspec.json.Decoder(_Book, strict=False)
_days = msgspec.json.Decoder(list[_Day], strict=False)
_intervals = msgspec.json.Decoder(list[_Interval], strict=False)
_interests = msgspec.json.Decoder(_Interest, strict=False)
_pasts = msgspec.json.Decoder(list[_Past], strict=False)
_klines = msgspec.json.Decoder(list[Row], strict=False)
_trades = msgspec.json.Decoder(list[_Trade], strict=False)
_ratios = msgspec.json.Decoder(list[_Ratio], strict=False)
_troubles = msgspec.json.Decoder(_Trouble)

_KINDS = {
    "SPOT": InstrumentKind.SPOT,
    "PERPETUAL": InstrumentKind.PERP,
    "TRADIFI_PERPETUAL": InstrumentKind.PERP,
    "CURRENT_QUARTER": InstrumentKind.FUTURE,
    "NEXT_QUARTER": InstrumentKind.FUTURE,
}


def decode_instruments(market: str, request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """The catalogue: everything that trades."""
    try:
        answer = _catalogues.decode(body)
        ts = answer.server_time * MS
        listed: list[AnyEvent | Effect] = [
            Listed(row.symbol, ts, instrument(market, row))
            for row in answer.symbols
            if row.contract_type in _KINDS and (row.contract_status or row.status) == "TRADING"
        ]
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise WireError(f"binance instruments: {error}") from error
    return [*listed, CatalogueEnd("", ts)]


def instrument(market: str, row: _Symbol) -> Instrument:
    """Their catalogue row -> ours. Prefixed coins exist on spot too."""
    kind = _KINDS[row.contract_type]
    base, multiplier = split_multiplier(row.base_asset)
    filters = {f.filter_type: f for f in row.filters}
    price, lot = filters.get("PRICE_FILTER"), filters.get("LOT_SIZE")
    return Instrument(
        market=market,
        native=row.symbol,
        kind=kind,
        base=base,
        quote=row.quote_asset,
        settle=row.margin_asset or row.quote_asset,
        multiplier=multiplier,
        contract=row.contract_size,
        inverse=market == "binance-coinm",
        tick_size=price.tick_size if price is not None else NAN,
        lot_size=lot.step_size if lot is not None else NAN,
        min_size=lot.min_qty if lot is not None else NAN,
        # What fundingInfo does not name is paid every eight hours.
        funding_hours=DEFAULT_FUNDING_HOURS if kind is InstrumentKind.PERP else 0.0,
        listed_ts=row.onboard_date * MS,
        expiry_ts=row.delivery_date * MS if row.delivery_date != NO_EXPIRY_MS else 0,
    )


def book_request(market: str, instrument: Instrument) -> Request:
    """The snapshot that a book is joined to."""
    params = (("symbol", instrument.native), ("limit", str(DEPTH)))
    return Request("books", f"{ROOTS[market]}/depth", params, weight=DEPTH_WEIGHT[market], priority=0)


def check_request(market: str, instrument: Instrument) -> Request:
    """The best levels, to hold a book against."""
    params = (("symbol", instrument.native), ("limit", "20"))
    return Request("check", f"{ROOTS[market]}/depth", params, weight=CHECK_WEIGHT[market], priority=6)


def decode_book(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """A snapshot. The body does not name its symbol: the request did."""
    try:
        book = _books.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"binance book: {error}") from error
    limit = dict(request.params).get("limit", "")
    depth = int(limit) if limit.isdecimal() and limit.isascii() else DEPTH
    return (BookSnapshot(_symbol(request), book.ts * MS, book.bids, book.asks, book.last_update_id, depth),)


def _symbol(request: Request) -> str:
    symbol = dict(request.params).get("symbol", "")
    if not symbol:
        raise WireError("binance: an answer to a request that named no symbol")
    return symbol


def decode_days(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Everybody's 24 h figures; on spot their best bid and offer too, which trails the stream."""
    try:
        rows = _days.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"binance ticker: {error}") from error
    events: list[AnyEvent | Effect] = []
    for d in rows:
        # COIN-M counts contracts and coins.
        turnover = d.quote_volume if d.quote_volume == d.quote_volume else d.base_volume
        ts, moved = d.close_time * MS, change(d.last_price, d.open_price)
        events.append(Ticker(d.symbol, ts, d.last_price, d.volume, turnover, d.high_price, d.low_price, moved))
        if d.bid_price > 0.0 and d.ask_price > 0.0:
            events.append(Quote(d.symbol, ts, d.bid_price, d.bid_qty, d.ask_price, d.ask_qty, lagging=True))
    return events


def decode_intervals(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Hours between fundings, of those that differ from the default or once did."""
    try:
        return [Funding(i.symbol, 0, NAN, i.funding_interval_hours) for i in _intervals.decode(body)]
    except msgspec.MsgspecError as error:
        raise WireError(f"binance funding: {error}") from error


def interest_request(instrument: Instrument) -> Request:
    """One instrument's open interest; there is no other way."""
    return Request("interest", "/fapi/v1/openInterest", (("symbol", instrument.native),), priority=7)


def decode_interest(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Open interest, one side."""
    try:
        found = _interests.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"binance open interest: {error}") from error
    return (OpenInterest(found.symbol, found.time * MS, found.open_interest),)


def interest_past(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """USD-M open interest of [since, until) every five minutes, at most 500 a request; they keep 30 days."""
    if not instrument.market.endswith("-usdm"):
        return ()
    what, step = (("symbol", instrument.native), ("period", "5m")), 499 * EVERY_NS
    spans = [(a, min(a + step, until)) for a in range(since - since % EVERY_NS, until, step)]
    return tuple(
        Request("interest_past", "/futures/data/openInterestHist",
                (*what, ("startTime", str(a // MS)), ("endTime", str(b // MS)), ("limit", "500")), priority=6)
        for a, b in spans
    )  # fmt: skip


def decode_interest_past(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Open interest of the past, one side."""
    try:
        marks = [(x.timestamp * MS, x.sum_open_interest) for x in _pasts.decode(body)]
        until = int(dict(request.params).get("endTime", 0)) * MS
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"binance open interest: {error}") from error
    return interest(_symbol(request), marks, until)


def past(instrument: Instrument, since: int, until: int) -> Request:
    """Aggregated trades of a time, both ends included; of an hour or more its end, for less is allowed."""
    first, last = max(since // MS, until // MS - HOUR_MS + 1), until // MS
    return _page(f"{ROOTS[instrument.market]}/aggTrades", instrument.native, first, last)


def _page(path: str, symbol: str, first: int, last: int) -> Request:
    span = (("startTime", str(first)), ("endTime", str(last)), ("limit", str(TRADES)))
    return Request("trades", path, (("symbol", symbol), *span), 4.0 if "/api/" in path else 20.0, priority=5)


def decode_trades(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Aggregated trades, oldest first; their ids are the stream's. A full page is followed by the next."""
    symbol = _symbol(request)
    try:
        rows = _trades.decode(body)
        last = int(dict(request.params).get("endTime", 0))
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"binance trades: {error}") from error
    events: list[AnyEvent | Effect] = [
        Trade(symbol, t.ts * MS, t.price, t.size, Side.SELL if t.buyer_is_maker else Side.BUY, str(t.id))
        for t in rows
    ]
    if len(rows) == TRADES and rows[0].ts < rows[-1].ts < last:
        market = next(market for market, root in ROOTS.items() if request.path.startswith(root))
        events.append(Fetch(f"{market}/trades", _page(request.path, symbol, rows[-1].ts, last)))
    return events


def ratio_request(instrument: Instrument) -> Request:
    """One instrument's newest long/short ratio of accounts."""
    params = (("symbol", instrument.native), ("period", "5m"), ("limit", "1"))
    return Request("ratio", "/futures/data/globalLongShortAccountRatio", params, priority=7)


def decode_ratio(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Share of accounts that are long."""
    try:
        return [LongShort(r.symbol, r.timestamp * MS, r.long_account) for r in _ratios.decode(body)[-1:]]
    except msgspec.MsgspecError as error:
        raise WireError(f"binance long/short ratio: {error}") from error


def backfill(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """One-minute candles of [since, until)."""
    step = CANDLES * MINUTE_MS
    first, last = since // MS, until // MS
    return tuple(
        Request(
            "klines",
            f"{ROOTS[instrument.market]}/klines",
            (
                ("symbol", instrument.native),
                ("interval", "1m"),
                ("startTime", str(start)),
                ("endTime", str(min(start + step, last) - 1)),
                ("limit", str(CANDLES)),
            ),
            weight=2.0,
            priority=5,
        )
        for start in range(first, last, step)
    )


def decode_klines(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """One-minute candles, oldest first, marked repaired; only those that the request's end closes."""
    try:
        rows = _klines.decode(body)
        until = int(dict(request.params).get("endTime", 1 << 62))
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"binance klines: {error}") from error
    symbol = _symbol(request)
    return [Candle(symbol, k[0] * MS, 60, *k[1:6], k[7], k[8], k[9], repaired=True) for k in rows if k[6] <= until]


_BANS = {
    418: ("418: banned for going on after 429", 120.0, True),
    429: ("429: over the weight limit", 10.0, True),
    403: ("403: their firewall", 300.0, False),
    451: ("451: not served where we are", 600.0, False),
}


def refusal(status: int, headers: str, body: bytes) -> Refusal | None:
    """429 must be heeded at once: who goes on is banned by address, for up to three days. How long is in
    Retry-After, which the host heeds when it is longer than this."""
    if status in _BANS:
        reason, ban_s, retry = _BANS[status]
        return Refusal(reason, ban_s, retry)
    if status >= 500:
        return Refusal(f"HTTP {status}", retry=True)
    if status == 200 and not body.startswith(b'{"code":'):
        return None
    try:
        trouble = _troubles.decode(body)
    except msgspec.MsgspecError:
        return Refusal(f"HTTP {status}, not the JSON it should be", retry=status == 200)
    if trouble.code == -1003:
        return Refusal(f"{trouble.code} {trouble.msg}", ban_s=60.0, retry=True)
    return Refusal(f"{trouble.code} {trouble.msg}", retry=trouble.code in (-1000, -1001, -1007, -1008))
