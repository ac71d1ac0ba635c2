"""OKX's REST: catalogue, figures of whole markets, candles, and what a refusal means."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import AnyEvent, BookSnapshot, Candle, CatalogueEnd, Listed, LongShort, Trade
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.venues.okx.names import KINDS, MS, is_inverse, number, pair_of
from crosstape.venues.okx.ticker import (
    FundingRow,
    InterestRow,
    MarkRow,
    TickerRow,
    TradeRow,
    funding_event,
    interest_events,
    mark_event,
    ticker_events,
    trade_event,
)
from crosstape.wire.effect import Effect, Fetch
from crosstape.wire.past import EVERY_NS, interest
from crosstape.wire.request import Request
from crosstape.wire.venue import Refusal

_TRADED = ("live", "suspend", "preopen", "post_only", "rebase")
# Their bars of six hours and longer begin at UTC+8 midnight unless they say utc.
BARS = {
    "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1H": 3600, "2H": 7200, "4H": 14_400,
    "6Hutc": 21_600, "12Hutc": 43_200, "1Dutc": 86_400, "1Wutc": 604_800,
}  # fmt: skip
TICKERS = "/api/v5/market/tickers"
INTEREST = "/api/v5/public/open-interest"
BOOK_LEVELS = 25
PER_PAGE = 300
RECENT_BARS = 1440
MINUTE_NS = 60_000 * MS


class _Row(msgspec.Struct, rename="camel"):
    inst_id: str
    inst_type: str
    uly: str = ""
    base_ccy: str = ""
    quote_ccy: str = ""
    settle_ccy: str = ""
    ct_val: str = ""
    ct_mult: str = ""
    ct_type: str = ""
    tick_sz: str = ""
    lot_sz: str = ""
    min_sz: str = ""
    list_time: str = ""
    exp_time: str = ""
    state: str = ""


class _Book(msgspec.Struct, rename="camel"):
    asks: list[tuple[float, float, str, str]]
    bids: list[tuple[float, float, str, str]]
    ts: int = 0
    seq_id: int = 0


class _Answer(msgspec.Struct):
    code: str
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")


Bar = tuple[int, float, float, float, float, float, float, float, str]
_answer = msgspec.json.Decoder(_Answer)
_rows = msgspec.json.Decoder(list[_Row])
_ticker_rows = msgspec.json.Decoder(list[TickerRow], strict=False)
_funding_rows = msgspec.json.Decoder(list[FundingRow])
_interest_rows = msgspec.json.Decoder(list[InterestRow], strict=False)
_mark_rows = msgspec.json.Decoder(list[MarkRow], strict=False)
_trades = msgspec.json.Decoder(list[TradeRow], strict=False)
_ratios = msgspec.json.Decoder(list[tuple[int, float]], strict=False)
_pasts = msgspec.json.Decoder(list[tuple[int, float, float, float]], strict=False)
_books = msgspec.json.Decoder(tuple[_Book], strict=False)
_bars = msgspec.json.Decoder(list[Bar], strict=False)


def open_answer(body: bytes) -> msgspec.Raw:
    """What is inside the envelope; WireError where it is a refusal."""
    try:
        answer = _answer.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"okx: {error}") from error
    if answer.code != "0":
        raise WireError(f"okx: {answer.code} {answer.msg}")
    return answer.data


def decode_instruments(line: str, request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """The whole catalogue of a product line, in one answer -> Listed events and the end.

    Figures that came before it were counted without contract sizes, so they are asked for once more.
    """
    try:
        rows = _rows.decode(open_answer(body))
        listed: list[AnyEvent | Effect] = [
            Listed(row.inst_id, 0, instrument(line, row))
            for row in rows
            # Before it opens a swap may be announced by name only; without its size nothing can be counted.
            if row.state in _TRADED and (line == "spot" or row.ct_val)
        ]
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise WireError(f"okx instruments: {error}") from error
    again = [whole_line("tickers", TICKERS, line)]
    if line != "spot":
        again.append(whole_line("interest", INTEREST, line))
    return [*listed, *(Fetch(f"okx-{line}/{request.name}", request) for request in again), CatalogueEnd("", 0)]


def instrument(line: str, row: _Row) -> Instrument:
    """Their catalogue row -> ours. Contracts count `ctVal` × `ctMult` coins, or dollars where they are inverse."""
    if line == "spot":
        kind, base, quote, settle = InstrumentKind.SPOT, row.base_ccy, row.quote_ccy, row.quote_ccy
    else:
        kind = InstrumentKind.PERP if line == "swap" else InstrumentKind.FUTURE
        base, _, quote = (row.uly or pair_of(row.inst_id)).partition("-")
        settle = row.settle_ccy
    value, times = number(row.ct_val), number(row.ct_mult)
    return Instrument(
        market=f"okx-{line}",
        native=row.inst_id,
        kind=kind,
        base=base,
        quote=quote,
        settle=settle,
        contract=1.0 if line == "spot" else value * (times if times == times else 1.0),
        inverse=row.ct_type == "inverse",
        tick_size=number(row.tick_sz),
        lot_size=number(row.lot_sz),
        min_size=number(row.min_sz),
        listed_ts=int(row.list_time or 0) * MS,
        expiry_ts=int(row.exp_time or 0) * MS,
        status="trading" if row.state == "live" else row.state,
    )


def decode_tickers(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """A whole product line's tickers -> the events the socket's give."""
    try:
        return [event for row in _ticker_rows.decode(open_answer(body)) for event in ticker_events(row)]
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise WireError(f"okx tickers: {error}") from error


def decode_marks(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """A whole product line's mark prices."""
    try:
        return [mark_event(row) for row in _mark_rows.decode(open_answer(body))]
    except msgspec.MsgspecError as error:
        raise WireError(f"okx mark prices: {error}") from error


def decode_interest(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """A whole product line's open interest."""
    try:
        return [event for row in _interest_rows.decode(open_answer(body)) for event in interest_events(row)]
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"okx open interest: {error}") from error


def decode_funding(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Every swap's funding."""
    try:
        return [funding_event(row) for row in _funding_rows.decode(open_answer(body))]
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise WireError(f"okx funding: {error}") from error


def backfill(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """One-minute candles of [since, until), 300 a request; the newest 1 440 have an address of their own."""
    step = PER_PAGE * MINUTE_NS
    recent = until - RECENT_BARS * MINUTE_NS
    return tuple(
        Request(
            "klines",
            "/api/v5/market/candles" if start >= recent else "/api/v5/market/history-candles",
            (
                ("instId", instrument.native),
                ("bar", "1m"),
                ("before", str(start // MS - 1)),
                ("after", str(min(start + step, until) // MS)),
                ("limit", str(PER_PAGE)),
            ),
            priority=5,
        )
        for start in range(since, until, step)
    )


def decode_klines(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Closed candles, oldest first, marked repaired. Instrument and bar are named by the request only."""
    asked = dict(request.params)
    native, seconds = asked.get("instId", ""), BARS.get(asked.get("bar", "1m"), 0)
    if not native or not seconds:
        raise WireError(f"okx candles: nothing is known of {request.path} {asked}")
    try:
        bars = _bars.decode(open_answer(body))
    except msgspec.MsgspecError as error:
        raise WireError(f"okx candles: {error}") from error
    # Behind the volume come volCcy (coins on contracts) and volCcyQuote.
    inverse = is_inverse(native)
    return [
        Candle(native, bar[0] * MS, seconds, *bar[1:6], bar[6] if inverse else bar[7], repaired=True)
        for bar in reversed(bars)
        if bar[8] == "1"
    ]


def past(instrument: Instrument, since: int, until: int) -> Request:
    """The newest trades; they cannot be asked for by time."""
    return Request(
        "trades", "/api/v5/market/trades", (("instId", instrument.native), ("limit", "500")), priority=4
    )


def decode_trades(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """The newest trades, oldest first. The stream adds up what one order took at one price and calls it by its
    last id; so are these."""
    try:
        rows = _trades.decode(open_answer(body))
    except msgspec.MsgspecError as error:
        raise WireError(f"okx trades: {error}") from error
    trades: list[Trade] = []
    for trade in map(trade_event, reversed(rows)):
        last = trades[-1] if trades else None
        if last is not None and (last.ts_event, last.price, last.taker) == (
            trade.ts_event,
            trade.price,
            trade.taker,
        ):
            trade = msgspec.structs.replace(trade, size=last.size + trade.size)
            trades.pop()
        trades.append(trade)
    return trades


def book_request(instrument: Instrument) -> Request:
    """The best levels of one book."""
    params = (("instId", instrument.native), ("sz", str(BOOK_LEVELS)))
    return Request("check", "/api/v5/market/books", params, priority=6)


def decode_book(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """The best levels, with the id the stream's updates carry. The request names the instrument."""
    try:
        (book,) = _books.decode(open_answer(body))
    except msgspec.MsgspecError as error:
        raise WireError(f"okx book: {error}") from error
    bids, asks = ([(price, size) for price, size, *_ in side] for side in (book.bids, book.asks))
    native = dict(request.params).get("instId", "")
    return (BookSnapshot(native, book.ts * MS, bids, asks, book.seq_id, BOOK_LEVELS),)


def interest_past(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """Open interest of [since, until) every five minutes, at most 100 a request; spot has none."""
    if instrument.market == "okx-spot":
        return ()
    path, step = "/api/v5/rubik/stat/contracts/open-interest-history", 99 * EVERY_NS
    spans = [(a, min(a + step, until)) for a in range(since - since % EVERY_NS, until, step)]
    what = (("instId", instrument.native), ("period", "5m"), ("limit", "100"))
    return tuple(
        Request("interest_past", path, (*what, ("begin", str(a // MS)), ("end", str(b // MS))), priority=6)
        for a, b in spans
    )


def decode_interest_past(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Open interest of the past in contracts, of the contract the request named."""
    asked = dict(request.params)
    try:
        marks = [(row[0] * MS, row[1]) for row in _pasts.decode(open_answer(body))]
        until = int(asked.get("end", 0)) * MS
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"okx open interest: {error}") from error
    return interest(asked.get("instId", ""), marks, until)


def ratio_request(instrument: Instrument) -> Request:
    """One contract's newest long/short ratio of accounts."""
    path = "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract"
    return Request("ratio", path, (("instId", instrument.native), ("period", "5m"), ("limit", "1")), priority=7)


def decode_ratio(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Accounts that are long over those that are short, of the contract the request named."""
    native = dict(request.params).get("instId", "")
    try:
        rows = _ratios.decode(open_answer(body))[:1]
    except msgspec.MsgspecError as error:
        raise WireError(f"okx long/short ratio: {error}") from error
    return [LongShort(native, ts * MS, ratio / (1.0 + ratio)) for ts, ratio in rows if native and ratio >= 0.0]


_RATE_LIMITED = ("50011", "50061")
_TRANSIENT = ("50001", "50013", "50026")


def refusal(status: int, headers: str, body: bytes) -> Refusal | None:
    """Their limits are counted over two seconds; 403 is the front door's word for a flood or a blocked region."""
    if status == 403:
        return Refusal("403: blocked region, or a flood", ban_s=60.0)
    if status == 429:
        return Refusal("429: too many requests", ban_s=2.0, retry=True)
    try:
        answer = _answer.decode(body)
    except msgspec.MsgspecError:
        wrong = f"HTTP {status}" if status != 200 else "not the JSON it should be"
        return Refusal(wrong, retry=status == 200 or status >= 500)
    reason = f"{answer.code} {answer.msg}".strip()
    if answer.code in _RATE_LIMITED:
        return Refusal(reason, ban_s=2.0, retry=True)
    if status == 200 and answer.code == "0":
        return None
    return Refusal(f"HTTP {status}: {reason}", retry=status >= 500 or answer.code in _TRANSIENT)


def whole_line(name: str, path: str, line: str) -> Request:
    """One request for everything of a product line."""
    return Request(name, path, (("instType", KINDS[line]),))
