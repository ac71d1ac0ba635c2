"""The simulated account in Binance's words: its user data stream by listen key, its signed REST."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

import msgspec

from crosstape.sim.account import COIN, KEY, SECRET, Account, Fill, News, Order, Position
from crosstape.sim.answer import Answer
from crosstape.sim.dialect import Ask, Key, Query, Seat

MS: Final = 1_000_000
CATEGORY: Final = "private"
EVENTS: Final = ("ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "listenKeyExpired")
LISTEN: Final = "/fapi/v1/listenKey"
LIFE_NS: Final = 3_600_000_000_000
STATUS: Final = {"new": "NEW", "partial": "PARTIALLY_FILLED", "filled": "FILLED", "cancelled": "CANCELED"}
INVALID: Final = Answer(401, b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}')
WRONG: Final = Answer(400, b'{"code":-1022,"msg":"Signature for this request is not valid."}')
LATE: Final = Answer(400, b'{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}')
GONE: Final = Answer(400, b'{"code":-1125,"msg":"This listenKey does not exist."}')
Row = dict[str, Any]


def unsigned(ask: Ask, now_ms: int) -> Answer | None:
    """The refusal of a signed request that is none."""
    if ask.headers.get("X-MBX-APIKEY") != KEY:
        return INVALID
    signed, _, signature = ask.raw.rpartition("&signature=")
    stamp, window = ask.query.get("timestamp", ""), ask.query.get("recvWindow", "5000")
    if not stamp.isdigit() or not -1_000 < now_ms - int(stamp) <= int(window):
        return LATE
    right = hmac.new(SECRET.encode(), signed.encode(), "sha256").hexdigest()
    return None if hmac.compare_digest(right, signature) else WRONG


class PrivateSide:
    """What the account's owner sees. A topic is an event and the listen key it was asked for with."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.open: set[str] = set()
        self.key, self.until_ns, self.keys = "", 0, 0
        self.expired: list[str] = []

    def seat(self, query: Query) -> Seat:
        """An address with a key that is none is let in like any other, and hears nothing."""
        key = query.get("listenKey", "")
        events = [event for event in query.get("events", "").split("/") if event] or EVENTS
        wanted = tuple(f"{event}:{key}" for event in events if event in EVENTS)
        return Seat(CATEGORY, wanted if key and key == self.key else ())

    def expire(self) -> None:
        """The listen key is good for nothing from now on."""
        self.expired.append(self.key)
        self.key = ""

    def publish(self, news: News, now_ns: int) -> Iterator[tuple[Key, bytes]]:
        """Messages of one step to those whose key is good; the others are told once that theirs is not."""
        if self.key and now_ns > self.until_ns:
            self.expire()
        while self.expired:
            key = self.expired.pop()
            gone = {"e": "listenKeyExpired", "E": now_ns // MS, "listenKey": key}
            yield from self._say(f"listenKeyExpired:{key}", gone)
        head = {"E": now_ns // MS, "T": now_ns // MS}
        filled = {fill.order.number: fill for fill in news.fills}
        parts = [(order, filled.get(order.number)) for order in news.orders]
        parts += [(fill.order, fill) for fill in news.fills if filled[fill.order.number] is not fill]
        for order, fill in parts:
            update = {"e": "ORDER_TRADE_UPDATE", "o": self.update(order, fill)}
            yield from self._say(f"ORDER_TRADE_UPDATE:{self.key}", update | head)
        rows = dict.fromkeys(fill.order.row for fill in news.fills)
        if rows:
            total = f"{self.account.wallet:f}"
            changed = {"m": "ORDER", "B": [{"a": COIN, "wb": total, "cw": total, "bc": "0"}],
                       "P": [self.held(row) for row in rows]}  # fmt: skip
            yield from self._say(f"ACCOUNT_UPDATE:{self.key}", {"e": "ACCOUNT_UPDATE", "a": changed} | head)

    def _say(self, topic: str, message: Row) -> Iterator[tuple[Key, bytes]]:
        if topic in self.open:
            yield (CATEGORY, topic), msgspec.json.encode(message)

    def answer(self, ask: Ask, now_ns: int) -> Answer | None:
        """A signed GET, or the listen key's; None where the path is no private one."""
        if ask.path == LISTEN:
            return self._listen(ask, now_ns)
        route = ROUTES.get(ask.path)
        if route is None:
            return None
        refused = unsigned(ask, now_ns // MS)
        return refused if refused is not None else Answer(200, msgspec.json.encode(route(self, ask)))

    def _listen(self, ask: Ask, now_ns: int) -> Answer:
        if ask.headers.get("X-MBX-APIKEY") != KEY:
            return INVALID
        if ask.method == "PUT" and not self.key:
            return GONE
        if not self.key:
            self.keys += 1
            self.key = sha256(f"{self.account.world.start_ns}/{self.keys}".encode()).hexdigest()
        self.until_ns = now_ns + LIFE_NS
        return Answer(200, msgspec.json.encode({"listenKey": self.key}))

    def update(self, order: Order, fill: Fill | None) -> Row:
        """An order's news on the socket."""
        contract, told = self.account.contract(order.row), self.order(order)
        row: Row = {
            "s": told["symbol"], "c": told["clientOrderId"], "S": told["side"], "o": told["type"], "f": "GTC",
            "q": told["origQty"], "p": told["price"], "ap": told["avgPrice"], "x": "NEW", "X": told["status"],
            "i": told["orderId"], "l": "0", "z": told["executedQty"], "L": "0", "T": told["updateTime"], "t": 0,
            "m": False, "R": False, "ps": "BOTH", "ot": told["type"], "n": "0", "N": None, "rp": "0",
        }  # fmt: skip
        if fill is not None:
            row |= {"x": "TRADE", "l": contract.size_text(fill.lots), "L": contract.price_text(fill.price),
                    "t": self.id(fill.number), "m": fill.maker, "n": f"{fill.fee:f}", "N": COIN,
                    "rp": f"{fill.profit:f}"}  # fmt: skip
        elif order.status == "cancelled":
            row["x"] = "CANCELED"
        return row

    def order(self, order: Order) -> Row:
        """As over REST."""
        contract = self.account.contract(order.row)
        average = f"{order.value / order.filled * contract.tick:.8f}" if order.filled else "0"
        kind = "LIMIT" if order.price else "MARKET"
        return {
            "symbol": contract.symbol, "orderId": self.id(order.number), "clientOrderId": f"sim-{order.number}",
            "status": STATUS[order.status], "price": contract.price_text(order.price), "avgPrice": average,
            "origQty": contract.size_text(order.lots), "executedQty": contract.size_text(order.filled),
            "cumQuote": "0", "type": kind, "origType": kind, "side": "BUY" if order.buy else "SELL",
            "positionSide": "BOTH", "reduceOnly": False, "closePosition": False, "timeInForce": "GTC",
            "time": order.created_ns // MS, "updateTime": order.updated_ns // MS,
        }  # fmt: skip

    def trade(self, fill: Fill) -> Row:
        """As over REST."""
        contract, order = self.account.contract(fill.order.row), fill.order
        return {
            "symbol": contract.symbol, "id": self.id(fill.number), "orderId": self.id(order.number),
            "buyer": order.buy, "side": "BUY" if order.buy else "SELL", "price": contract.price_text(fill.price),
            "qty": contract.size_text(fill.lots), "realizedPnl": f"{fill.profit:f}",
            "quoteQty": f"{self.account.worth(order.row, fill.price, fill.lots):f}",
            "commission": f"{fill.fee:f}", "commissionAsset": COIN, "maker": fill.maker, "positionSide": "BOTH",
            "time": fill.ts_ns // MS,
        }  # fmt: skip

    def held(self, row: int) -> Row:
        """A position on the socket."""
        held = self.position(row)
        return {"s": held["symbol"], "pa": held["positionAmt"], "ep": held["entryPrice"], "cr": "0",
                "up": held["unRealizedProfit"], "mt": "cross", "iw": "0", "ps": "BOTH"}  # fmt: skip

    def position(self, row: int) -> Row:
        """As over REST."""
        held, contract = self.account.positions.get(row, Position()), self.account.contract(row)
        entry = f"{abs(held.cost) / Decimal(contract.size_text(abs(held.lots))):.8f}" if held.lots else "0.0"
        return {
            "symbol": contract.symbol, "positionSide": "BOTH", "positionAmt": contract.size_text(held.lots),
            "entryPrice": entry, "breakEvenPrice": entry, "liquidationPrice": "0", "marginAsset": COIN,
            "markPrice": contract.price_text(round(float(self.account.world.mark[row]) / contract.tick)),
            "unRealizedProfit": f"{self.account.profit(row):.8f}", "notional": f"{held.cost:f}",
            "isolatedMargin": "0", "isolatedWallet": "0", "initialMargin": "0", "maintMargin": "0",
            "positionInitialMargin": "0", "openOrderInitialMargin": "0", "adl": 1, "bidNotional": "0",
            "askNotional": "0", "updateTime": self.account.changed_ns.get(row, 0) // MS,
        }  # fmt: skip

    def id(self, number: int) -> int:
        """An order's or a trade's id, which no other run of the world has."""
        return self.account.world.start_ns // 1_000_000_000 * 1_000_000 + number


def _balances(side: PrivateSide, ask: Ask) -> list[Row]:
    total, changed = f"{side.account.wallet:f}", max(side.account.changed_ns.values(), default=0)
    return [{"accountAlias": "sim", "asset": COIN, "balance": total, "crossWalletBalance": total,
             "crossUnPnl": "0", "availableBalance": total, "maxWithdrawAmount": total, "marginAvailable": True,
             "updateTime": changed // MS}]  # fmt: skip


def _positions(side: PrivateSide, ask: Ask) -> list[Row]:
    return [side.position(row) for row, held in side.account.positions.items() if held.lots]


def _orders(side: PrivateSide, ask: Ask) -> list[Row]:
    symbol = ask.query.get("symbol", "")
    found = [side.order(order) for order in side.account.open.values()]
    return [row for row in found if symbol in ("", row["symbol"])]


def _span(side: PrivateSide, ask: Ask) -> list[Fill]:
    first, last = int(ask.query.get("startTime") or 0), int(ask.query.get("endTime") or 1 << 43)
    after = int(ask.query.get("fromId") or 0)
    return [f for f in side.account.fills if first <= f.ts_ns // MS <= last and side.id(f.number) >= after]


def _trades(side: PrivateSide, ask: Ask) -> list[Row]:
    """Oldest first."""
    found = [side.trade(fill) for fill in _span(side, ask)]
    rows = [row for row in found if row["symbol"] == ask.query.get("symbol")]
    return rows[: min(int(ask.query.get("limit") or 500), 1000)]


def _income(side: PrivateSide, ask: Ask) -> list[Row]:
    """A page of what fees took."""
    rows = [{"symbol": side.account.contract(f.order.row).symbol, "incomeType": "COMMISSION", "asset": COIN,
             "income": f"{-f.fee:f}", "time": f.ts_ns // MS, "info": "", "tranId": side.id(f.number),
             "tradeId": str(side.id(f.number))} for f in _span(side, ask)]  # fmt: skip
    limit = min(int(ask.query.get("limit") or 100), 1000)
    start = (int(ask.query.get("page") or 1) - 1) * limit
    return rows[start : start + limit]


ROUTES: Final[dict[str, Callable[[PrivateSide, Ask], list[Row]]]] = {
    "/fapi/v3/balance": _balances,
    "/fapi/v3/positionRisk": _positions,
    "/fapi/v1/openOrders": _orders,
    "/fapi/v1/userTrades": _trades,
    "/fapi/v1/income": _income,
}
