"""Binance's private side, spot: an account's events over the WebSocket API, and signed REST."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial

import msgspec

from crosstape.model.credential import Credential
from crosstape.model.errors import WireError
from crosstape.model.event import AnyEvent, OwnBalance, OwnFill, OwnOrder, OwnPicture, OwnRefused, Side
from crosstape.venues.binance.private import FINAL, MOST, MS, SIDE, STATUS, price_of
from crosstape.wire.effect import Effect, Reconnect
from crosstape.wire.request import Request
from crosstape.wire.venue import Ack, Budget, Hello, Poll, Private, Remembered, Stream, StreamLimits
from crosstape.wire.within import no_topics

MARKET = "binance-spot-account"
SPOT = "binance-spot"
# They tell what a connection is subscribed to: asked behind the signed subscription, the answer confirms it.
TOPICS = ("session.subscriptions",)
SIGNED = "account"
WINDOW_MS = "60000"
EVERY_S = 180.0
# What is bought or sold is mostly paid in one of these, also where nothing of it is left.
QUOTES = frozenset({"USDT", "USDC", "FDUSD"})
PICTURES = ("assets", "balances", "orders")
_UNREADABLE = (msgspec.MsgspecError, InvalidOperation, KeyError, ValueError)


class _Held(msgspec.Struct):
    asset: str = msgspec.field(name="a")
    free: str = msgspec.field(name="f")
    locked: str = msgspec.field(name="l")


class _Kind(msgspec.Struct):
    event: str = msgspec.field(name="e", default="")


class _Position(msgspec.Struct):
    """All assets that may have changed."""

    ts: int = msgspec.field(name="u")
    balances: list[_Held] = msgspec.field(name="B")


class _Report(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    side: str = msgspec.field(name="S")
    size: str = msgspec.field(name="q")
    id: int = msgspec.field(name="i")
    status: str = msgspec.field(name="X")
    what: str = msgspec.field(name="x")
    ts: int = msgspec.field(name="T")
    kind: str = msgspec.field(name="o", default="")
    price: str = msgspec.field(name="p", default="0")
    filled: str = msgspec.field(name="z", default="0")
    value: str = msgspec.field(name="Z", default="0")
    created: int = msgspec.field(name="O", default=0)
    trade: int = msgspec.field(name="t", default=-1)
    last_price: str = msgspec.field(name="L", default="0")
    last_size: str = msgspec.field(name="l", default="0")
    fee: str = msgspec.field(name="n", default="0")
    fee_asset: str | None = msgspec.field(name="N", default=None)
    maker: bool = msgspec.field(name="m", default=False)


class _Refusal(msgspec.Struct):
    code: int = 0
    said: str = msgspec.field(name="msg", default="")


class _Said(msgspec.Struct):
    """An event in its envelope, or the answer to a message."""

    event: msgspec.Raw = msgspec.Raw(b"")
    id: str | int | None = None
    status: int = 0
    error: _Refusal | None = None


class _Subscriptions(msgspec.Struct):
    id: str | int | None = None
    status: int = 0
    result: list[dict[str, int]] = []


class _Asset(msgspec.Struct):
    asset: str
    free: str
    locked: str


class _Account(msgspec.Struct):
    balances: list[_Asset]
    updated: int = msgspec.field(name="updateTime", default=0)


class _Open(msgspec.Struct):
    symbol: str
    id: int = msgspec.field(name="orderId")
    status: str
    side: str
    size: str = msgspec.field(name="origQty")
    kind: str = msgspec.field(name="type", default="")
    price: str = "0"
    filled: str = msgspec.field(name="executedQty", default="0")
    # So they spell it.
    value: str = msgspec.field(name="cummulativeQuoteQty", default="0")
    created: int = msgspec.field(name="time", default=0)
    updated: int = msgspec.field(name="updateTime", default=0)


class _Trade(msgspec.Struct):
    symbol: str
    id: int
    order: int = msgspec.field(name="orderId")
    price: str
    size: str = msgspec.field(name="qty")
    ts: int = msgspec.field(name="time")
    buyer: bool = msgspec.field(name="isBuyer")
    maker: bool = msgspec.field(name="isMaker", default=False)
    fee: str = msgspec.field(name="commission", default="0")
    fee_asset: str = msgspec.field(name="commissionAsset", default="")


_said = msgspec.json.Decoder(_Said)
_subscriptions = msgspec.json.Decoder(_Subscriptions)
_kind = msgspec.json.Decoder(_Kind)
_position = msgspec.json.Decoder(_Position)
_report = msgspec.json.Decoder(_Report)
_account = msgspec.json.Decoder(_Account)
_open = msgspec.json.Decoder(list[_Open])
_trades = msgspec.json.Decoder(list[_Trade])


def decode(payload: bytes) -> Sequence[AnyEvent | Effect]:
    """One message of the WebSocket API -> what it says of the account; nothing for answers that are good."""
    try:
        said = _said.decode(payload)
        if said.error is not None and said.id == SIGNED:
            reason = f"{said.error.code}: {said.error.said}"
            return [OwnRefused("", 0, reason) if str(said.error.code) in FINAL else Reconnect("", 0, reason)]
        return list(_events(said.event)) if said.event else []
    except _UNREADABLE as error:
        raise WireError(f"private: {error!r}") from error


def _events(event: msgspec.Raw) -> Iterator[AnyEvent | Effect]:
    match _kind.decode(event).event:
        case "executionReport":
            yield from _reported(_report.decode(event))
        case "outboundAccountPosition":
            changed = _position.decode(event)
            for held in changed.balances:
                yield _balance(held.asset, changed.ts, held.free, held.locked)
        case "eventStreamTerminated":
            yield Reconnect("", 0, "its event stream was terminated")
        case "serverShutdown":
            yield Reconnect("", 0, "the server is going down")


def _reported(o: _Report) -> Iterator[AnyEvent]:
    yield OwnOrder(
        o.symbol, o.ts * MS, SPOT, str(o.id), SIDE[o.side], price_of(o.price), o.size, o.filled,
        STATUS.get(o.status, "open"), o.kind.lower(), _average(o.value, o.filled), False, o.created * MS,
    )  # fmt: skip
    if o.what == "TRADE":
        yield OwnFill(
            o.symbol, o.ts * MS, SPOT, str(o.trade), str(o.id), SIDE[o.side], o.last_price, o.last_size, o.fee,
            o.fee_asset or "", "maker" if o.maker else "taker",
        )  # fmt: skip


def _balance(asset: str, ts: int, free: str, locked: str) -> OwnBalance:
    return OwnBalance(asset, ts * MS, f"{Decimal(free) + Decimal(locked):f}", free)


def _average(value: str, filled: str) -> str:
    """Of what was filled; they tell what it cost in sum."""
    size = Decimal(filled)
    return f"{(Decimal(value) / size).quantize(Decimal('1e-8')):f}" if size else ""


def ack(payload: bytes) -> Ack | None:
    """The answer that names a subscription. One that names none confirms nothing: it is asked for again."""
    if b'"result"' not in payload:
        return None
    try:
        answer = _subscriptions.decode(payload)
    except msgspec.MsgspecError:
        return None
    good = answer.status == 200 and bool(answer.result) and answer.id is not None
    return Ack(True, str(answer.id)) if good else None


def subscribe(topics: Sequence[str], request_id: str) -> bytes:
    """Asks what this connection is subscribed to."""
    return msgspec.json.encode({"id": request_id, "method": TOPICS[0]})


def hello(credential: Credential, now: int) -> Hello:
    """The signed subscription: HMAC-SHA256 of its parameters in the order of their names.

    Source: https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/user-data-stream-requests
    """
    params = {"apiKey": credential.key, "recvWindow": WINDOW_MS, "timestamp": str(now // MS)}
    text = "&".join(f"{name}={value}" for name, value in params.items())
    signature = hmac.new(credential.secret.encode(), text.encode(), "sha256").hexdigest()
    method, signed = "userDataStream.subscribe.signature", params | {"signature": signature}
    return Hello(msgspec.json.encode({"id": SIGNED, "method": method, "params": signed}), signature)


def read(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """An answer: a whole picture, or fills."""
    try:
        if request.name == "trades":
            return [_fill(t) for t in _trades.decode(body)]
        if request.name not in PICTURES:
            return []
        what, market = ("orders", SPOT) if request.name == "orders" else ("balances", "")
        events = _read_orders(body) if what == "orders" else _read_balances(body)
        ends = OwnPicture("", 0, what, market, ends=True, whole=request.name == "balances")
        return [OwnPicture("", 0, what, market, begins=True), *events, ends]
    except _UNREADABLE as error:
        raise WireError(f"{request.name}: {error!r}") from error


def _read_balances(body: bytes) -> Iterator[AnyEvent]:
    account = _account.decode(body)
    for held in account.balances:
        yield _balance(held.asset, account.updated, held.free, held.locked)


def _read_orders(body: bytes) -> Iterator[AnyEvent]:
    for o in _open.decode(body):
        yield OwnOrder(
            o.symbol, o.updated * MS, SPOT, str(o.id), SIDE[o.side], price_of(o.price), o.size, o.filled,
            STATUS.get(o.status, "open"), o.kind.lower(), _average(o.value, o.filled), False, o.created * MS,
        )  # fmt: skip


def _fill(t: _Trade) -> OwnFill:
    side = Side.BUY if t.buyer else Side.SELL
    return OwnFill(
        t.symbol, t.ts * MS, SPOT, str(t.id), str(t.order), side, t.price, t.size, t.fee, t.fee_asset,
        "maker" if t.maker else "taker",
    )  # fmt: skip


def pictures(since: int, until: int) -> tuple[Request, ...]:
    """Open orders, what is held (it says which pairs' trades are to be asked for), and last what is held then."""
    held = partial(Request, path="/api/v3/account", params=(("omitZeroBalances", "true"),), weight=20.0)
    return (Request("orders", "/api/v3/openOrders", weight=80.0), held("assets"), held("balances"))


def fills(request: Request, body: bytes, known: Remembered) -> tuple[Request, ...]:
    """Behind what is held: the trades of every pair that it, or what was held before, can have been traded in."""
    if request.name != "assets":
        return ()
    try:
        held = known.assets | {one.asset for one in _account.decode(body).balances}
    except msgspec.MsgspecError as error:
        raise WireError(f"{request.name}: {error!r}") from error
    since = (("startTime", str(known.since // MS)),)
    return tuple(_trades_of(symbol, since) for symbol in pairs(held, known))


def pairs(held: frozenset[str], known: Remembered) -> list[str]:
    """The symbols with orders or fills, and those listed of an asset that is held against another one, or against
    what most is paid in. They tell trades by symbol alone, and not which symbols there are any of; one that is
    listed no more would be an error."""
    paid = held | QUOTES
    found = {s for s in known.listed if any(s[:n] in held and s[n:] in paid for n in range(1, len(s)))}
    return sorted(found | (known.symbols.intersection(known.listed) if known.listed else known.symbols))


def more(request: Request, body: bytes) -> tuple[Request, ...]:
    """The trades behind a full page of them."""
    if request.name != "trades":
        return ()
    try:
        found = _trades.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"{request.name}: {error!r}") from error
    symbol = dict(request.params)["symbol"]
    return (_trades_of(symbol, (("fromId", str(found[-1].id + 1)),)),) if len(found) >= MOST else ()


def _trades_of(symbol: str, wanted: tuple[tuple[str, str], ...]) -> Request:
    return Request("trades", "/api/v3/myTrades", (("symbol", symbol), *wanted, ("limit", str(MOST))), weight=20.0)


PRIVATE_SPOT = Private(
    stream=Stream(
        market=MARKET,
        url="wss://ws-api.binance.com:443/ws-api/v3",
        subscribe=subscribe,
        unsubscribe=subscribe,
        open=lambda: decode,
        ack=ack,
        topics=no_topics,
        book_topics=no_topics,
        limits=StreamLimits(requests_per_s=3.0, lifetime_s=24 * 3600.0),
    ),
    topics=TOPICS,
    poll=Poll(MARKET, "account", tuple, EVERY_S, read),
    pictures=pictures,
    more=more,
    final=FINAL,
    market=SPOT,
    fills=fills,
    # 6000 a minute by address; the market's polls take up to 4200.
    budget=Budget(weight=1400.0, window_s=60.0),
    hello=hello,
    rest="https://api.binance.com",
)
