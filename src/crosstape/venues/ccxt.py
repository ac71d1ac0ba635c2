"""Exchanges that ccxt speaks with, as one venue: its frames are the JSON of ccxt's unified structures.

A symbol is the exchange's name, a colon and ccxt's symbol; each exchange is a source of its own. What is polled
has no sequence: books are pictures, trades are told apart by their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import (
    NAN,
    AnyEvent,
    BookSnapshot,
    Candle,
    Levels,
    Listed,
    Quote,
    Side,
    Ticker,
    Trade,
)
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.wire.venue import Budget, Capability, Stream, Venue
from crosstape.wire.within import no_ack, no_past, no_refusal, no_topics, nothing

MARKET = "ccxt"
MS = 1_000_000
MINUTE_S = 60
Number = float | None
KINDS = {"spot": InstrumentKind.SPOT, "swap": InstrumentKind.PERP, "future": InstrumentKind.FUTURE,
         "option": InstrumentKind.OPTION}  # fmt: skip


class _Envelope(msgspec.Struct):
    channel: str
    symbol: str
    data: msgspec.Raw


class _Trade(msgspec.Struct):
    timestamp: int | None = None
    price: Number = None
    amount: Number = None
    side: str | None = None
    id: str | None = None


class _Ticker(msgspec.Struct, rename="camel"):
    timestamp: int | None = None
    last: Number = None
    bid: Number = None
    bid_volume: Number = None
    ask: Number = None
    ask_volume: Number = None
    base_volume: Number = None
    quote_volume: Number = None
    high: Number = None
    low: Number = None
    percentage: Number = None


class _Book(msgspec.Struct):
    bids: list[list[float]]
    asks: list[list[float]]
    timestamp: int | None = None
    nonce: int | None = None


class _Market(msgspec.Struct, rename="camel"):
    base: str | None = None
    quote: str | None = None
    settle: str | None = None
    type: str | None = None
    contract_size: Number = None
    inverse: bool | None = None
    expiry: int | None = None
    strike: Number = None
    option_type: str | None = None


_envelope = msgspec.json.Decoder(_Envelope)
_trades = msgspec.json.Decoder(list[_Trade])
_ticker = msgspec.json.Decoder(_Ticker)
_book = msgspec.json.Decoder(_Book)
_bars = msgspec.json.Decoder(list[tuple[int, Number, Number, Number, Number, Number]])
_market = msgspec.json.Decoder(_Market)


def decode(payload: bytes) -> Sequence[AnyEvent]:
    """One answer of ccxt -> what it says."""
    try:
        message = _envelope.decode(payload)
        read = _READ.get(message.channel)
        return read(message.symbol, message.data) if read is not None else []
    except msgspec.MsgspecError as error:
        raise WireError(f"ccxt: {error}") from error


def _traded(symbol: str, data: msgspec.Raw) -> Sequence[AnyEvent]:
    return [
        Trade(symbol, t.timestamp * MS, t.price, t.amount, Side.SELL if t.side == "sell" else Side.BUY,
              t.id or f"{t.timestamp}/{t.price}/{t.amount}/{t.side}", block=t.side is None)
        for t in _trades.decode(data)
        if t.timestamp and t.price and t.amount
    ]  # fmt: skip


def _ticked(symbol: str, data: msgspec.Raw) -> Sequence[AnyEvent]:
    t = _ticker.decode(data)
    ts = (t.timestamp or 0) * MS
    change = t.percentage / 100.0 if t.percentage is not None else NAN
    found: list[AnyEvent] = [
        Ticker(symbol, ts, _known(t.last), _known(t.base_volume), _known(t.quote_volume), _known(t.high),
               _known(t.low), change)
    ]  # fmt: skip
    if t.bid and t.ask:
        found.append(Quote(symbol, ts, t.bid, t.bid_volume or 0.0, t.ask, t.ask_volume or 0.0, lagging=True))
    return found


def _booked(symbol: str, data: msgspec.Raw) -> Sequence[AnyEvent]:
    book = _book.decode(data)
    return [
        BookSnapshot(symbol, (book.timestamp or 0) * MS, _levels(book.bids), _levels(book.asks), book.nonce or 0)
    ]


def _barred(symbol: str, data: msgspec.Raw) -> Sequence[AnyEvent]:
    """Closed minutes: the newest one runs still. ccxt gives their volume in base units, of contracts too."""
    bars = _bars.decode(data)[:-1]
    return [
        Candle(symbol, ts * MS, MINUTE_S, o, h, low, c, v or 0.0, (v or 0.0) * (o + c) / 2, repaired=True)
        for ts, o, h, low, c, v in bars
        if o and h and low and c
    ]


def _listed(symbol: str, data: msgspec.Raw) -> Sequence[AnyEvent]:
    m = _market.decode(data)
    kind, quote = KINDS.get(m.type or "", InstrumentKind.SPOT), m.quote or ""
    right = {"call": "C", "put": "P"}.get(m.option_type or "", "")
    return [Listed(symbol, 0, Instrument(
        MARKET, symbol, kind, m.base or "", quote, m.settle or quote, contract=m.contract_size or 1.0,
        inverse=bool(m.inverse), expiry_ts=(m.expiry or 0) * MS, strike=_known(m.strike), right=right,
    ))]  # fmt: skip


def _known(value: Number) -> float:
    return NAN if value is None else float(value)


def _levels(rows: list[list[float]]) -> Levels:
    return [(row[0], row[1]) for row in rows if len(row) > 1]


_READ: dict[str, Callable[[str, msgspec.Raw], Sequence[AnyEvent]]] = {
    "trades": _traded, "ticker": _ticked, "book": _booked, "ohlcv": _barred, "market": _listed,
}  # fmt: skip


CCXT = Venue(
    id=MARKET,
    docs="https://docs.ccxt.com",
    rest="",
    budget=Budget(1.0, 1.0),
    streams=(
        Stream(
            MARKET,
            "",
            nothing,
            nothing,
            lambda: decode,
            no_ack,
            no_topics,
            no_topics,
            sampled=True,
            candles_in_base=True,
        ),
    ),
    polls=(),
    capabilities=(
        Capability("trades", "polled, or ccxt.pro's socket", "each once, by its number"),
        Capability("book, quote, ticker", "polled, or ccxt.pro's socket", "pictures without a sequence"),
        Capability("candles", "polled", "closed minutes, flagged REPAIRED"),
    ),
    refusal=no_refusal,
    backfill=no_past,
    builtin=tuple,
)
