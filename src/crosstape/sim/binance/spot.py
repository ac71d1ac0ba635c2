"""The simulated spot account in Binance's words: its events over the WebSocket API, its signed REST."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from crosstape.sim.account import COIN, KEY, SECRET, Account, Fill, News, Order
from crosstape.sim.answer import Answer
from crosstape.sim.binance.private import INVALID, LATE, MS, STATUS, WRONG, Row, unsigned
from crosstape.sim.dialect import Ask, Key, Reply, Seat

CATEGORY: Final = "private-spot"
PATH: Final = "/ws-api/v3"
USER: Final = "user"
SIGNED: Final = "userDataStream.subscribe.signature"
LISTED: Final = "session.subscriptions"
NO_METHOD: Final = Answer(
    400, b'{"code":-1102,"msg":"Mandatory parameter \'method\' was not sent, was empty/null, or malformed."}'
)
ACTIVE: Final = Answer(400, b'{"code":-2035,"msg":"User Data Stream subscription already active."}')
NO_SYMBOL: Final = Answer(
    400, b'{"code":-1102,"msg":"Mandatory parameter \'symbol\' was not sent, was empty/null, or malformed."}'
)
BAD_SYMBOL: Final = Answer(400, b'{"code":-1121,"msg":"Invalid symbol."}')
CASH, STAKE_USD = Decimal(100_000), 50_000.0
CENT: Final = Decimal("1e-8")


class Command(msgspec.Struct):
    """A client's message."""

    method: str = ""
    params: dict[str, str | int] = {}
    id: str | int | None = None


def refusal(params: dict[str, str | int], now_ms: int) -> Answer | None:
    """Why a subscription is not taken, None when it is."""
    if params.get("apiKey") != KEY:
        return INVALID
    stamp, window = str(params.get("timestamp", "")), str(params.get("recvWindow", "5000"))
    if not stamp.isdigit() or not -1_000 < now_ms - int(stamp) <= int(window):
        return LATE
    text = "&".join(f"{name}={value}" for name, value in sorted(params.items()) if name != "signature")
    right = hmac.new(SECRET.encode(), text.encode(), "sha256").hexdigest()
    return None if hmac.compare_digest(right, str(params.get("signature", ""))) else WRONG


class SpotSide:
    """What the account's owner sees of spot. It begins with dollars, and some of everything it trades in.

    open   whether somebody listens
    over   the stream of events has ended: those who listen are told, and hear nothing more
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.open = self.over = False
        self.held = {COIN: CASH}
        for row in account.rows:
            contract = account.contract(row)
            lots = round(STAKE_USD / float(account.world.rows.lot_usd[row]))
            self.held[contract.base] = Decimal(contract.size_text(lots))
        self.changed_ns = account.world.now_ns

    def seat(self, path: str) -> Seat | None:
        """The WebSocket API's address."""
        return Seat(CATEGORY) if path.rstrip("/") == PATH else None

    def reply(self, held: Collection[str], text: bytes, now_ms: int) -> Reply:
        """The methods about the account; any other is none."""
        try:
            said = msgspec.json.decode(text, type=Command)
        except msgspec.MsgspecError:
            return Reply((_told(None, NO_METHOD),))
        mine = [{"subscriptionId": 0}] if USER in held else []
        if said.method == LISTED:
            return Reply((_told(said.id, Answer(200, msgspec.json.encode(mine))),))
        if said.method != SIGNED:
            return Reply((_told(said.id, NO_METHOD),))
        wrong = refusal(said.params, now_ms) or (ACTIVE if mine else None)
        if wrong is not None:
            return Reply((_told(said.id, wrong),))
        return Reply((_told(said.id, Answer(200, b'{"subscriptionId":0}')),), "subscribe", (USER,))

    def publish(self, news: News, now_ns: int) -> Iterator[tuple[Key, bytes]]:
        """What one step did to the account, told where somebody listens."""
        for fill in news.fills:
            self._settle(fill)
        if news.orders or news.fills:
            self.changed_ns = now_ns
        if self.over:
            self.over = False
            yield from self._say({"e": "eventStreamTerminated", "E": now_ns // MS})
            self.open = False
        filled = {fill.order.number: fill for fill in news.fills}
        parts = [(order, filled.get(order.number)) for order in news.orders]
        parts += [(fill.order, fill) for fill in news.fills if filled[fill.order.number] is not fill]
        for order, one in parts:
            yield from self._say({"e": "executionReport", "E": now_ns // MS} | self.report(order, one))
        rows = dict.fromkeys(order.row for order, _ in parts)
        if rows:
            named = [COIN, *(self.account.contract(row).base for row in rows)]
            told = [{"a": asset, "f": free, "l": locked} for asset, free, locked in self.balances(named)]
            yield from self._say({"e": "outboundAccountPosition", "E": now_ns // MS, "u": now_ns // MS, "B": told})

    def _say(self, event: Row) -> Iterator[tuple[Key, bytes]]:
        if self.open:
            yield (CATEGORY, USER), msgspec.json.encode({"subscriptionId": 0, "event": event})

    def _settle(self, fill: Fill) -> None:
        contract, buys = self.account.contract(fill.order.row), fill.order.buy
        size = Decimal(contract.size_text(fill.lots))
        worth = self.account.worth(fill.order.row, fill.price, fill.lots)
        self.held[contract.base] += size if buys else -size
        self.held[COIN] += -worth if buys else worth
        fee, asset = self.commission(fill)
        self.held[asset] -= fee

    def commission(self, fill: Fill) -> tuple[Decimal, str]:
        """It is taken of what comes in."""
        contract = self.account.contract(fill.order.row)
        if not fill.order.buy:
            return fill.fee.quantize(CENT), COIN
        return (fill.fee / Decimal(contract.price_text(fill.price))).quantize(CENT), contract.base

    def balances(self, named: Collection[str]) -> list[tuple[str, str, str]]:
        """(asset, free, locked): an open order locks what it would give."""
        locked = dict.fromkeys(self.held, Decimal(0))
        for order in self.account.open.values():
            contract, left = self.account.contract(order.row), order.lots - order.filled
            if order.buy:
                locked[COIN] += self.account.worth(order.row, order.price, left)
            else:
                locked[contract.base] += Decimal(contract.size_text(left))
        return [(asset, f"{total - locked[asset]:.8f}", f"{locked[asset]:.8f}")
                for asset, total in self.held.items() if asset in named]  # fmt: skip

    def answer(self, ask: Ask, now_ns: int) -> Answer | None:
        """A signed GET; None where the path is no private one."""
        route = ROUTES.get(ask.path)
        if route is None:
            return None
        refused = unsigned(ask, now_ns // MS)
        return refused if refused is not None else route(self, ask)

    def report(self, order: Order, fill: Fill | None) -> Row:
        """An order's news."""
        contract, told = self.account.contract(order.row), self.order(order)
        row: Row = {
            "s": told["symbol"], "c": told["clientOrderId"], "S": told["side"], "o": told["type"], "f": "GTC",
            "q": told["origQty"], "p": told["price"], "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "",
            "x": "CANCELED" if order.status == "cancelled" else "NEW", "X": told["status"], "r": "NONE",
            "i": told["orderId"], "l": "0.00000000", "z": told["executedQty"], "L": "0.00000000", "n": "0",
            "N": None, "T": told["updateTime"], "t": -1, "w": order.open, "m": False, "O": told["time"],
            "Z": told["cummulativeQuoteQty"], "Y": "0.00000000", "Q": "0.00000000", "V": "NONE",
        }  # fmt: skip
        if fill is not None:
            fee, asset = self.commission(fill)
            row |= {"x": "TRADE", "l": contract.size_text(fill.lots), "L": contract.price_text(fill.price),
                    "n": f"{fee:f}", "N": asset, "t": self.id(fill.number), "m": fill.maker,
                    "Y": f"{self.account.worth(order.row, fill.price, fill.lots):.8f}"}  # fmt: skip
        return row

    def order(self, order: Order) -> Row:
        """As over REST."""
        contract = self.account.contract(order.row)
        spent = Decimal(contract.price_text(order.value)) * Decimal(contract.size_text(1))
        return {
            "symbol": contract.symbol, "orderId": self.id(order.number), "orderListId": -1,
            "clientOrderId": f"sim-{order.number}", "price": contract.price_text(order.price),
            "origQty": contract.size_text(order.lots), "executedQty": contract.size_text(order.filled),
            "cummulativeQuoteQty": f"{spent:.8f}", "status": STATUS[order.status], "timeInForce": "GTC",
            "type": "LIMIT" if order.price else "MARKET", "side": "BUY" if order.buy else "SELL",
            "time": order.created_ns // MS, "updateTime": order.updated_ns // MS, "isWorking": True,
            "workingTime": order.created_ns // MS, "origQuoteOrderQty": "0.00000000",
            "selfTradePreventionMode": "NONE",
        }  # fmt: skip

    def id(self, number: int) -> int:
        """An order's or a trade's id, which no other run of the world has."""
        return self.account.world.start_ns // 1_000_000_000 * 1_000_000 + number


def _told(id: str | int | None, answer: Answer) -> bytes:
    """An answer of the WebSocket API, which is one of REST in an envelope."""
    body = {"result" if answer.status == 200 else "error": msgspec.Raw(answer.body)}
    return msgspec.json.encode({"id": id, "status": answer.status} | body)


def _account(side: SpotSide, ask: Ask) -> Answer:
    rows = [{"asset": asset, "free": free, "locked": locked} for asset, free, locked in side.balances(side.held)]
    return _good({
        "makerCommission": 2, "takerCommission": 5, "canTrade": True, "canWithdraw": False, "canDeposit": False,
        "updateTime": side.changed_ns // MS, "accountType": "SPOT", "balances": rows, "permissions": ["SPOT"],
        "uid": 1,
    })  # fmt: skip


def _orders(side: SpotSide, ask: Ask) -> Answer:
    symbol = ask.query.get("symbol", "")
    found = [side.order(order) for order in side.account.open.values()]
    return _good([row for row in found if symbol in ("", row["symbol"])])


def _trades(side: SpotSide, ask: Ask) -> Answer:
    """Oldest first, of one symbol."""
    symbol, account = ask.query.get("symbol", ""), side.account
    if not symbol:
        return NO_SYMBOL
    if not any((c.venue, c.market, c.symbol) == ("binance", "spot", symbol) for c in account.world.rows.contracts):
        return BAD_SYMBOL
    first, last = int(ask.query.get("startTime") or 0), int(ask.query.get("endTime") or 1 << 43)
    after, most = int(ask.query.get("fromId") or 0), min(int(ask.query.get("limit") or 500), 1000)
    found = [f for f in account.fills if account.contract(f.order.row).symbol == symbol]
    rows = [_trade(side, f) for f in found if first <= f.ts_ns // MS <= last and side.id(f.number) >= after]
    return _good(rows[:most])


def _trade(side: SpotSide, fill: Fill) -> Row:
    contract, (fee, asset) = side.account.contract(fill.order.row), side.commission(fill)
    return {
        "symbol": contract.symbol, "id": side.id(fill.number), "orderId": side.id(fill.order.number),
        "orderListId": -1, "price": contract.price_text(fill.price), "qty": contract.size_text(fill.lots),
        "quoteQty": f"{side.account.worth(fill.order.row, fill.price, fill.lots):.8f}", "commission": f"{fee:f}",
        "commissionAsset": asset, "time": fill.ts_ns // MS, "isBuyer": fill.order.buy, "isMaker": fill.maker,
        "isBestMatch": True,
    }  # fmt: skip


def _good(body: Any) -> Answer:
    return Answer(200, msgspec.json.encode(body))


ROUTES: Final[dict[str, Callable[[SpotSide, Ask], Answer]]] = {
    "/api/v3/account": _account,
    "/api/v3/openOrders": _orders,
    "/api/v3/myTrades": _trades,
}
