"""Bybit's private side: an account's socket and signed REST, messages in, events out."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from crosstape.model.credential import Credential
from crosstape.model.errors import WireError
from crosstape.model.event import (
    AnyEvent,
    OwnBalance,
    OwnFill,
    OwnOrder,
    OwnPicture,
    OwnPosition,
    OwnRefused,
    Side,
)
from crosstape.venues.bybit.stream import ack, subscribe
from crosstape.wire.effect import Effect
from crosstape.wire.request import Request
from crosstape.wire.venue import Hello, Ping, Poll, Private, Stream, StreamLimits
from crosstape.wire.within import no_topics

MARKET = "bybit-account"
TOPICS = ("position", "execution", "order", "wallet")
MS = 1_000_000
WEEK_MS = 7 * 86_400_000
EXPIRES_MS = 60_000
EVERY_S = 180.0
PAGE = "100"
# Contracts margined in USDT and in USDC are asked for apart.
COINS = ("USDT", "USDC")
FINAL = frozenset({"10003", "10004", "10005", "10007", "10009", "10010", "10024", "33004"})
_STATUS = {
    "Filled": "filled", "Cancelled": "cancelled", "PartiallyFilledCanceled": "cancelled",
    "Deactivated": "cancelled", "Rejected": "rejected",
}  # fmt: skip
_FILL = {"Trade": "trade", "Funding": "funding", "AdlTrade": "liquidation", "BustTrade": "liquidation",
         "Settle": "trade", "Delivery": "trade", "BlockTrade": "trade"}  # fmt: skip
_SIDE = {"Buy": Side.BUY, "Sell": Side.SELL}
_LEGS = {1: "long", 2: "short"}


class _Fill(msgspec.Struct):
    symbol: str
    id: str = msgspec.field(name="execId")
    order: str = msgspec.field(name="orderId")
    price: str = msgspec.field(name="execPrice")
    size: str = msgspec.field(name="execQty")
    ts: str = msgspec.field(name="execTime")
    side: str = ""
    category: str = ""
    fee: str = msgspec.field(name="execFee", default="0")
    fee_asset: str = msgspec.field(name="feeCurrency", default="")
    maker: bool | None = msgspec.field(name="isMaker", default=None)
    kind: str = msgspec.field(name="execType", default="Trade")


class _Order(msgspec.Struct):
    symbol: str
    id: str = msgspec.field(name="orderId")
    status: str = msgspec.field(name="orderStatus")
    size: str = msgspec.field(name="qty")
    updated: str = msgspec.field(name="updatedTime")
    side: str = ""
    category: str = ""
    created: str = msgspec.field(name="createdTime", default="0")
    price: str = ""
    filled: str = msgspec.field(name="cumExecQty", default="0")
    average: str = msgspec.field(name="avgPrice", default="")
    kind: str = msgspec.field(name="orderType", default="")
    reduce_only: bool = msgspec.field(name="reduceOnly", default=False)


class _Position(msgspec.Struct):
    """Its entry is `entryPrice` on the socket and `avgPrice` over REST."""

    symbol: str
    size: str
    side: str = ""
    category: str = ""
    entry: str = msgspec.field(name="entryPrice", default="")
    average: str = msgspec.field(name="avgPrice", default="")
    mark: str = msgspec.field(name="markPrice", default="")
    pnl: str = msgspec.field(name="unrealisedPnl", default="")
    leverage: str = ""
    leg: int = msgspec.field(name="positionIdx", default=0)
    updated: str = msgspec.field(name="updatedTime", default="0")


class _Coin(msgspec.Struct):
    coin: str
    wallet: str = msgspec.field(name="walletBalance", default="0")
    locked: str = "0"


class _Wallet(msgspec.Struct):
    coin: list[_Coin] = []


class _Page(msgspec.Struct):
    rows: msgspec.Raw = msgspec.field(name="list", default=msgspec.Raw(b"[]"))
    cursor: str = msgspec.field(name="nextPageCursor", default="")
    category: str = ""


class _Answer(msgspec.Struct):
    code: int = msgspec.field(name="retCode")
    message: str = msgspec.field(name="retMsg", default="")
    result: _Page = msgspec.field(default_factory=_Page)
    time: int = 0


class _Op(msgspec.Struct):
    op: str = ""


class _Message(msgspec.Struct):
    topic: str = ""
    created: int = msgspec.field(name="creationTime", default=0)
    data: msgspec.Raw = msgspec.Raw(b"[]")
    op: str = ""
    success: bool | None = None
    said: str = msgspec.field(name="ret_msg", default="")
    request: _Op | None = None


_message = msgspec.json.Decoder(_Message)
_answer = msgspec.json.Decoder(_Answer)
_rows = {kind: msgspec.json.Decoder(list[kind]) for kind in (_Fill, _Order, _Position, _Wallet)}  # type: ignore[valid-type]


def hello(credential: Credential, now: int) -> Hello:
    """The first message of a connection.

    Source: https://bybit-exchange.github.io/docs/v5/ws/connect#authentication
    """
    expires = now // MS + EXPIRES_MS
    signature = hmac.new(credential.secret.encode(), f"GET/realtime{expires}".encode(), "sha256").hexdigest()
    message = {"op": "auth", "args": [credential.key, expires, signature]}
    return Hello(msgspec.json.encode(message), signature)


def decode(payload: bytes) -> Sequence[AnyEvent | Effect]:
    """One message of the socket -> what it says; nothing for acknowledgements and pongs."""
    try:
        message = _message.decode(payload)
        asked = message.op or (message.request.op if message.request is not None else "")
        if asked == "auth" and message.success is False:
            return [OwnRefused("", 0, message.said)]
        return list(_events(message.topic.partition(".")[0], message.data, message.created * MS, ""))
    except (msgspec.MsgspecError, InvalidOperation, KeyError, ValueError) as error:
        raise WireError(f"private: {error!r}") from error


def read(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """A page of a picture: what it names, between the beginning and the end of the picture."""
    try:
        answer = _answer.decode(body)
        if answer.code:
            raise WireError(f"{request.name}: {answer.code}: {answer.message}")
        params = dict(request.params)
        category, coin = params.get("category", ""), params.get("settleCoin", "")
        market = f"bybit-{category}" if category else ""
        events: list[AnyEvent | Effect] = []
        if "cursor" not in params and coin != COINS[1]:
            events.append(OwnPicture("", answer.time * MS, _WHAT[request.name], market, begins=True))
        found = list(_events(_TOPIC[request.name], answer.result.rows, answer.time * MS, category))
        # They list the newest first.
        events += reversed(found)
        if not more(request, body):
            whole = request.name == "wallet"
            events.append(OwnPicture("", 0, _WHAT[request.name], market, ends=True, whole=whole))
        return events
    except (msgspec.MsgspecError, InvalidOperation, KeyError, ValueError) as error:
        raise WireError(f"{request.name}: {error!r}") from error


_WHAT = {"wallet": "balances", "positions": "positions", "orders": "orders", "fills": "fills"}
_TOPIC = {"wallet": "wallet", "positions": "position", "orders": "order", "fills": "execution"}


def more(request: Request, body: bytes) -> tuple[Request, ...]:
    """The next page; behind the last one of what is margined in USDT, that in USDC."""
    try:
        cursor = _answer.decode(body).result.cursor
    except msgspec.MsgspecError as error:
        raise WireError(f"{request.name}: {error}") from error
    params = {name: value for name, value in request.params if name != "cursor"}
    if cursor:
        params["cursor"] = cursor
    elif params.get("settleCoin") == COINS[0]:
        params["settleCoin"] = COINS[1]
    else:
        return ()
    return (msgspec.structs.replace(request, params=tuple(params.items())),)


def _events(topic: str, data: msgspec.Raw, ts: int, category: str) -> Iterator[AnyEvent]:
    if topic not in _MAKE:
        return
    kind, make = _MAKE[topic]
    for row in _rows[kind].decode(data):
        yield from make(row, ts, category)


def _market(row: Any, category: str) -> str:
    return f"bybit-{row.category or category}"


def _fill(row: _Fill, _: int, category: str) -> Iterator[AnyEvent]:
    if row.kind in _FILL:
        liquidity = "" if row.maker is None else "maker" if row.maker else "taker"
        yield OwnFill(
            row.symbol, int(row.ts) * MS, _market(row, category), row.id, row.order, _SIDE.get(row.side, Side.BUY),
            row.price, row.size, row.fee or "0", row.fee_asset, liquidity, _FILL[row.kind],
        )  # fmt: skip


def _order(row: _Order, _: int, category: str) -> Iterator[AnyEvent]:
    yield OwnOrder(
        row.symbol, int(row.updated) * MS, _market(row, category), row.id, _SIDE[row.side],
        "" if row.kind == "Market" else row.price, row.size, row.filled or "0", _STATUS.get(row.status, "open"),
        row.kind.lower(), row.average, row.reduce_only, int(row.created or 0) * MS,
    )  # fmt: skip


def _position(row: _Position, ts: int, category: str) -> Iterator[AnyEvent]:
    side = _SIDE.get(row.side, Side.BUY)
    yield OwnPosition(
        row.symbol, ts, _market(row, category), side, row.size if row.side else "0", row.entry or row.average,
        row.mark, row.pnl, row.leverage, _LEGS.get(row.leg, ""),
    )  # fmt: skip


def _wallet(row: _Wallet, ts: int, _: str) -> Iterator[AnyEvent]:
    for coin in row.coin:
        total = Decimal(coin.wallet or "0")
        yield OwnBalance(coin.coin, ts, f"{total:f}", f"{total - Decimal(coin.locked or '0'):f}")


_MAKE: dict[str, tuple[Any, Callable[[Any, int, str], Iterator[AnyEvent]]]] = {
    "execution": (_Fill, _fill),
    "order": (_Order, _order),
    "position": (_Position, _position),
    "wallet": (_Wallet, _wallet),
}


def pictures(since: int, until: int) -> tuple[Request, ...]:
    """Positions, open orders, executions since then, and last the wallet."""
    out = []
    for name, path in (("positions", "/v5/position/list"), ("orders", "/v5/order/realtime")):
        out.append(Request(name, path, (("category", "linear"), ("settleCoin", COINS[0]), ("limit", "50"))))
        out.append(Request(name, path, (("category", "inverse"), ("limit", "50"))))
    out.append(Request("orders", "/v5/order/realtime", (("category", "spot"), ("limit", "50"))))
    for start in range(since // MS, max(until // MS, since // MS + 1), WEEK_MS):
        # What happens while we ask belongs to the last span.
        end = start + WEEK_MS
        for category in ("linear", "inverse", "spot"):
            span = (("category", category), ("startTime", str(start)), ("endTime", str(end)), ("limit", PAGE))
            out.append(Request("fills", "/v5/execution/list", span))
    return (*out, Request("wallet", "/v5/account/wallet-balance", (("accountType", "UNIFIED"),)))


PRIVATE = Private(
    stream=Stream(
        market=MARKET,
        url="wss://stream.bybit.com/v5/private",
        subscribe=subscribe,
        unsubscribe=subscribe,
        open=lambda: decode,
        ack=ack,
        topics=no_topics,
        book_topics=no_topics,
        ping=Ping(b'{"op":"ping"}', every_s=20.0),
        limits=StreamLimits(requests_per_s=5.0),
    ),
    topics=TOPICS,
    poll=Poll(MARKET, "account", tuple, EVERY_S, read),
    pictures=pictures,
    more=more,
    final=FINAL,
    hello=hello,
)
