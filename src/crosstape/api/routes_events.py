"""Endpoints of one instrument's past and book, and liquidations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from crosstape.api.candles import Records
from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError, bad, one_of, unknown
from crosstape.api.query import Bars, Deep, Liquidated, Recent, Sampled
from crosstape.api.routes_past import QUALITY, past_candles, past_only, past_trades
from crosstape.api.series import SERIES
from crosstape.api.tables import Record, chosen, flag_names, millis
from crosstape.api.trades import LIQUIDATIONS, TRADES_A_ROW, Forced
from crosstape.engine.view import BookCopy, View
from crosstape.model.event import Liquidation, Trade
from crosstape.model.quality import Quality
from crosstape.state.bars import TIMEFRAMES

TRADE = ("ts_ms", "price", "size", "notional", "taker", "id", "block")
CANDLE = (
    "ts_ms", "open", "high", "low", "close", "volume", "turnover", "trades", "taker_buy_volume", "quality",
)  # fmt: skip
LIQUIDATION = ("ts_ms", "id", "side", "price", "size", "notional", "usd")
MINUTE_MS = 60_000


async def trades(context: Context, ask: Ask[Recent]) -> Answer:
    """The newest trades, newest first; the taker's side ("" = not known)."""
    query = ask.query
    most = _most(query.limit, 100, TRADES_A_ROW)
    if (past := await past_trades(context, ask.name, query.since_ms, most)) is not None:
        return context.table(query, past, TRADE, id=ask.name, quality=QUALITY)
    row = context.row(ask.name)
    kept = context.hub.trades.of(row, most)
    found = [trade_record(t) for t in reversed(kept) if t.ts_event > query.since_ms * 1_000_000]
    return context.table(query, found, TRADE, id=ask.name, quality=flag_names(context.quality(row)))


async def book(context: Context, ask: Ask[Deep]) -> Answer:
    """The order book as of the newest tick; empty sides unless it is synced."""
    if await past_only(context, ask.name) is not None:
        raise ApiError(404, "no_book", f"no book of {ask.name}: it is in the history only", "id", "what is live")
    row = context.row(ask.name)
    context.hub.ask_book(row)
    try:
        async with asyncio.timeout(context.settings.book_wait_s):
            while (copy := context.view.books.get(row)) is None:
                await context.hub.next_view()
    except TimeoutError:
        raise ApiError(503, "no_book", f"no book of {ask.name} is kept: it has no book stream (tier C), or no "
                       "view came in time", "id", "tier A instruments") from None  # fmt: skip
    flags = flag_names(context.quality(row))
    return context.json({"id": ask.name, "quality": flags} | book_record(copy, ask.query.depth))


async def candles(context: Context, ask: Ask[Bars]) -> Answer:
    """Closed candles, oldest first, built from trades; those from the venue carry REPAIRED.
    Of an instrument that is only in the history: what it has."""
    query = ask.query
    if query.tf not in TIMEFRAMES:
        raise one_of("tf", query.tf, TIMEFRAMES)
    most = _most(query.limit, 240, 1_000)
    past = await past_candles(context, ask.name, query.tf, query.since_ms, most)
    if past is not None:
        return context.table(query, past, CANDLE, id=ask.name, tf=query.tf, quality=QUALITY)
    found, flags = _candles(context, query, context.row(ask.name))
    return context.table(query, found, CANDLE, id=ask.name, tf=query.tf, quality=flags)


def _candles(context: Context, query: Bars, row: int) -> tuple[list[Record], Sequence[str]]:
    if query.tf not in TIMEFRAMES:
        raise one_of("tf", query.tf, TIMEFRAMES)
    kept = context.hub.candles.of(row, query.tf, _most(query.limit, 240, 1_000))
    found = candle_records(kept[kept["minute"] * MINUTE_MS > query.since_ms], context.mode_flag)
    return found, flag_names(context.quality(row))


async def asset_candles(context: Context, ask: Ask[Bars]) -> Answer:
    """Candles of the asset's first-choice venue; while its stream is down, of the next one, and it says so."""
    view, assets = context.view, context.view.assets
    i = {name.upper(): n for n, name in enumerate(assets.names)}.get(ask.name.upper())
    row = int(assets.columns["price_row"][i]) if i is not None and "price_row" in assets.columns else -1
    instrument = view.rows.instruments[row] if row >= 0 else None
    if i is None or instrument is None:
        raise unknown("asset", "asset", ask.name, assets.names)
    found, flags = _candles(context, ask.query, row)
    head = {"asset": assets.names[i], "id": instrument.id, "fallback": bool(assets.columns["fallback"][i] == 1.0)}
    return context.table(ask.query, found, CANDLE, **head, tf=ask.query.tf, quality=flags)


async def series(context: Context, ask: Ask[Sampled]) -> Answer:
    """A few columns, one sample a minute, oldest first."""
    query = ask.query
    fields = chosen("fields", query.fields, SERIES, SERIES)
    if await past_only(context, ask.name) is not None:
        return context.table(query, [], ("ts_ms", *fields), id=ask.name, fields=fields, quality=QUALITY)
    row = context.row(ask.name)
    ts, values = context.hub.series.of(row, _most(query.limit, 240, 1_000))
    times = [millis(t) for t in ts.tolist()]
    # Through the shortest text of the float32: its exact float64 would show digits nobody measured.
    shown = [[float(str(v)) for v in values[name]] for name in fields]
    rows = [{"ts_ms": t, **dict(zip(fields, at, strict=True))}
            for t, *at in zip(times, *shown, strict=True) if t > query.since_ms]  # fmt: skip
    flags = flag_names(context.quality(row))
    return context.table(query, rows, ("ts_ms", *fields), id=ask.name, fields=fields, quality=flags)


async def liquidations(context: Context, ask: Ask[Liquidated]) -> Answer:
    """Forced orders of all instruments, newest first."""
    query, view = ask.query, context.view
    if query.id:
        context.row(query.id)
    if query.market and query.market not in (known := context.lookup.known("market")):
        raise one_of("market", query.market, known)
    most, found = _most(query.limit, 100, LIQUIDATIONS), list[Record]()
    for forced in reversed(context.hub.liquidations):
        record = forced_record(view, forced)
        if _passes(query, record):
            found.append(record)
        if len(found) >= most:
            break
    return context.table(query, found, LIQUIDATION)


def _passes(query: Liquidated, record: Record) -> bool:
    return (
        (not query.id or record["id"] == query.id)
        and (not query.market or str(record["id"]).startswith(query.market + ":"))
        and (not query.side or record["side"] == query.side)
        and (query.min_usd <= 0 or record["usd"] >= query.min_usd)
        and record["ts_ms"] > query.since_ms
    )


def _most(limit: int, default: int, most: int) -> int:
    if limit > most:
        raise bad("limit", f"{limit} is too many", f"0 … {most}")
    return limit or default


def trade_record(trade: Trade) -> Record:
    """As it leaves."""
    record = {
        "ts_ms": millis(trade.ts_event),
        "price": trade.price,
        "size": trade.size,
        "notional": trade.price * trade.size,
        "taker": trade.taker.name,
        "id": trade.id,
        "block": trade.block,
    }
    # Few venues name them, and then of every trade.
    return record if trade.counterparties is None else record | {"counterparties": trade.counterparties}


def forced_record(view: View, forced: Forced) -> Record:
    """As it leaves; dollars at the newest rate, unknown when the row was reused."""
    event: Liquidation = forced.event
    usd = float(view.usd[forced.row]) if view.rows.index.get(forced.id) == forced.row else float("nan")
    notional = event.price * event.size
    return {
        "ts_ms": millis(event.ts_event),
        "id": forced.id,
        "side": event.side.name,
        "price": event.price,
        "size": event.size,
        "notional": notional,
        "usd": notional * usd,
    }


def book_record(copy: BookCopy, depth: int) -> Record:
    """As it leaves; levels are [price, size], best first."""
    sides = (copy.bids[:depth], copy.asks[:depth]) if copy.synced else ([], [])
    return {"ts_ms": millis(copy.ts), "synced": copy.synced, "last": copy.last, "bids": sides[0], "asks": sides[1]}


def candle_records(kept: Records, mode_flag: int) -> list[Record]:
    """As they leave."""
    repaired = flag_names(mode_flag | Quality.REPAIRED.value)
    ours = flag_names(mode_flag)
    small = {name: [float(str(v)) for v in kept[name]] for name in ("volume", "turnover", "trades", "bought")}
    prices = {name: kept[name].tolist() for name in ("open", "high", "low", "close")}
    return [
        {
            "ts_ms": minute * MINUTE_MS,
            **{name: prices[name][i] for name in prices},
            "volume": small["volume"][i],
            "turnover": small["turnover"][i],
            "trades": small["trades"][i],
            "taker_buy_volume": small["bought"][i],
            "quality": repaired if kept["repaired"][i] else ours,
        }
        for i, minute in enumerate(kept["minute"].astype(np.int64).tolist())
    ]
