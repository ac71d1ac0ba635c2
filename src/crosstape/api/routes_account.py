"""Endpoint and topic about own accounts, as their frames tell of them."""

from __future__ import annotations

from typing import Any

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import unknown
from crosstape.api.query import OfAccount
from crosstape.engine.view import OwnAccount, View
from crosstape.model.event import OwnFill, OwnOrder, OwnPosition

TOPIC = "account"
MS = 1_000_000
Row = dict[str, Any]


async def account(context: Context, ask: Ask[OfAccount]) -> Answer:
    """Own accounts by the names of their keys: balances, positions, open orders, newest fills, how good it is."""
    rows = account_record(context.view)["accounts"]
    names = [row["name"] for row in rows]
    if ask.query.name and ask.query.name not in names:
        raise unknown("account", "name", ask.query.name, names)
    return context.json({"accounts": [row for row in rows if ask.query.name in ("", row["name"])]})


def account_record(view: View) -> Row:
    """All accounts of a view. Amounts are text, exact; newest first where there is a time."""
    return {"accounts": [_account(one, view.ts) for one in view.own]}


def _account(one: OwnAccount, now: int) -> Row:
    return {
        "name": one.name,
        "venue": one.venue,
        "state": one.state,
        "reason": one.reason,
        "heard_ms": one.heard_ts // MS,
        "age_ms": max(now - one.heard_ts, 0) // MS,
        "whole_ms": one.whole_ts // MS,
        "balances": [
            {"asset": b.symbol, "total": b.total, "free": b.free, "ts_ms": b.ts_event // MS} for b in one.balances
        ],
        "positions": [_position(position) for position in one.positions],
        "orders": [order_record(order) for order in sorted(one.orders, key=lambda o: -o.ts_event)],
        "fills": [fill_record(fill) for fill in reversed(one.fills)],
    }


def _position(p: OwnPosition) -> Row:
    return {"id": f"{p.market}:{p.symbol}", "side": "long" if p.side > 0 else "short", "leg": p.leg,
            "size": p.size, "entry": p.entry, "mark": p.mark, "pnl": p.pnl, "leverage": p.leverage,
            "ts_ms": p.ts_event // MS}  # fmt: skip


def order_record(o: OwnOrder) -> Row:
    """One order."""
    return {"id": f"{o.market}:{o.symbol}", "order_id": o.id, "side": o.side.name.lower(), "kind": o.kind,
            "price": o.price, "size": o.size, "filled": o.filled, "average": o.average, "status": o.status,
            "reduce_only": o.reduce_only, "created_ms": o.created_ts // MS, "ts_ms": o.ts_event // MS}  # fmt: skip


def fill_record(f: OwnFill) -> Row:
    """One fill."""
    return {"id": f"{f.market}:{f.symbol}", "trade_id": f.id, "order_id": f.order_id, "side": f.side.name.lower(),
            "price": f.price, "size": f.size, "fee": f.fee, "fee_asset": f.fee_asset, "liquidity": f.liquidity,
            "kind": f.kind, "ts_ms": f.ts_event // MS}  # fmt: skip
