"""BitMEX: perpetuals and dated futures, one market, one address.

Quanto contracts are left out: one pays price x a fixed amount of XBT, so the coins it stands for change with the
price of XBT, and an `Instrument` knows one constant size. So are spreads (FFMCSX), whose prices are differences,
spot, and baskets. Trades of a `partial` are left out too: they happened before we listened, maybe to us.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import (
    NAN,
    AnyEvent,
    BookDelta,
    BookSnapshot,
    CatalogueEnd,
    Funding,
    Gap,
    Index,
    Levels,
    Liquidation,
    Listed,
    Mark,
    OpenInterest,
    Quote,
    Side,
    Ticker,
    Trade,
)
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.wire.multiplier import split_multiplier
from crosstape.wire.request import Request
from crosstape.wire.venue import Ack, Budget, Capability, Decoded, Ping, Poll, Refusal, Stream, StreamLimits, Venue

MARKET = "bitmex"
BOOK = "orderBookL2"
CATALOGUE = Request("instruments", "/api/v1/instrument/active")
_SIDE = {"Buy": Side.BUY, "Sell": Side.SELL}
_KINDS = {"FFWCSX": InstrumentKind.PERP, "FFCCSX": InstrumentKind.FUTURE}
_COINS = {"XBT": "BTC", "XBt": "BTC", "USDt": "USDT"}
Time = Annotated[datetime, msgspec.Meta(tz=True)]
Id = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
Prices = dict[int, float]


class Memory(msgspec.Struct):
    """What one connection's decoder remembers: each book's bid and ask prices by level id. A book that is not in
    it has no snapshot yet, or lost its place: nothing of it is passed on until its next `partial`."""

    prices: dict[str, tuple[Prices, Prices]] = {}


class _Request(msgspec.Struct, frozen=True, gc=False):
    args: list[str] = []


class _Message(msgspec.Struct, gc=False):
    """Rows of a table, or the answer to a request."""

    table: str = ""
    action: Literal["", "partial", "insert", "update", "delete"] = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    filter: dict[str, str] = {}
    subscribe: str = ""
    unsubscribe: str = ""
    error: str = ""
    request: _Request = _Request()


class _Level(msgspec.Struct, gc=False):
    symbol: str
    id: Id
    side: Literal["Buy", "Sell"]
    size: float = NAN
    price: float = NAN
    timestamp: Time | None = None


class _Trade(msgspec.Struct, gc=False):
    symbol: str
    timestamp: Time
    side: Literal["Buy", "Sell"]
    size: float
    price: float
    id: str = msgspec.field(name="trdMatchID")


class _Quote(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    timestamp: Time
    bid_price: float | None = None
    bid_size: float | None = None
    ask_price: float | None = None
    ask_size: float | None = None


class _Forced(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    side: Literal["Buy", "Sell"]
    price: float
    leaves_qty: float


class _Row(msgspec.Struct, gc=False, rename="camel"):
    """A row of the `instrument` table: whole over REST and in a `partial`, what changed in an `update`."""

    symbol: str
    typ: str = ""
    state: str = ""
    underlying: str = ""
    quote_currency: str = ""
    settl_currency: str | None = None
    is_quanto: bool = False
    is_inverse: bool = False
    multiplier: float | None = None
    underlying_to_settle_multiplier: float | None = None
    quote_to_settle_multiplier: float | None = None
    tick_size: float | None = None
    lot_size: float | None = None
    listing: Time | None = None
    expiry: Time | None = None
    funding_interval: Time | None = None
    funding_timestamp: Time | None = None
    funding_rate: float | None = None
    mark_price: float | None = None
    indicative_settle_price: float | None = None
    open_interest: float | None = None
    last_price: float | None = None
    high_price: float | None = None
    low_price: float | None = None
    last_change_pcnt: float | None = None
    volume24h: float | None = None
    home_notional24h: float | None = msgspec.field(name="homeNotional24h", default=None)
    foreign_notional24h: float | None = msgspec.field(name="foreignNotional24h", default=None)
    timestamp: Time | None = None


_messages = msgspec.json.Decoder(_Message)
_levels = msgspec.json.Decoder(list[_Level])
_trades = msgspec.json.Decoder(list[_Trade])
_quotes = msgspec.json.Decoder(list[_Quote])
_forced = msgspec.json.Decoder(list[_Forced])
_rows = msgspec.json.Decoder(list[_Row])


def nanoseconds(time: datetime | None) -> int:
    """Their ISO time since the epoch, 0 for none."""
    if time is None:
        return 0
    return int(time.replace(microsecond=0).timestamp()) * 1_000_000_000 + time.microsecond * 1000


def _number(value: float | None) -> float:
    return NAN if value is None else value


class Decoder:
    """One connection's decoder; `memory` is saved with a checkpoint and put back."""

    __slots__ = ("memory",)

    def __init__(self) -> None:
        self.memory = Memory()

    def __call__(self, payload: bytes) -> Decoded:
        """One socket message -> the events it carries; none for acks, pongs and tables we do not take."""
        if payload == b"pong":
            return ()
        try:
            return _read(self.memory, _messages.decode(payload))
        except (msgspec.MsgspecError, ValueError, OverflowError) as error:
            raise WireError(f"bitmex: {error}") from error


def _read(memory: Memory, message: _Message) -> Decoded:
    match message.table, message.action:
        case "orderBookL2", action:
            return _book(memory, message, action)
        case "trade", "insert":
            return [
                Trade(t.symbol, nanoseconds(t.timestamp), t.price, t.size, _SIDE[t.side], t.id)
                for t in _trades.decode(message.data)
            ]
        case "quote", "partial" | "insert":
            return [
                Quote(q.symbol, nanoseconds(q.timestamp), _number(q.bid_price), q.bid_size or 0.0,
                      _number(q.ask_price), q.ask_size or 0.0)
                for q in _quotes.decode(message.data)
            ]  # fmt: skip
        case "instrument", "partial" | "update":
            return [found for row in _rows.decode(message.data) for found in _figures(row)]
        case "liquidation", "insert":
            # It has no time. Updates and deletes tell what became of an order that was counted already.
            forced = _forced.decode(message.data)
            return [Liquidation(f.symbol, 0, _SIDE[f.side], f.price, f.leaves_qty) for f in forced]
    if message.unsubscribe.startswith(BOOK):
        memory.prices.pop(message.unsubscribe.partition(":")[2], None)
    return ()


def _book(memory: Memory, message: _Message, action: str) -> list[AnyEvent]:
    rows = _levels.decode(message.data)
    # Before any memory changes: a message is taken whole or not at all.
    wanted = {"partial": ("size", "price"), "insert": ("size", "price"), "update": ("size",)}.get(action, ())
    if any(getattr(row, name) != getattr(row, name) for row in rows for name in wanted):
        raise ValueError(f"{action} of a level without its {' or '.join(wanted)}")
    found: dict[str, list[_Level]] = {}
    if action == "partial" and "symbol" in message.filter:
        found[message.filter["symbol"]] = []
    for row in rows:
        found.setdefault(row.symbol, []).append(row)
    events: list[AnyEvent] = []
    for symbol, levels in found.items():
        event = _whole(memory, symbol, levels) if action == "partial" else _change(memory, action, symbol, levels)
        if event is not None:
            events.append(event)
    return events


def _whole(memory: Memory, symbol: str, rows: Sequence[_Level]) -> BookSnapshot:
    prices: tuple[Prices, Prices] = ({}, {})
    levels: tuple[Levels, Levels] = ([], [])
    for row in rows:
        side = row.side == "Sell"
        prices[side][row.id] = row.price
        levels[side].append((row.price, row.size))
    memory.prices[symbol] = prices
    return BookSnapshot(symbol, _latest(rows), *levels, 0)


def _change(memory: Memory, action: str, symbol: str, rows: Sequence[_Level]) -> BookDelta | Gap | None:
    """A delta in prices; a Gap at an id we were never told: the wire has no sequence, ids are all there is."""
    prices = memory.prices.get(symbol)
    if prices is None:
        return None
    sides: tuple[Levels, Levels] = ([], [])
    for row in rows:
        side = row.side == "Sell"
        known = prices[side]
        if action == "insert":
            known[row.id] = row.price
        price = known.pop(row.id, NAN) if action == "delete" else known.get(row.id, NAN)
        if price != price:
            del memory.prices[symbol]
            return Gap(symbol, _latest(rows), 0, 0)
        sides[side].append((price, 0.0 if action == "delete" else row.size))
    return BookDelta(symbol, _latest(rows), *sides, 0, 0)


def _latest(rows: Iterable[_Level]) -> int:
    return max((nanoseconds(row.timestamp) for row in rows), default=0)


def _figures(row: _Row) -> list[AnyEvent]:
    """What a row says about the market; an update says little, and not whether the contract is inverse."""
    symbol, ts = row.symbol, nanoseconds(row.timestamp)
    events: list[AnyEvent] = []
    plain = (Mark, row.mark_price), (Index, row.indicative_settle_price), (OpenInterest, row.open_interest)
    events += [kind(symbol, ts, value) for kind, value in plain if value is not None]
    if row.funding_rate is not None or row.funding_timestamp is not None:
        due = nanoseconds(row.funding_timestamp)
        events.append(Funding(symbol, ts, _number(row.funding_rate), _hours(row.funding_interval), due))
    turnover = (row.home_notional24h if row.is_inverse else row.foreign_notional24h) if row.typ else None
    day = (row.last_price, row.volume24h, turnover, row.high_price, row.low_price, row.last_change_pcnt)
    if any(value is not None for value in day):
        events.append(Ticker(symbol, ts, *map(_number, day)))
    return events


def _hours(interval: datetime | None) -> float:
    """An interval is written as a time from 2000-01-01 on."""
    return 0.0 if interval is None else (interval.day - 1) * 24 + interval.hour + interval.minute / 60


def decode_instruments(request: Request, body: bytes) -> Sequence[AnyEvent]:
    """Every open instrument we can fold, described; then what their rows say about the market."""
    try:
        taken = [(row, found) for row in _rows.decode(body) if (found := instrument(row)) is not None]
        listed = [Listed(row.symbol, nanoseconds(row.timestamp), found) for row, found in taken]
        figures = [found for row, _ in taken for found in _figures(row)]
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise WireError(f"bitmex instruments: {error}") from error
    return [*listed, CatalogueEnd("", 0), *figures]


def instrument(row: _Row) -> Instrument | None:
    """Their row -> ours, or None for what is left out. A contract pays `multiplier` of the settlement's smallest
    unit; divided by what one unit of the underlying (inverse: of the quote) is worth in it, that is its size."""
    kind = _KINDS.get(row.typ)
    per = row.underlying_to_settle_multiplier if row.is_inverse else row.quote_to_settle_multiplier
    if kind is None or row.is_quanto or row.state != "Open" or not (per and row.multiplier):
        return None
    base, multiplier = split_multiplier(_coin(row.underlying))
    lot = _number(row.lot_size)
    return Instrument(
        MARKET, row.symbol, kind, base, _coin(row.quote_currency), _coin(row.settl_currency or ""),
        multiplier, abs(row.multiplier / per), row.is_inverse, _number(row.tick_size), lot, lot,
        _hours(row.funding_interval), nanoseconds(row.listing), nanoseconds(row.expiry),
    )  # fmt: skip


def _coin(name: str) -> str:
    return _COINS.get(name, name.upper())


def subscribe(topics: Sequence[str], request_id: str, op: str = "subscribe") -> bytes:
    """The message that asks for topics. It takes no id that would come back, so answers go by their order."""
    return msgspec.json.encode({"op": op, "args": list(topics)})


def ack(payload: bytes) -> Ack | None:
    """Their answer to a request, or None. They answer topic by topic: the last one's answer is the request's."""
    if payload[:8] == b'{"table"' or payload == b"pong":
        return None
    try:
        said = _messages.decode(payload)
    except msgspec.MsgspecError:
        return None
    if said.error:
        # Asked twice is as good as asked once.
        return Ack("already subscribed" in said.error, "", said.error)
    if said.request.args and said.request.args[-1] == (said.subscribe or said.unsubscribe):
        return Ack(True, "")
    return None


def topics(instrument: Instrument, tier: str) -> tuple[str, ...]:
    """A: everything with the whole book; B: all but the book; C: polled figures only."""
    if tier == "C":
        return ()
    named = (f"{table}:{instrument.native}" for table in ("trade", "quote", "instrument", "liquidation"))
    return (*book_topics(instrument, tier), *named)


def book_topics(instrument: Instrument, tier: str) -> tuple[str, ...]:
    """The topics whose fresh subscription brings a fresh book."""
    return (f"{BOOK}:{instrument.native}",) if tier == "A" else ()


def refusal(status: int, headers: str, body: bytes) -> Refusal | None:
    """How long a 429 lasts is in Retry-After, which the host heeds when it is longer than this."""
    if status == 200 and body[:1] == b"[":
        return None
    if status in (403, 429):
        return Refusal(f"HTTP {status}: too many requests, or a blocked region", ban_s=60.0, retry=status == 429)
    return Refusal(f"HTTP {status}: {body[:120].decode('utf-8', 'replace')}", retry=status == 200 or status >= 500)


_KNOWN = Instrument(
    MARKET, "XBTUSD", InstrumentKind.PERP, "BTC", "USD", "BTC", inverse=True, funding_hours=8.0, described=False
)


def builtin() -> tuple[Instrument, ...]:
    """What has been the same since 2016: a dollar a contract, paid in bitcoin."""
    return (_KNOWN,)


CAPABILITIES = (
    Capability("instruments", "REST", "every 30 s; perpetuals and futures; no quanto contracts, spreads, spot"),
    Capability("trades", "stream", "every trade but the one a subscription begins with"),
    Capability("quote", "stream", "on every change"),
    Capability("book", "stream, ids checked", "orderBookL2, the whole book; an id never told is a gap"),
    Capability("ticker", "REST + stream", "all every 30 s; turnover over REST only; stream seen in samples only"),
    Capability("mark, index", "REST + stream", "markPrice, indicativeSettlePrice; stream seen in samples only"),
    Capability("funding", "REST + stream", "with its interval, per instrument; stream seen in samples only"),
    Capability("open interest", "REST + stream", "contracts, single-sided; stream seen in samples only"),
    Capability("liquidations", "stream", "as first told; seen in samples only"),
    Capability("candles", "built from trades", "not back-filled"),
    Capability("limits, pings, refusals", "", "from their documents; none is in a capture"),
)

# They count 720 requests an hour on a socket, and some 40 connections an hour.
LIMITS = StreamLimits(topics_per_request=10, requests_per_s=0.2, connects_per_window=30, connect_window_s=3600.0)

STREAM = Stream(
    MARKET, "wss://www.bitmex.com/realtime", subscribe, partial(subscribe, op="unsubscribe"), Decoder, ack,
    topics, book_topics, Ping(b"ping", every_s=5.0), LIMITS,
)  # fmt: skip

BITMEX = Venue(
    id="bitmex",
    docs="https://www.bitmex.com/app/wsAPI",
    rest="https://www.bitmex.com",
    budget=Budget(weight=30.0, window_s=60.0),
    streams=(STREAM,),
    polls=(Poll(MARKET, "instruments", lambda: (CATALOGUE,), 30.0, decode_instruments),),
    capabilities=CAPABILITIES,
    refusal=refusal,
    backfill=lambda instrument, since, until: (),
    builtin=builtin,
)
