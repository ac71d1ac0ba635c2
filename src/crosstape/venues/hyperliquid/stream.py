"""Hyperliquid's socket: messages in, events out.

A subscription to `trades` begins with trades of the past, up to hours old for a quiet coin. They are no flow of
this second and are left out: of a coin's first message only what is not older than the newest time the connection
has heard is passed on. A trade that comes twice is told by its id, as long as it is among the newest `MOST_IDS`.
What a lost connection missed is not made up for from there, but by the candles of a back-fill.

`allDexsAssetCtxs` names no coins, only their places in each dex's list. The connection that hears it asks for the
lists itself, on the same socket, so that the answer is on the tape before it is needed, and asks again when a list
has grown or after `AGAIN` messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import NAN, AnyEvent, Quote, Trade
from crosstape.venues.hyperliquid.books import Deep, Level, read_books
from crosstape.venues.hyperliquid.context import Context, TradeRow, context_events, trade_event
from crosstape.venues.hyperliquid.names import MS, PERPS
from crosstape.venues.hyperliquid.rest import Meta, names_of
from crosstape.wire.effect import Effect, Send
from crosstape.wire.venue import Decoded

_LEAD = b'{"channel":"'
MOST_IDS = 4096
AGAIN = 300
IMPATIENT = 20
ASK = b'{"method":"post","id":1,"request":{"type":"info","payload":{"type":"allPerpMetas"}}}'
Read = Callable[["Memory", bytes], Sequence[AnyEvent | Effect]]


class Memory(msgspec.Struct):
    """What one connection's decoder remembers.

    clock   the newest time of theirs that was heard, ms
    begun   coins whose trades have begun
    tids    ids of the newest trades, oldest first
    books   by coin
    names   dex -> its coins by place, "" where one is delisted
    heard   messages of all contexts since the names were asked for; 0 = they never were
    """

    clock: int = 0
    begun: dict[str, None] = {}
    tids: dict[int, None] = {}
    books: dict[str, Deep] = {}
    names: dict[str, list[str]] = {}
    heard: int = 0


class _Trades(msgspec.Struct, gc=False):
    data: list[TradeRow]


class _Touch(msgspec.Struct, gc=False):
    coin: str
    time: int
    bbo: list[Level | None]


class _TouchMessage(msgspec.Struct, gc=False):
    data: _Touch


class _Active(msgspec.Struct, gc=False):
    coin: str
    ctx: Context


class _ActiveMessage(msgspec.Struct, gc=False):
    data: _Active


class _All(msgspec.Struct, gc=False):
    ctxs: list[tuple[str, list[Context]]]


class _AllMessage(msgspec.Struct, gc=False):
    data: _All


class _Subscription(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    coin: str = ""


class _Change(msgspec.Struct, gc=False):
    method: str = ""
    subscription: _Subscription = _Subscription()


class _ChangeMessage(msgspec.Struct, gc=False):
    data: _Change


class _Payload(msgspec.Struct, gc=False):
    type: str
    data: msgspec.Raw


class _Response(msgspec.Struct, gc=False):
    type: str
    payload: msgspec.Raw


class _Post(msgspec.Struct, gc=False):
    response: _Response


class _PostMessage(msgspec.Struct, gc=False):
    data: _Post


class _Envelope(msgspec.Struct, gc=False):
    channel: str = ""


_envelope = msgspec.json.Decoder(_Envelope)
_trades = msgspec.json.Decoder(_Trades, strict=False)
_touches = msgspec.json.Decoder(_TouchMessage, strict=False)
_active = msgspec.json.Decoder(_ActiveMessage)
_all = msgspec.json.Decoder(_AllMessage)
_changes = msgspec.json.Decoder(_ChangeMessage)
_posts = msgspec.json.Decoder(_PostMessage)
_payload = msgspec.json.Decoder(_Payload)
_metas = msgspec.json.Decoder(list[Meta])


class Decoder:
    """One connection's decoder; `memory` is saved with a checkpoint and put back."""

    __slots__ = ("memory",)

    def __init__(self) -> None:
        self.memory = Memory()

    def __call__(self, payload: bytes) -> Decoded:
        """One socket message -> the events it carries; none for acks, pongs and channels we do not take."""
        try:
            # The channel leads in nearly every message; only the others pay for a look inside first.
            if payload[:12] == _LEAD:
                channel = payload[12 : payload.index(b'"', 12)]
            else:
                channel = _envelope.decode(payload).channel.encode()
            read = _READERS.get(channel)
            return read(self.memory, payload) if read is not None else ()
        except (msgspec.MsgspecError, ValueError, OverflowError) as error:
            raise WireError(f"hyperliquid: {error}") from error


def _read_trades(memory: Memory, payload: bytes) -> list[Trade]:
    rows = _trades.decode(payload).data
    if not rows:
        return []
    tids, since = memory.tids, 0
    if rows[0].coin not in memory.begun:
        memory.begun[rows[0].coin] = None
        since = memory.clock or max(t.time for t in rows)
    trades = []
    for t in rows:
        if t.tid in tids:
            continue
        tids[t.tid] = None
        if t.time > memory.clock:
            memory.clock = t.time
        if t.time >= since:
            trades.append(trade_event(t))
    while len(tids) > MOST_IDS:
        del tids[next(iter(tids))]
    return trades


def _read_touch(memory: Memory, payload: bytes) -> list[Quote]:
    touch = _touches.decode(payload).data
    memory.clock = max(memory.clock, touch.time)
    sides = [(NAN, 0.0) if level is None else (level.px, level.sz) for level in (*touch.bbo, None, None)[:2]]
    return [Quote(touch.coin, touch.time * MS, *sides[0], *sides[1])]


def _read_books(memory: Memory, payload: bytes) -> Sequence[AnyEvent]:
    books = read_books(memory.books, payload)
    for book in books:
        memory.clock = max(memory.clock, book.last)
    return books


def _read_active(memory: Memory, payload: bytes) -> list[AnyEvent]:
    active = _active.decode(payload).data
    return context_events(active.coin, active.ctx, memory.clock)


def _read_all(memory: Memory, payload: bytes) -> list[AnyEvent | Effect]:
    events: list[AnyEvent | Effect] = []
    missing = False
    for dex, contexts in _all.decode(payload).data.ctxs:
        coins = memory.names.get(dex, ())
        missing |= len(coins) < len(contexts)
        for coin, context in zip(coins, contexts, strict=False):
            if coin:
                events += context_events(coin, context, memory.clock)
    if not memory.heard or memory.heard % AGAIN == 0 or (missing and memory.heard % IMPATIENT == 0):
        # All contexts are a topic of shard 0 alone.
        events.append(Send(f"{PERPS}/0", ASK))
    memory.heard += 1
    return events


def _read_post(memory: Memory, payload: bytes) -> list[AnyEvent]:
    """The answer to what `_read_all` asked; an error is not worse than no answer."""
    response = _posts.decode(payload).data.response
    if response.type == "info":
        told = _payload.decode(response.payload)
        if told.type == "allPerpMetas":
            memory.names = names_of(_metas.decode(told.data))
    return []


def _read_change(memory: Memory, payload: bytes) -> list[AnyEvent]:
    """A subscription that ended is forgotten: the next begins anew."""
    change = _changes.decode(payload).data
    if change.method == "unsubscribe":
        coin = change.subscription.coin
        if change.subscription.type == "trades":
            memory.begun.pop(coin, None)
        elif change.subscription.type == "l2Book":
            memory.books.pop(coin, None)
    return []


_READERS: dict[bytes, Read] = {
    b"trades": _read_trades,
    b"bbo": _read_touch,
    b"l2Book": _read_books,
    b"allDexsAssetCtxs": _read_all,
    b"activeAssetCtx": _read_active,
    b"activeSpotAssetCtx": _read_active,
    b"post": _read_post,
    b"subscriptionResponse": _read_change,
}
