"""Binance's public sockets: combined-stream messages in, events out; topics and subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import (
    NAN,
    AnyEvent,
    BookDelta,
    Funding,
    Index,
    Levels,
    Liquidation,
    Mark,
    Quote,
    Side,
    Ticker,
    Trade,
)
from crosstape.model.instrument import Instrument
from crosstape.wire.effect import Effect
from crosstape.wire.venue import Ack

MS = 1_000_000
UM, CM = 1, 2
_ORDER = {"BUY": Side.BUY, "SELL": Side.SELL}


class _AggTrade(msgspec.Struct, gc=False):
    symbol: str = msgspec.field(name="s")
    id: int = msgspec.field(name="a")
    price: float = msgspec.field(name="p")
    size: float = msgspec.field(name="q")
    ts: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")


class _Trade(msgspec.Struct, gc=False):
    symbol: str = msgspec.field(name="s")
    id: int = msgspec.field(name="t")
    price: float = msgspec.field(name="p")
    size: float = msgspec.field(name="q")
    ts: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")
    kind: str = msgspec.field(name="X", default="MARKET")


class _Touch(msgspec.Struct, gc=False):
    symbol: str = msgspec.field(name="s")
    bid: float = msgspec.field(name="b")
    bid_size: float = msgspec.field(name="B")
    ask: float = msgspec.field(name="a")
    ask_size: float = msgspec.field(name="A")
    ts: int = msgspec.field(name="T", default=0)


class _Depth(msgspec.Struct, gc=False):
    symbol: str = msgspec.field(name="s")
    first: int = msgspec.field(name="U")
    last: int = msgspec.field(name="u")
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")
    prev: int = msgspec.field(name="pu", default=-1)
    ts: int = msgspec.field(name="T", default=0)
    pushed: int = msgspec.field(name="E", default=0)


class _Mark(msgspec.Struct, gc=False):
    symbol: str = msgspec.field(name="s")
    pushed: int = msgspec.field(name="E")
    mark: str = msgspec.field(name="p", default="")
    index: str = msgspec.field(name="i", default="")
    rate: str = msgspec.field(name="r", default="")
    next: int = msgspec.field(name="T", default=0)
    side: int = msgspec.field(name="st", default=0)


class _Day(msgspec.Struct, gc=False):
    symbol: str = msgspec.field(name="s")
    pushed: int = msgspec.field(name="E")
    last: float = msgspec.field(name="c")
    high: float = msgspec.field(name="h")
    low: float = msgspec.field(name="l")
    volume: float = msgspec.field(name="v")
    turnover: float = msgspec.field(name="q")
    open: float = msgspec.field(name="o", default=NAN)
    side: int = msgspec.field(name="st", default=0)


class _Order(msgspec.Struct, gc=False):
    symbol: str = msgspec.field(name="s")
    side: Literal["BUY", "SELL"] = msgspec.field(name="S")
    price: float = msgspec.field(name="p")
    mean: float = msgspec.field(name="ap")
    filled: float = msgspec.field(name="z")
    ts: int = msgspec.field(name="T")
    margin: int = msgspec.field(name="st", default=0)


class _Force(msgspec.Struct, gc=False):
    order: _Order = msgspec.field(name="o")
    margin: int = msgspec.field(name="st", default=0)


class _AggTradeMessage(msgspec.Struct, gc=False):
    data: _AggTrade


class _TradeMessage(msgspec.Struct, gc=False):
    data: _Trade


class _TouchMessage(msgspec.Struct, gc=False):
    data: _Touch


class _DepthMessage(msgspec.Struct, gc=False):
    data: _Depth


class _MarkMessage(msgspec.Struct, gc=False):
    data: _Mark | list[_Mark]


class _DayMessage(msgspec.Struct, gc=False):
    data: _Day | list[_Day]


class _ForceMessage(msgspec.Struct, gc=False):
    data: _Force | list[_Force]


class _Answer(msgspec.Struct, gc=False):
    id: str | int | None = None
    error: Any = None
    code: int = 0
    msg: str = ""


_aggregates = msgspec.json.Decoder(_AggTradeMessage, strict=False)
_trades = msgspec.json.Decoder(_TradeMessage, strict=False)
_touches = msgspec.json.Decoder(_TouchMessage, strict=False)
_depths = msgspec.json.Decoder(_DepthMessage, strict=False)
_marks = msgspec.json.Decoder(_MarkMessage)
_days = msgspec.json.Decoder(_DayMessage, strict=False)
_forces = msgspec.json.Decoder(_ForceMessage, strict=False)
_answers = msgspec.json.Decoder(_Answer)

Read = Callable[[bytes, int], Sequence[AnyEvent]]


def decode(other: int, payload: bytes) -> Sequence[AnyEvent | Effect]:
    """One combined-stream message -> the events it carries; none for acks and streams we do not take.

    `other`: what `st` says of instruments that are not this market's (broadcasts carry both margins), 0 = nothing.
    """
    try:
        if payload[:11] != b'{"stream":"':
            return ()
        name = payload[11 : payload.index(b'"', 11)]
        # "btcusdt@depth@100ms", "!markPrice@arr@1s": the kind is behind the symbol, or in its place.
        symbol, _, kind = name.partition(b"@")
        read = _READERS.get(symbol if symbol[:1] == b"!" else kind.partition(b"@")[0])
        return read(payload, other) if read is not None else ()
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise WireError(f"binance: {error}") from error


def _read_aggregate(payload: bytes, other: int) -> tuple[Trade]:
    t = _aggregates.decode(payload).data
    taker = Side.SELL if t.buyer_is_maker else Side.BUY
    return (Trade(t.symbol, t.ts * MS, t.price, t.size, taker, str(t.id)),)


def _read_trade(payload: bytes, other: int) -> tuple[Trade, ...]:
    t = _trades.decode(payload).data
    if not t.size > 0.0:
        return ()
    taker = Side.SELL if t.buyer_is_maker else Side.BUY
    # Fills against the insurance fund or by ADL meet no order: they say nothing about takers.
    return (Trade(t.symbol, t.ts * MS, t.price, t.size, taker, str(t.id), t.kind != "MARKET"),)


def _read_touch(payload: bytes, other: int) -> tuple[Quote]:
    q = _touches.decode(payload).data
    return (Quote(q.symbol, q.ts * MS, q.bid, q.bid_size, q.ask, q.ask_size),)


def _read_depth(payload: bytes, other: int) -> tuple[BookDelta]:
    d = _depths.decode(payload).data
    return (BookDelta(d.symbol, (d.ts or d.pushed) * MS, d.bids, d.asks, d.first, d.last, d.prev),)


def _read_mark(payload: bytes, other: int) -> list[AnyEvent]:
    data = _marks.decode(payload).data
    events: list[AnyEvent] = []
    for m in data if isinstance(data, list) else [data]:
        if m.side and m.side == other:
            continue
        ts = m.pushed * MS
        if m.mark:
            events.append(Mark(m.symbol, ts, float(m.mark)))
        if m.index:
            events.append(Index(m.symbol, ts, float(m.index)))
        # Dated futures carry a rate of 0 due at no time.
        if m.rate and m.next > 0:
            events.append(Funding(m.symbol, ts, float(m.rate), 0.0, m.next * MS))
    return events


def _read_day(payload: bytes, other: int) -> list[Ticker]:
    data = _days.decode(payload).data
    return [
        Ticker(d.symbol, d.pushed * MS, d.last, d.volume, d.turnover, d.high, d.low, change(d.last, d.open))
        for d in (data if isinstance(data, list) else [data])
        if not d.side or d.side != other
    ]


def change(last: float, opened: float) -> float:
    """What the price did since, as a fraction; NaN when it is not known."""
    return last / opened - 1.0 if opened > 0.0 else NAN


def _read_force(payload: bytes, other: int) -> list[Liquidation]:
    data = _forces.decode(payload).data
    return [
        Liquidation(o.symbol, o.ts * MS, _ORDER[o.side], o.mean if o.mean > 0.0 else o.price, o.filled)
        for f in (data if isinstance(data, list) else [data])
        if (o := f.order).filled > 0.0 and not ((side := f.margin or o.margin) and side == other)
    ]


_READERS: dict[bytes, Read] = {
    b"aggTrade": _read_aggregate,
    b"trade": _read_trade,
    b"bookTicker": _read_touch,
    b"depth": _read_depth,
    b"markPrice": _read_mark,
    b"!markPrice": _read_mark,
    b"ticker": _read_day,
    b"!ticker": _read_day,
    b"miniTicker": _read_day,
    b"!miniTicker": _read_day,
    b"forceOrder": _read_force,
    b"!forceOrder": _read_force,
}


def subscribe(topics: Sequence[str], request_id: str, method: str = "SUBSCRIBE") -> bytes:
    """The message that asks for topics; the number comes back in the ack."""
    number = int(request_id) if request_id.isascii() and request_id.isdigit() else request_id
    return msgspec.json.encode({"method": method, "params": list(topics), "id": number})


def ack(payload: bytes) -> Ack | None:
    """Their answer to a (un)subscribe, or None. It is good for any topic, also one that will never speak."""
    if payload[:9] == b'{"stream"' or len(payload) > 4096 or b'"id"' not in payload:
        return None
    try:
        answer = _answers.decode(payload)
    except msgspec.MsgspecError:
        return None
    if answer.id is None:
        return None
    wrong = answer.error is not None or answer.code != 0
    reason = f"{answer.code} {answer.msg}" if answer.code else str(answer.error) if wrong else ""
    return Ack(not wrong, str(answer.id), reason)


def public_topics(instrument: Instrument, tier: str) -> tuple[str, ...]:
    """Of the route with quotes and books. B: best bid and offer; A: the book too."""
    if tier == "C":
        return ()
    return (f"{instrument.native.lower()}@bookTicker", *book_topics(instrument, tier))


def market_topics(instrument: Instrument, tier: str) -> tuple[str, ...]:
    """Of the route with trades; marks, day figures and forced orders come for the whole market at once."""
    return () if tier == "C" else (f"{instrument.native.lower()}@aggTrade",)


def all_topics(instrument: Instrument, tier: str) -> tuple[str, ...]:
    """Of a market with one address."""
    return (*market_topics(instrument, tier), *public_topics(instrument, tier))


def book_topics(instrument: Instrument, tier: str) -> tuple[str, ...]:
    """The topics that tell of the book."""
    return (f"{instrument.native.lower()}@depth@100ms",) if tier == "A" else ()
