"""OKX's public socket: messages in, events out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import NAN, AnyEvent, Liquidation, Mark, Quote, Side, Trade
from crosstape.venues.okx.books import Memory, forget_book, read_books
from crosstape.venues.okx.names import MS, pair_of
from crosstape.venues.okx.ticker import (
    FundingRow,
    IndexRow,
    InterestRow,
    MarkRow,
    TickerRow,
    TradeRow,
    funding_event,
    index_events,
    interest_events,
    mark_event,
    ticker_events,
    trade_event,
)
from crosstape.wire.effect import Effect, Reconnect
from crosstape.wire.venue import Decoded

_SIDE = {"buy": Side.BUY, "sell": Side.SELL}
_LEAD = b'{"arg":{"channel":"'
# The venue closes the connection a minute after it has said so.
UPGRADE = "64008"
Read = Callable[[Memory, bytes], Sequence[AnyEvent]]


class _Trades(msgspec.Struct, gc=False):
    data: list[TradeRow]


class _Arg(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    channel: str = ""
    inst_id: str = ""


class _Touch(msgspec.Struct, gc=False):
    asks: list[tuple[float, float, str, str]]
    bids: list[tuple[float, float, str, str]]
    ts: int


class _TouchMessage(msgspec.Struct, gc=False):
    arg: _Arg
    data: list[_Touch]


class _Forced(msgspec.Struct, gc=False, rename="camel"):
    side: Literal["buy", "sell"]
    bk_px: float
    sz: float
    ts: int


class _ForcedRow(msgspec.Struct, gc=False, rename="camel"):
    inst_id: str
    details: list[_Forced]


class _Liquidations(msgspec.Struct, gc=False):
    data: list[_ForcedRow]


class _Tickers(msgspec.Struct, gc=False):
    data: list[TickerRow]


class _Fundings(msgspec.Struct, gc=False):
    data: list[FundingRow]


class _Interests(msgspec.Struct, gc=False):
    data: list[InterestRow]


class _Marks(msgspec.Struct, gc=False):
    data: list[MarkRow]


class _Indices(msgspec.Struct, gc=False):
    data: list[IndexRow]


class _Envelope(msgspec.Struct, gc=False):
    arg: _Arg = _Arg()
    event: str = ""
    code: str = ""
    msg: str = ""


_envelope = msgspec.json.Decoder(_Envelope)
_trades = msgspec.json.Decoder(_Trades, strict=False)
_touches = msgspec.json.Decoder(_TouchMessage, strict=False)
_liquidations = msgspec.json.Decoder(_Liquidations, strict=False)
_tickers = msgspec.json.Decoder(_Tickers, strict=False)
_fundings = msgspec.json.Decoder(_Fundings)
_interests = msgspec.json.Decoder(_Interests, strict=False)
_marks = msgspec.json.Decoder(_Marks, strict=False)
_indices = msgspec.json.Decoder(_Indices, strict=False)


class Decoder:
    """One connection's decoder; `memory` is saved with a checkpoint and put back."""

    __slots__ = ("memory",)

    def __init__(self) -> None:
        self.memory = Memory()

    def __call__(self, payload: bytes) -> Decoded:
        """One socket message -> the events it carries; none for acks, pongs and channels we do not take."""
        try:
            # The channel leads in nearly every message; only the others pay for a look inside first.
            if payload[:19] == _LEAD:
                read = _READERS.get(payload[19 : payload.index(b'"', 19)])
                return read(self.memory, payload) if read is not None else ()
            return self._other(payload)
        except (msgspec.MsgspecError, ValueError, OverflowError) as error:
            raise WireError(f"okx: {error}") from error

    def _other(self, payload: bytes) -> Sequence[AnyEvent | Effect]:
        if payload == b"pong":
            return ()
        said = _envelope.decode(payload)
        if not said.event:
            read = _READERS.get(said.arg.channel.encode())
            return read(self.memory, payload) if read is not None else ()
        if said.event == "unsubscribe":
            self._forget(said.arg)
        if said.event == "notice" and said.code == UPGRADE:
            # Empty source = the connection that said so.
            return (Reconnect("", 0, f"{UPGRADE}: the venue is about to close this connection"),)
        return ()

    def _forget(self, arg: _Arg) -> None:
        if arg.channel == "books":
            forget_book(self.memory, arg.inst_id)
        elif arg.channel == "mark-price" and (natives := self.memory.pairs.get(pair_of(arg.inst_id))):
            natives[:] = [native for native in natives if native != arg.inst_id]


def _read_trades(memory: Memory, payload: bytes) -> list[Trade]:
    return list(map(trade_event, _trades.decode(payload).data))


def _read_touch(memory: Memory, payload: bytes) -> list[Quote]:
    message = _touches.decode(payload)
    quotes = []
    for touch in message.data:
        bid, bid_size = touch.bids[0][:2] if touch.bids else (NAN, 0.0)
        ask, ask_size = touch.asks[0][:2] if touch.asks else (NAN, 0.0)
        quotes.append(Quote(message.arg.inst_id, touch.ts * MS, bid, bid_size, ask, ask_size))
    return quotes


def _read_tickers(memory: Memory, payload: bytes) -> list[AnyEvent]:
    return [event for row in _tickers.decode(payload).data for event in ticker_events(row)]


def _read_funding(memory: Memory, payload: bytes) -> list[AnyEvent]:
    return [funding_event(row) for row in _fundings.decode(payload).data]


def _read_interest(memory: Memory, payload: bytes) -> list[AnyEvent]:
    return [event for row in _interests.decode(payload).data for event in interest_events(row)]


def _read_marks(memory: Memory, payload: bytes) -> list[Mark]:
    rows = _marks.decode(payload).data
    for row in rows:
        natives = memory.pairs.setdefault(pair_of(row.inst_id), [])
        if row.inst_id not in natives:
            natives.append(row.inst_id)
    return [mark_event(row) for row in rows]


def _read_indices(memory: Memory, payload: bytes) -> list[AnyEvent]:
    """An index is told to the instruments that follow it on this connection: those whose mark price came."""
    rows = _indices.decode(payload).data
    return [event for row in rows for event in index_events(row, memory.pairs.get(row.inst_id, []))]


def _read_liquidations(memory: Memory, payload: bytes) -> list[Liquidation]:
    """`side` is the forced order's, whatever `posSide` says: sell closes a long."""
    return [
        Liquidation(row.inst_id, x.ts * MS, _SIDE[x.side], x.bk_px, x.sz)
        for row in _liquidations.decode(payload).data
        for x in row.details
    ]


_READERS: dict[bytes, Read] = {
    b"trades": _read_trades,
    b"bbo-tbt": _read_touch,
    b"books": read_books,
    b"tickers": _read_tickers,
    b"funding-rate": _read_funding,
    b"open-interest": _read_interest,
    b"mark-price": _read_marks,
    b"index-tickers": _read_indices,
    b"liquidation-orders": _read_liquidations,
}
