"""Bybit's REST: catalogue, tickers, candles, and what a refusal means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import unquote

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import (
    NAN,
    AnyEvent,
    BookSnapshot,
    Candle,
    CatalogueEnd,
    Levels,
    Listed,
    LongShort,
    Side,
    Trade,
)
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.venues.bybit.ticker import MS, TickerRow, number, ticker_events
from crosstape.wire.effect import Effect, Fetch
from crosstape.wire.multiplier import split_multiplier
from crosstape.wire.past import EVERY_NS, interest
from crosstape.wire.request import Request
from crosstape.wire.venue import Refusal

BOOK_LEVELS = 25


class _PriceFilter(msgspec.Struct, frozen=True, rename="camel"):
    tick_size: str = ""


class _LotFilter(msgspec.Struct, frozen=True, rename="camel"):
    qty_step: str = ""
    base_precision: str = ""
    min_order_qty: str = ""


class _Row(msgspec.Struct, rename="camel"):
    symbol: str
    base_coin: str
    quote_coin: str
    settle_coin: str = ""
    contract_type: str = ""
    status: str = ""
    launch_time: str = "0"
    delivery_time: str = "0"
    funding_interval: int = 0
    price_filter: _PriceFilter = _PriceFilter()
    lot_size_filter: _LotFilter = _LotFilter()


class _Rows(msgspec.Struct, rename="camel"):
    list: Sequence[_Row]
    next_page_cursor: str | None = ""


class _Tickers(msgspec.Struct):
    list: Sequence[TickerRow]


class _Klines(msgspec.Struct):
    symbol: str
    list: Sequence[tuple[int, float, float, float, float, float, float]]


class _Trade(msgspec.Struct, rename="camel"):
    exec_id: str
    symbol: str
    price: float
    size: float
    side: Literal["Buy", "Sell"]
    time: int
    is_block_trade: bool = False


class _Trades(msgspec.Struct):
    list: Sequence[_Trade]


class _Book(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")
    ts: int = 0
    cts: int = 0


class _Ratio(msgspec.Struct, rename="camel"):
    symbol: str
    buy_ratio: float
    timestamp: int


class _Interest(msgspec.Struct, rename="camel"):
    timestamp: int
    open_interest: float = NAN
    single_open_interest: float = NAN


class _Interests(msgspec.Struct):
    symbol: str
    list: Sequence[_Interest]


class _Ratios(msgspec.Struct):
    list: Sequence[_Ratio]


class _Answer(msgspec.Struct, rename="camel"):
    ret_code: int
    ret_msg: str = ""
    result: msgspec.Raw = msgspec.Raw(b"{}")
    time: int = 0


_answer = msgspec.json.Decoder(_Answer)
_rows = msgspec.json.Decoder(_Rows)
_ticker_rows = msgspec.json.Decoder(_Tickers)
_klines = msgspec.json.Decoder(_Klines, strict=False)
_trades = msgspec.json.Decoder(_Trades, strict=False)
_interests = msgspec.json.Decoder(_Interests, strict=False)
_books = msgspec.json.Decoder(_Book, strict=False)
_ratios = msgspec.json.Decoder(_Ratios, strict=False)


def open_answer(body: bytes) -> _Answer:
    """The envelope; WireError where it is a refusal."""
    try:
        answer = _answer.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"bybit: {error}") from error
    if answer.ret_code != 0:
        raise WireError(f"bybit: {answer.ret_code} {answer.ret_msg}")
    return answer


def instruments_page(category: str, cursor: str = "") -> Request:
    """One page of the catalogue; spot is not paged."""
    params = [("category", category)]
    if category != "spot":
        params.append(("limit", "1000"))
    if cursor:
        params.append(("cursor", cursor))
    return Request("instruments", "/v5/market/instruments-info", tuple(params))


def decode_instruments(category: str, request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """A catalogue page -> Listed events and, when there is more, the Fetch of the next page."""
    answer = open_answer(body)
    try:
        page = _rows.decode(answer.result)
        listed: list[AnyEvent | Effect] = [
            Listed(row.symbol, answer.time * MS, instrument(category, row))
            for row in page.list
            if row.status in ("Trading", "PreLaunch", "Delivering", "")
        ]
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise WireError(f"bybit instruments: {error}") from error
    if page.next_page_cursor and category != "spot":
        # Their cursor arrives percent-encoded already; keep the plain text, the request encodes it again.
        cursor = unquote(page.next_page_cursor)
        listed.append(Fetch(f"bybit-{category}/instruments", instruments_page(category, cursor)))
    else:
        listed.append(CatalogueEnd("", answer.time * MS))
    return listed


_KINDS = {
    "LinearPerpetual": InstrumentKind.PERP,
    "InversePerpetual": InstrumentKind.PERP,
    "LinearFutures": InstrumentKind.FUTURE,
    "InverseFutures": InstrumentKind.FUTURE,
}


def instrument(category: str, row: _Row) -> Instrument:
    """Their catalogue row -> ours. Never parsed out of the symbol: the parts come from their fields."""
    kind = InstrumentKind.SPOT if category == "spot" else _KINDS.get(row.contract_type, InstrumentKind.PERP)
    base, multiplier = (row.base_coin, 1.0) if category == "spot" else split_multiplier(row.base_coin)
    lot = row.lot_size_filter
    return Instrument(
        market=f"bybit-{category}",
        native=row.symbol,
        kind=kind,
        base=base,
        quote=row.quote_coin,
        settle=row.settle_coin or row.quote_coin,
        multiplier=multiplier,
        inverse=category == "inverse",
        tick_size=number(row.price_filter.tick_size),
        lot_size=number(lot.qty_step or lot.base_precision),
        min_size=number(lot.min_order_qty),
        funding_hours=row.funding_interval / 60,
        listed_ts=int(row.launch_time or 0) * MS,
        expiry_ts=int(row.delivery_time or 0) * MS,
        status=row.status.lower() or "trading",
    )


def decode_tickers(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """The whole category's tickers -> the same events the socket's tickers give."""
    answer = open_answer(body)
    try:
        rows = _ticker_rows.decode(answer.result).list
        return [event for row in rows for event in ticker_events(row, answer.time * MS)]
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise WireError(f"bybit tickers: {error}") from error


def backfill(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """One-minute candles of [since, until), at most 1 000 a request."""
    step = 1000 * 60 * 1000 * MS
    category = instrument.market.removeprefix("bybit-")
    return tuple(
        Request(
            "klines",
            "/v5/market/kline",
            (
                ("category", category),
                ("symbol", instrument.native),
                ("interval", "1"),
                ("start", str(start // MS)),
                ("end", str(min(start + step, until) // MS - 1)),
                ("limit", "1000"),
            ),
            priority=5,
        )
        for start in range(since, until, step)
    )


def decode_klines(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Closed one-minute candles, oldest first, marked repaired."""
    answer = open_answer(body)
    try:
        result = _klines.decode(answer.result)
    except msgspec.MsgspecError as error:
        raise WireError(f"bybit klines: {error}") from error
    closed = (k for k in reversed(result.list) if k[0] + 60_000 <= answer.time)
    return [Candle(result.symbol, k[0] * MS, 60, *k[1:], repaired=True) for k in closed]


def past(instrument: Instrument, since: int, until: int) -> Request:
    """The newest trades; they cannot be asked for by time."""
    category = instrument.market.removeprefix("bybit-")
    limit = "60" if category == "spot" else "1000"
    params = (("category", category), ("symbol", instrument.native), ("limit", limit))
    return Request("trades", "/v5/market/recent-trade", params, priority=5)


def decode_trades(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """The newest trades, oldest first; their ids are the stream's."""
    answer = open_answer(body)
    try:
        rows = _trades.decode(answer.result).list
    except msgspec.MsgspecError as error:
        raise WireError(f"bybit trades: {error}") from error
    return [
        Trade(t.symbol, t.time * MS, t.price, t.size, _SIDES[t.side], t.exec_id, t.is_block_trade)
        for t in reversed(rows)
    ]


def book_request(instrument: Instrument) -> Request:
    """The best levels of one book."""
    category = instrument.market.removeprefix("bybit-")
    params = (("category", category), ("symbol", instrument.native), ("limit", str(BOOK_LEVELS)))
    return Request("check", "/v5/market/orderbook", params, priority=6)


def decode_book(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """The best levels, and when they last changed. Their id counts the changes of a deeper topic than we take, so
    it is left out."""
    answer = open_answer(body)
    try:
        book = _books.decode(answer.result)
    except msgspec.MsgspecError as error:
        raise WireError(f"bybit book: {error}") from error
    return (BookSnapshot(book.symbol, (book.cts or book.ts) * MS, book.bids, book.asks, 0, BOOK_LEVELS),)


def interest_past(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """Open interest of [since, until) every five minutes, at most 200 a request; spot has none."""
    category, step = instrument.market.removeprefix("bybit-"), 199 * EVERY_NS
    since -= since % EVERY_NS
    if category == "spot":
        return ()
    what = (("category", category), ("symbol", instrument.native), ("intervalTime", "5min"))
    spans = [(start, min(start + step, until)) for start in range(since, until, step)]
    return tuple(
        Request("interest_past", "/v5/market/open-interest",
                (*what, ("startTime", str(a // MS)), ("endTime", str(b // MS)), ("limit", "200")), priority=6)
        for a, b in spans
    )  # fmt: skip


def decode_interest_past(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Open interest of the past; half of both sides where one side is not given."""
    answer = open_answer(body)
    try:
        found = _interests.decode(answer.result)
        until = int(dict(request.params).get("endTime", 0)) * MS
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"bybit open interest: {error}") from error
    marks = [(x.timestamp * MS, x.open_interest / 2 if x.single_open_interest != x.single_open_interest
              else x.single_open_interest) for x in found.list]  # fmt: skip
    return interest(found.symbol, marks, until)


def ratio_request(instrument: Instrument) -> Request:
    """One instrument's newest long/short ratio."""
    category = instrument.market.removeprefix("bybit-")
    params = (("category", category), ("symbol", instrument.native), ("period", "5min"), ("limit", "1"))
    return Request("ratio", "/v5/market/account-ratio", params, priority=7)


def decode_ratio(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Share of accounts that are long."""
    answer = open_answer(body)
    try:
        return [LongShort(r.symbol, r.timestamp * MS, r.buy_ratio) for r in _ratios.decode(answer.result).list[:1]]
    except msgspec.MsgspecError as error:
        raise WireError(f"bybit long/short ratio: {error}") from error


_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_RATE_LIMITED = (10006, 10018, 10429)
_TRANSIENT = (10000, 10016, 10019)


def refusal(status: int, headers: str, body: bytes) -> Refusal | None:
    """403 is their word for too many requests: everything stops for ten minutes, as they demand."""
    if status == 403:
        return Refusal("403: access too frequent, or a blocked region", ban_s=600.0)
    if status == 429:
        return Refusal("429: system-level protection", ban_s=10.0, retry=True)
    if status >= 500:
        return Refusal(f"HTTP {status}", retry=True)
    if status != 200:
        return Refusal(f"HTTP {status}")
    try:
        answer = _answer.decode(body)
    except msgspec.MsgspecError:
        return Refusal("not the JSON it should be", retry=True)
    if answer.ret_code == 0:
        return None
    reason = f"{answer.ret_code} {answer.ret_msg}"
    if answer.ret_code in _RATE_LIMITED:
        return Refusal(reason, ban_s=5.0, retry=True)
    return Refusal(reason, retry=answer.ret_code in _TRANSIENT)
