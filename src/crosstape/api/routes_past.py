"""Instruments that users brought in: found by name, and answered for where the live table has no row of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError, bad
from crosstape.api.ports_past import Past
from crosstape.api.query import Paged, Text
from crosstape.api.tables import Record
from crosstape.model.errors import ConfigError, StoreError

T = TypeVar("T")
HEAD = ("id", "market", "native", "sources", "kinds", "rows", "from", "to", "live")
# No live stream, and no catalogue to describe it.
QUALITY = ("STALE", "UNDESCRIBED")


class Searched(Paged, frozen=True):
    """Which instruments of the history: every word of `q` must occur in the id."""

    q: Text = ""


async def history(context: Context, ask: Ask[Searched]) -> Answer:
    """Instruments that were imported, fetched or pushed, the newest data first; `live`: in the live table too."""
    query = ask.query
    found = await _asked(context, lambda past: past.instruments()) or []
    words = query.q.lower().split()
    rows = [row for row in found if all(word in str(row["id"]).lower() for word in words)]
    if query.limit > context.settings.max_page:
        raise bad("limit", f"{query.limit} is too many", f"0 … {context.settings.max_page}")
    view = context.hub.view
    shown = [
        {
            **{name: row[name] for name in HEAD if name in row},
            "live": view is not None and row["id"] in view.rows.index,
        }
        for row in rows[query.offset : query.offset + (query.limit or context.settings.page)]
    ]
    return context.table(query, shown, HEAD, total=len(rows), offset=query.offset)


async def past_only(context: Context, id: str) -> Record | None:
    """What is known of an instrument that is not live; None where it is, or nothing of it was brought in."""
    if id in context.view.rows.index:
        return None
    return await _asked(context, lambda past: past.one(id))


async def past_market(context: Context, id: str) -> Answer | None:
    """The record of an instrument that is only in the history: columns are not known but for its last price."""
    about = await past_only(context, id)
    if about is None:
        return None
    columns = dict.fromkeys(context.view.columns) | {"last": about.pop("last")}
    record = _record(about)
    return context.json(
        {"instrument": record, "asset": "", "quality": QUALITY, "columns": columns, "history": about}
    )


async def past_candles(context: Context, id: str, tf: str, since_ms: int, limit: int) -> list[Record] | None:
    """Of an instrument that is only in the history, made of what it has."""
    if id in context.view.rows.index:
        return None
    return await _asked(context, lambda past: past.candles(id, tf, since_ms, limit))


async def past_trades(context: Context, id: str, since_ms: int, limit: int) -> list[Record] | None:
    """The newest, newest first, of an instrument that is only in the history."""
    if await past_only(context, id) is None:
        return None
    return await _asked(context, lambda past: past.trades(id, since_ms, limit))


async def _asked(context: Context, ask: Callable[[Past], T]) -> T | None:
    if context.streams is None:
        return None
    try:
        return await asyncio.to_thread(ask, context.streams.past)
    except ConfigError as error:
        raise bad("tf", str(error).partition(": ")[2]) from error
    except StoreError as error:
        raise ApiError(503, "store", str(error)) from error


def _record(about: Record) -> Record:
    """As far as it is known: no catalogue said what it is."""
    base, _, quote = str(about["native"]).rpartition(":")[2].partition("/")
    return {
        "id": about["id"], "symbol": about["native"], "market": about["market"],
        "venue": str(about["market"]).partition("-")[0], "native": about["native"], "kind": "",
        "base": base if quote else "", "quote": quote, "settle": "", "multiplier": None, "contract": None,
        "inverse": False, "tick_size": None, "lot_size": None, "min_size": None, "funding_hours": None,
        "listed_ms": None, "expiry_ms": None, "strike": None, "right": "", "status": "history", "described": False,
        "tier": "", "quality": QUALITY,
    }  # fmt: skip
