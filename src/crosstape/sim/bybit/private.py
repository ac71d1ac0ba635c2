"""The simulated account in Bybit's words: its socket's topics, its signed REST, who may see them."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Iterator
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from crosstape.sim.account import COIN, KEY, SECRET, Account, Fill, News, Order, Position
from crosstape.sim.answer import Answer
from crosstape.sim.bybit.native import ms
from crosstape.sim.dialect import Ask, Key, Reply

MS: Final = 1_000_000
CATEGORY: Final = "private"
TOPICS: Final = ("position", "execution", "order", "wallet")
# Held by a connection whose key was taken.
AUTH: Final = "auth"
LATE_MS: Final = 5_000
INVALID: Final = "API key is invalid."
WRONG: Final = "Error sign, please check your signature generation algorithm."
STATUS: Final = {"new": "New", "partial": "PartiallyFilled", "filled": "Filled", "cancelled": "Cancelled"}
Row = dict[str, Any]


class Said(msgspec.Struct):
    """A client's message."""

    op: str = ""
    args: list[Any] = []
    req_id: str | int = ""


def sign(text: str) -> str:
    """What a text is signed with."""
    return hmac.new(SECRET.encode(), text.encode(), "sha256").hexdigest()


def reply(conn_id: str, held: Collection[str], text: bytes, now_ms: int) -> Reply:
    """Commands of the private socket: nothing before a key is taken."""
    try:
        said = msgspec.json.decode(text, type=Said)
    except msgspec.MsgspecError:
        return Reply((_ack(Said(), conn_id, False, "error:invalid request"),))
    match said.op:
        case "ping":
            pong = {"req_id": said.req_id, "op": "pong", "args": [str(now_ms)], "conn_id": conn_id}
            return Reply((msgspec.json.encode(pong),))
        case "auth":
            wrong = refusal(said.args, now_ms)
            if wrong:
                return Reply((_ack(said, conn_id, False, wrong, echo=True),))
            return Reply((_ack(said, conn_id, True, ""),), "subscribe", () if AUTH in held else (AUTH,))
        case "subscribe":
            wrong = "" if AUTH in held else "Request not authorized"
            wrong = wrong or next((f"error:handler not found,topic:{t}" for t in said.args if t not in TOPICS), "")
            fresh = tuple(dict.fromkeys(t for t in said.args if t not in held))
            return Reply((_ack(said, conn_id, not wrong, wrong),), "subscribe", () if wrong else fresh)
        case "unsubscribe":
            gone = tuple(topic for topic in said.args if topic in held)
            return Reply((_ack(said, conn_id, True, ""),), "unsubscribe", gone)
    return Reply((_ack(said, conn_id, False, "error:invalid op"),))


def refusal(args: list[Any], now_ms: int) -> str:
    """Why a key is not taken, "" when it is."""
    if len(args) != 3 or not str(args[1]).isdigit():
        return "Params Error"
    if args[0] != KEY:
        return INVALID
    if int(args[1]) <= now_ms:
        return "Params Error: expires is over"
    return "" if hmac.compare_digest(str(args[2]), sign(f"GET/realtime{args[1]}")) else WRONG


def _ack(said: Said, conn_id: str, success: bool, message: str, echo: bool = False) -> bytes:
    body: Row = {"success": success, "ret_msg": message, "op": said.op, "conn_id": conn_id}
    if said.req_id:
        body["req_id"] = said.req_id
    if echo:
        # As the venue does, signature and all.
        body["request"] = {"op": said.op, "args": said.args}
    return msgspec.json.encode(body)


def unsigned(ask: Ask, now_ms: int) -> tuple[int, str] | None:
    """Their code and words where a signed request is none."""
    stamp = ask.headers.get("X-BAPI-TIMESTAMP", "")
    window = ask.headers.get("X-BAPI-RECV-WINDOW", "")
    if ask.headers.get("X-BAPI-API-KEY") != KEY:
        return 10003, INVALID
    if not stamp.isdigit() or abs(int(stamp) - now_ms) > int(window or LATE_MS):
        return 10002, "invalid request, please check your server timestamp or recv_window param"
    if not hmac.compare_digest(ask.headers.get("X-BAPI-SIGN", ""), sign(f"{stamp}{KEY}{window}{ask.raw}")):
        return 10004, WRONG
    return None


class PrivateSide:
    """What the account's owner sees."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.open: set[str] = set()

    def publish(self, news: News, now_ns: int) -> Iterator[tuple[Key, bytes]]:
        """Messages of one step for the topics somebody listens to: order, execution, position, wallet."""
        rows = [f.order.row for f in news.fills]
        parts: list[tuple[str, list[Row]]] = [
            ("order", [self.order(order) for order in news.orders]),
            ("execution", [self.fill(fill) for fill in news.fills]),
            ("position", [self.position(row) for row in dict.fromkeys(rows)]),
            ("wallet", [self.wallet()] if rows else []),
        ]
        for topic, data in parts:
            if data and topic in self.open:
                head = {"id": f"{now_ns:x}-{topic}", "topic": topic, "creationTime": now_ns // MS}
                yield (CATEGORY, topic), msgspec.json.encode(head | {"data": data})

    def answer(self, ask: Ask, now_ns: int) -> Answer | None:
        """A signed GET; None where the path is no private one."""
        route = ROUTES.get(ask.path)
        if route is None:
            return None
        head = {"retExtInfo": {}, "time": now_ns // MS}
        wrong = unsigned(ask, now_ns // MS)
        if wrong is not None:
            return Answer(200, msgspec.json.encode({"retCode": wrong[0], "retMsg": wrong[1], "result": {}} | head))
        result = route(self, ask)
        return Answer(200, msgspec.json.encode({"retCode": 0, "retMsg": "OK", "result": result} | head))

    def id(self, kind: int, number: int) -> str:
        """An id that no other run of the world has."""
        return str(UUID(int=kind << 120 | (self.account.world.start_ns & (1 << 63) - 1) << 48 | number))

    def order(self, order: Order) -> Row:
        """As on the socket and over REST."""
        contract = self.account.contract(order.row)
        average = order.value / order.filled if order.filled else 0.0
        left = order.lots - order.filled if order.open else 0
        return {
            "category": "linear", "symbol": contract.symbol, "orderId": self.id(1, order.number),
            "orderLinkId": "", "side": _side(order.buy), "orderType": "Limit" if order.price else "Market",
            "price": contract.price_text(order.price), "qty": contract.size_text(order.lots),
            "orderStatus": STATUS[order.status], "cumExecQty": contract.size_text(order.filled),
            "leavesQty": contract.size_text(left), "cumExecValue": str(average * contract.tick * order.filled),
            "avgPrice": f"{average * contract.tick:.8f}" if order.filled else "", "timeInForce": "GTC",
            "reduceOnly": False, "positionIdx": 0, "cumExecFee": "0", "rejectReason": "EC_NoError",
            "createdTime": ms(order.created_ns), "updatedTime": ms(order.updated_ns), "blockTradeId": "",
        }  # fmt: skip

    def fill(self, fill: Fill) -> Row:
        """As on the socket and over REST."""
        contract, order = self.account.contract(fill.order.row), fill.order
        return {
            "category": "linear", "symbol": contract.symbol, "execId": self.id(2, fill.number),
            "orderId": self.id(1, order.number), "orderLinkId": "", "side": _side(order.buy), "execType": "Trade",
            "execPrice": contract.price_text(fill.price), "execQty": contract.size_text(fill.lots),
            "execValue": f"{self.account.worth(order.row, fill.price, fill.lots):f}", "execFee": f"{fill.fee:f}",
            "feeCurrency": "", "feeRate": "0.0002" if fill.maker else "0.00055", "isMaker": fill.maker,
            "orderType": "Limit" if order.price else "Market", "orderPrice": contract.price_text(order.price),
            "orderQty": contract.size_text(order.lots), "leavesQty": "0", "closedSize": "0",
            "execTime": ms(fill.ts_ns), "seq": fill.number, "blockTradeId": "", "markPrice": "",
        }  # fmt: skip

    def position(self, row: int) -> Row:
        """As on the socket; REST calls the entry `avgPrice`."""
        held, contract = self.account.positions.get(row, Position()), self.account.contract(row)
        size = contract.size_text(abs(held.lots))
        entry = f"{abs(held.cost) / Decimal(size):.8f}" if held.lots else "0"
        now = ms(self.account.world.now_ns)
        return {
            "category": "linear", "symbol": contract.symbol, "size": size, "positionIdx": 0, "tradeMode": 0,
            "side": "" if not held.lots else _side(held.lots > 0), "entryPrice": entry, "avgPrice": entry,
            "markPrice": contract.price_text(round(float(self.account.world.mark[row]) / contract.tick)),
            "positionValue": f"{abs(held.cost):f}", "unrealisedPnl": f"{self.account.profit(row):.8f}",
            "leverage": "10", "liqPrice": "", "takeProfit": "", "stopLoss": "", "positionStatus": "Normal",
            "cumRealisedPnl": "0", "createdTime": now, "updatedTime": now, "seq": self.account.executions,
        }  # fmt: skip

    def wallet(self) -> Row:
        """The one coin it has."""
        account = self.account
        equity = f"{account.wallet + sum((account.profit(row) for row in account.positions), Decimal(0)):f}"
        total = f"{account.wallet:f}"
        coin = {"coin": COIN, "equity": equity, "usdValue": equity, "walletBalance": total, "locked": "0",
                "unrealisedPnl": "0", "cumRealisedPnl": "0", "totalOrderIM": "0", "totalPositionIM": "0",
                "availableToWithdraw": "", "borrowAmount": "0", "spotBorrow": "0"}  # fmt: skip
        return {"accountType": "UNIFIED", "totalEquity": equity, "totalWalletBalance": total,
                "totalAvailableBalance": total, "coin": [coin]}  # fmt: skip


def _wallets(side: PrivateSide, ask: Ask) -> Row:
    return {"list": [side.wallet()]}


def _page(category: str, rows: list[Row]) -> Row:
    return {"category": category, "list": rows, "nextPageCursor": ""}


def _linear(ask: Ask) -> bool:
    """All of the account's contracts are linear and settled in its coin."""
    return ask.query.get("category") == "linear" and ask.query.get("settleCoin", COIN) == COIN


def _positions(side: PrivateSide, ask: Ask) -> Row:
    held = [row for row, position in side.account.positions.items() if position.lots and _linear(ask)]
    return _page(ask.query.get("category", ""), [side.position(row) for row in held])


def _orders(side: PrivateSide, ask: Ask) -> Row:
    found = list(side.account.open.values()) if _linear(ask) else []
    return _page(ask.query.get("category", ""), [side.order(order) for order in reversed(found)])


def _fills(side: PrivateSide, ask: Ask) -> Row:
    """Newest first, in pages."""
    query, category = ask.query, ask.query.get("category", "")
    first, last = int(query.get("startTime") or 0) * MS, int(query.get("endTime") or 1 << 43) * MS
    before, limit = int(query.get("cursor") or 1 << 62), min(int(query.get("limit") or 50), 100)
    symbol = query.get("symbol", "")
    found = [
        fill for fill in reversed(side.account.fills)
        if first <= fill.ts_ns <= last + MS and fill.number < before and category == "linear"
        and symbol in ("", side.account.contract(fill.order.row).symbol)
    ]  # fmt: skip
    page = found[:limit]
    cursor = str(page[-1].number) if len(found) > len(page) else ""
    return {"category": category, "list": [side.fill(fill) for fill in page], "nextPageCursor": cursor}


def _key(side: PrivateSide, ask: Ask) -> Row:
    return {"id": "1", "note": "simulated", "apiKey": KEY, "readOnly": 1, "secret": "", "permissions": {},
            "ips": ["*"], "type": 1, "unified": 0, "uta": 1, "userID": 1}  # fmt: skip


def _margin(side: PrivateSide, ask: Ask) -> Row:
    return {"marginMode": "REGULAR_MARGIN", "unifiedMarginStatus": 5, "updatedTime": "0"}


def _side(buy: bool) -> str:
    return "Buy" if buy else "Sell"


ROUTES: Final[dict[str, Callable[[PrivateSide, Ask], Row]]] = {
    "/v5/account/wallet-balance": _wallets,
    "/v5/position/list": _positions,
    "/v5/order/realtime": _orders,
    "/v5/execution/list": _fills,
    "/v5/user/query-api": _key,
    "/v5/account/info": _margin,
}
