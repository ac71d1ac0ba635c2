"""Bybit's public sockets: messages in, events out; topics and subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import (
    NAN,
    AnyEvent,
    BookDelta,
    BookSnapshot,
    Levels,
    Liquidation,
    Quote,
    Side,
    Trade,
)
from crosstape.model.instrument import Instrument
from crosstape.venues.bybit.ticker import MS, TickerRow, ticker_events
from crosstape.wire.effect import Effect
from crosstape.wire.venue import Ack

_TAKER = {"Buy": Side.BUY, "Sell": Side.SELL}
# Bybit names the side of the position that was closed; the forced order is on the other side.
_FORCED = {"Buy": Side.SELL, "Sell": Side.BUY}


class _Trade(msgspec.Struct, gc=False):
    ts: int = msgspec.field(name="T")
    symbol: str = msgspec.field(name="s")
    side: Literal["Buy", "Sell"] = msgspec.field(name="S")
    size: float = msgspec.field(name="v")
    price: float = msgspec.field(name="p")
    id: str = msgspec.field(name="i")
    block: bool = msgspec.field(name="BT", default=False)


class _Trades(msgspec.Struct, gc=False):
    data: list[_Trade]


class _Book(msgspec.Struct, gc=False):
    symbol: str = msgspec.field(name="s")
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")
    update: int = msgspec.field(name="u")


class _BookMessage(msgspec.Struct, gc=False):
    topic: str
    type: Literal["snapshot", "delta"]
    ts: int
    data: _Book
    cts: int = 0


class _TickerMessage(msgspec.Struct, gc=False):
    ts: int
    data: TickerRow


class _Liquidation(msgspec.Struct, gc=False):
    ts: int = msgspec.field(name="T")
    symbol: str = msgspec.field(name="s")
    side: Literal["Buy", "Sell"] = msgspec.field(name="S")
    size: float = msgspec.field(name="v")
    price: float = msgspec.field(name="p")


class _Liquidations(msgspec.Struct, gc=False):
    data: list[_Liquidation]


class _Envelope(msgspec.Struct, gc=False):
    topic: str = ""
    success: bool | None = None
    ret_msg: str = ""
    req_id: str = ""
    op: str = ""


_envelope = msgspec.json.Decoder(_Envelope)
_trades = msgspec.json.Decoder(_Trades, strict=False)
_books = msgspec.json.Decoder(_BookMessage, strict=False)
_tickers = msgspec.json.Decoder(_TickerMessage)
_liquidations = msgspec.json.Decoder(_Liquidations, strict=False)


def decode(payload: bytes) -> Sequence[AnyEvent | Effect]:
    """One socket message -> the events it carries; none for acks, pongs and topics we do not take."""
    try:
        # The topic leads in nearly every message; only the others pay for a look inside first.
        read = _LEADING.get(payload[:14])
        if read is None:
            read = _READERS.get(_envelope.decode(payload).topic[:4].encode())
        return read(payload) if read is not None else ()
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise WireError(f"bybit: {error}") from error


def _read_trades(payload: bytes) -> list[Trade]:
    trades = []
    # Mostly one trade a message: a comprehension's own frame would cost more than the loop.
    for t in _trades.decode(payload).data:
        trades.append(Trade(t.symbol, t.ts * MS, t.price, t.size, _TAKER[t.side], t.id, t.block))
    return trades


def _read_book(payload: bytes) -> tuple[Quote | BookSnapshot | BookDelta]:
    message = _books.decode(payload)
    book, topic = message.data, message.topic
    ts = (message.cts or message.ts) * MS
    if topic.startswith("orderbook.1."):
        bid, bid_size = book.bids[0] if book.bids else (NAN, 0.0)
        ask, ask_size = book.asks[0] if book.asks else (NAN, 0.0)
        if message.type == "delta":
            return (Quote(book.symbol, ts, *_live(bid, bid_size), *_live(ask, ask_size), partial=True),)
        return (Quote(book.symbol, ts, bid, bid_size, ask, ask_size),)
    # u = 1 after a restart of their service: whatever the type says, it is a fresh book.
    if message.type == "snapshot" or book.update == 1:
        depth = int(topic[10 : topic.index(".", 10)])
        return (BookSnapshot(book.symbol, ts, book.bids, book.asks, book.update, depth),)
    return (BookDelta(book.symbol, ts, book.bids, book.asks, book.update, book.update),)


def _live(price: float, size: float) -> tuple[float, float]:
    """A removed level of a one-level delta says nothing about the new best: leave it to the next message."""
    return (price, size) if size > 0 else (NAN, NAN)


def _read_ticker(payload: bytes) -> list[AnyEvent]:
    message = _tickers.decode(payload)
    return ticker_events(message.data, message.ts * MS)


def _read_liquidations(payload: bytes) -> list[Liquidation]:
    return [
        Liquidation(x.symbol, x.ts * MS, _FORCED[x.side], x.price, x.size)
        for x in _liquidations.decode(payload).data
    ]


_READERS: dict[bytes, Callable[[bytes], Sequence[AnyEvent]]] = {
    b"publ": _read_trades,
    b"orde": _read_book,
    b"tick": _read_ticker,
    b"allL": _read_liquidations,
}
_LEADING = {b'{"topic":"' + topic: read for topic, read in _READERS.items()}


def subscribe(topics: Sequence[str], request_id: str, op: str = "subscribe") -> bytes:
    """The message that asks for topics; `request_id` comes back in the ack."""
    return msgspec.json.encode({"op": op, "req_id": request_id, "args": list(topics)})


def ack(payload: bytes) -> Ack | None:
    """Their answer to a (un)subscribe, or None."""
    if b'"success"' not in payload[:200] or len(payload) > 4096:
        return None
    try:
        envelope = _envelope.decode(payload)
    except msgspec.MsgspecError:
        return None
    if envelope.success is None or envelope.op not in ("subscribe", "unsubscribe"):
        return None
    return Ack(envelope.success, envelope.req_id, envelope.ret_msg)


def topics(category: str, instrument: Instrument, tier: str) -> tuple[str, ...]:
    """A: everything with a 200-level book; B: trades, best bid and offer, ticker; C: polled tickers only."""
    if tier == "C":
        return ()
    wanted = ["publicTrade", "tickers", "orderbook.1", *book_topics(category, instrument, tier)]
    if category != "spot":
        wanted.append("allLiquidation")
    return tuple(t if t.count(".") == 2 else f"{t}.{instrument.native}" for t in wanted)


def book_topics(category: str, instrument: Instrument, tier: str) -> tuple[str, ...]:
    """The topics whose fresh subscription brings a fresh book."""
    return (f"orderbook.200.{instrument.native}",) if tier == "A" else ()
