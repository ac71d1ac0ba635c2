"""Binance's private side, USD-M: an account's user data stream and signed REST, messages in, events out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from crosstape.model.credential import Credential
from crosstape.model.errors import WireError
from crosstape.model.event import AnyEvent, OwnBalance, OwnFill, OwnOrder, OwnPicture, OwnPosition, Side
from crosstape.venues.binance.stream import ack, subscribe
from crosstape.wire.effect import Effect, Reconnect
from crosstape.wire.request import Request
from crosstape.wire.venue import Listen, Poll, Private, Stream, StreamLimits
from crosstape.wire.within import no_topics

MARKET = "binance-account"
USDM = "binance-usdm"
MS = 1_000_000
WEEK_MS = 7 * 86_400_000
EVERY_S = 180.0
KEEP_S = 1_500.0
MOST = 1000
# Without naming them nothing is sent.
EVENTS = ("ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "listenKeyExpired")
FINAL = frozenset({"-1022", "-2008", "-2014", "-2015", "-2017"})
STATUS = {"FILLED": "filled", "CANCELED": "cancelled", "EXPIRED": "cancelled", "EXPIRED_IN_MATCH": "cancelled",
           "REJECTED": "rejected"}  # fmt: skip
SIDE = {"BUY": Side.BUY, "SELL": Side.SELL}
_LEGS = {"LONG": "long", "SHORT": "short"}
# What they call orders that they themselves send.
_FORCED = ("autoclose-", "adl_autoclose")


class _Update(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    side: str = msgspec.field(name="S")
    size: str = msgspec.field(name="q")
    id: int = msgspec.field(name="i")
    status: str = msgspec.field(name="X")
    what: str = msgspec.field(name="x")
    kind: str = msgspec.field(name="o", default="")
    price: str = msgspec.field(name="p", default="0")
    average: str = msgspec.field(name="ap", default="0")
    filled: str = msgspec.field(name="z", default="0")
    ts: int = msgspec.field(name="T", default=0)
    client: str = msgspec.field(name="c", default="")
    trade: int = msgspec.field(name="t", default=0)
    last_price: str = msgspec.field(name="L", default="0")
    last_size: str = msgspec.field(name="l", default="0")
    fee: str = msgspec.field(name="n", default="0")
    fee_asset: str | None = msgspec.field(name="N", default=None)
    maker: bool = msgspec.field(name="m", default=False)
    reduce_only: bool = msgspec.field(name="R", default=False)


class _Wallet(msgspec.Struct):
    asset: str = msgspec.field(name="a")
    total: str = msgspec.field(name="wb")


class _Held(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    size: str = msgspec.field(name="pa")
    entry: str = msgspec.field(name="ep", default="")
    pnl: str = msgspec.field(name="up", default="")
    leg: str = msgspec.field(name="ps", default="BOTH")


class _Changed(msgspec.Struct):
    balances: list[_Wallet] = msgspec.field(name="B", default_factory=list)
    positions: list[_Held] = msgspec.field(name="P", default_factory=list)


class _Message(msgspec.Struct):
    event: str = msgspec.field(name="e", default="")
    ts: int = msgspec.field(name="T", default=0)
    order: _Update | None = msgspec.field(name="o", default=None)
    account: _Changed | None = msgspec.field(name="a", default=None)


class _Wrapped(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"")


class _Balance(msgspec.Struct):
    asset: str
    balance: str
    updated: int = msgspec.field(name="updateTime", default=0)


class _Position(msgspec.Struct):
    symbol: str
    size: str = msgspec.field(name="positionAmt")
    entry: str = msgspec.field(name="entryPrice", default="")
    mark: str = msgspec.field(name="markPrice", default="")
    pnl: str = msgspec.field(name="unRealizedProfit", default="")
    leg: str = msgspec.field(name="positionSide", default="BOTH")
    leverage: str = ""
    updated: int = msgspec.field(name="updateTime", default=0)


class _Open(msgspec.Struct):
    symbol: str
    id: int = msgspec.field(name="orderId")
    status: str
    side: str
    size: str = msgspec.field(name="origQty")
    kind: str = msgspec.field(name="type", default="")
    price: str = "0"
    average: str = msgspec.field(name="avgPrice", default="0")
    filled: str = msgspec.field(name="executedQty", default="0")
    reduce_only: bool = msgspec.field(name="reduceOnly", default=False)
    created: int = msgspec.field(name="time", default=0)
    updated: int = msgspec.field(name="updateTime", default=0)


class _Trade(msgspec.Struct):
    symbol: str
    id: int
    order: int = msgspec.field(name="orderId")
    side: str
    price: str
    size: str = msgspec.field(name="qty")
    ts: int = msgspec.field(name="time")
    fee: str = msgspec.field(name="commission", default="0")
    fee_asset: str = msgspec.field(name="commissionAsset", default="")
    maker: bool = False


class _Income(msgspec.Struct):
    kind: str = msgspec.field(name="incomeType")
    income: str
    ts: int = msgspec.field(name="time")
    symbol: str = ""
    asset: str = ""
    transfer: int | str = msgspec.field(name="tranId", default="")


_wrapped = msgspec.json.Decoder(_Wrapped)
_message = msgspec.json.Decoder(_Message)
_balances = msgspec.json.Decoder(list[_Balance])
_positions = msgspec.json.Decoder(list[_Position])
_open = msgspec.json.Decoder(list[_Open])
_trades = msgspec.json.Decoder(list[_Trade])
_incomes = msgspec.json.Decoder(list[_Income])
_key = msgspec.json.Decoder(dict[str, str])


def decode(payload: bytes) -> Sequence[AnyEvent | Effect]:
    """One message of the user data stream -> what it says."""
    try:
        message = _message.decode(_wrapped.decode(payload).data or payload)
        if message.event == "listenKeyExpired":
            return [Reconnect("", 0, "its listen key expired")]
        if message.event == "ORDER_TRADE_UPDATE" and message.order is not None:
            return list(_update(message.order))
        if message.event == "ACCOUNT_UPDATE" and message.account is not None:
            return list(_changed(message.account, message.ts * MS))
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        raise WireError(f"private: {error!r}") from error
    return []


def _update(o: _Update) -> Iterator[AnyEvent]:
    yield OwnOrder(
        o.symbol, o.ts * MS, USDM, str(o.id), SIDE[o.side], price_of(o.price), o.size, o.filled,
        STATUS.get(o.status, "open"), o.kind.lower(), price_of(o.average), o.reduce_only,
    )  # fmt: skip
    if o.what == "TRADE":
        kind = "liquidation" if o.client.startswith(_FORCED) else "trade"
        yield OwnFill(
            o.symbol, o.ts * MS, USDM, str(o.trade), str(o.id), SIDE[o.side], o.last_price, o.last_size, o.fee,
            o.fee_asset or "", "maker" if o.maker else "taker", kind,
        )  # fmt: skip


def _changed(a: _Changed, ts: int) -> Iterator[AnyEvent]:
    for wallet in a.balances:
        yield OwnBalance(wallet.asset, ts, wallet.total, wallet.total)
    for held in a.positions:
        yield _position(held.symbol, ts, held.size, held.entry, "", held.pnl, "", held.leg)


def _position(
    symbol: str, ts: int, size: str, entry: str, mark: str, pnl: str, leverage: str, leg: str
) -> OwnPosition:
    side = Side.SELL if size.startswith("-") else Side.BUY
    return OwnPosition(symbol, ts, USDM, side, size.lstrip("-"), entry, mark, pnl, leverage, _LEGS.get(leg, ""))


def price_of(text: str) -> str:
    """Nothing for a price of zero."""
    return text if text.strip("0.") else ""


def read(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """An answer: a whole picture, or fills."""
    try:
        if request.name == "trades":
            return [_fill(t) for t in _trades.decode(body)]
        if request.name == "income":
            return [_funding(row) for row in _incomes.decode(body) if row.kind == "FUNDING_FEE"]
        market = "" if request.name == "balances" else USDM
        begins = OwnPicture("", 0, request.name, market, begins=True)
        ends = OwnPicture("", 0, request.name, market, ends=True, whole=request.name == "balances")
        return [begins, *_PICTURES[request.name](body), ends]
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        raise WireError(f"{request.name}: {error!r}") from error


def _read_balances(body: bytes) -> Iterator[AnyEvent]:
    for b in _balances.decode(body):
        yield OwnBalance(b.asset, b.updated * MS, b.balance, b.balance)


def _read_positions(body: bytes) -> Iterator[AnyEvent]:
    for p in _positions.decode(body):
        yield _position(p.symbol, p.updated * MS, p.size, p.entry, p.mark, p.pnl, p.leverage, p.leg)


def _read_orders(body: bytes) -> Iterator[AnyEvent]:
    for o in _open.decode(body):
        yield OwnOrder(
            o.symbol, o.updated * MS, USDM, str(o.id), SIDE[o.side], price_of(o.price), o.size, o.filled,
            STATUS.get(o.status, "open"), o.kind.lower(), price_of(o.average), o.reduce_only, o.created * MS,
        )  # fmt: skip


_PICTURES = {"balances": _read_balances, "positions": _read_positions, "orders": _read_orders}


def _fill(t: _Trade) -> OwnFill:
    return OwnFill(
        t.symbol, t.ts * MS, USDM, str(t.id), str(t.order), SIDE[t.side], t.price, t.size, t.fee, t.fee_asset,
        "maker" if t.maker else "taker",
    )  # fmt: skip


def _funding(row: _Income) -> OwnFill:
    """They say what came in; a fee is what was paid."""
    paid = row.income[1:] if row.income.startswith("-") else f"-{row.income}"
    return OwnFill(
        row.symbol, row.ts * MS, USDM, f"funding-{row.transfer}", "", Side.BUY, "0", "0", paid, row.asset, "",
        "funding",
    )  # fmt: skip


def pictures(since: int, until: int) -> tuple[Request, ...]:
    """Positions, open orders, what came in and went out since then (it names the contracts whose trades are to be
    asked for), and last the balances."""
    spans = range(since // MS, max(until // MS, since // MS + 1), WEEK_MS)
    income = [
        Request("income", "/fapi/v1/income", (*_span(start), ("page", "1"), ("limit", str(MOST))))
        for start in spans
    ]
    return (
        Request("positions", "/fapi/v3/positionRisk"),
        Request("orders", "/fapi/v1/openOrders"),
        *income,
        Request("balances", "/fapi/v3/balance"),
    )


def _span(start: int) -> tuple[tuple[str, str], ...]:
    # What happens while we ask belongs to the last span.
    return (("startTime", str(start)), ("endTime", str(start + WEEK_MS - 1)))


def more(request: Request, body: bytes) -> tuple[Request, ...]:
    """Of income its next page and the trades of the contracts it names; of trades the next ones."""
    try:
        params = dict(request.params)
        if request.name == "income":
            rows = _incomes.decode(body)
            symbols = sorted({row.symbol for row in rows if row.symbol and row.kind != "FUNDING_FEE"})
            trades = [_trades_of(symbol, _span(int(params["startTime"]))) for symbol in symbols]
            page = params | {"page": str(int(params["page"]) + 1)}
            following = [msgspec.structs.replace(request, params=tuple(page.items()))]
            return (*trades, *(following if len(rows) >= MOST else ()))
        if request.name == "trades" and len(found := _trades.decode(body)) >= MOST:
            return (_trades_of(params["symbol"], (("fromId", str(found[-1].id + 1)),)),)
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        raise WireError(f"{request.name}: {error!r}") from error
    return ()


def _trades_of(symbol: str, wanted: tuple[tuple[str, str], ...]) -> Request:
    return Request("trades", "/fapi/v1/userTrades", (("symbol", symbol), *wanted, ("limit", str(MOST))))


def _headers(credential: Credential) -> tuple[tuple[str, str], ...]:
    return (("X-MBX-APIKEY", credential.key),)


def listen_key(body: bytes) -> str:
    """Out of the answer to POST or PUT."""
    try:
        return _key.decode(body).get("listenKey", "")
    except msgspec.MsgspecError as error:
        raise WireError("no listen key in the answer") from error


def _address(url: str, key: str) -> str:
    return f"{url}?listenKey={key}&events={'/'.join(EVENTS)}"


PRIVATE = Private(
    stream=Stream(
        market=MARKET,
        url="wss://fstream.binance.com/private/ws",
        subscribe=subscribe,
        unsubscribe=subscribe,
        open=lambda: decode,
        ack=ack,
        topics=no_topics,
        book_topics=no_topics,
        limits=StreamLimits(requests_per_s=3.0, lifetime_s=24 * 3600.0),
    ),
    topics=(),
    poll=Poll(MARKET, "account", tuple, EVERY_S, read),
    pictures=pictures,
    more=more,
    final=FINAL,
    # A key lives for an hour.
    listen=Listen("/fapi/v1/listenKey", KEEP_S, _headers, listen_key, _address),
)
