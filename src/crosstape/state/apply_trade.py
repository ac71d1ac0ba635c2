"""Trades among the events: as they are streamed, and those made up for over REST after a hole."""

from __future__ import annotations

from crosstape.model.event import Side, Trade
from crosstape.state.fields import (
    BOUGHT,
    HIGH,
    LAG,
    LARGE,
    LAST,
    LOW,
    RECEIVED,
    SOLD,
    STREAMED,
    TRADED,
    TRADES,
)
from crosstape.state.hole import Hole
from crosstape.state.seen import Seen
from crosstape.state.state import State

BUY = Side.BUY
SECOND_NS = 1_000_000_000
# A hole that nobody answered for while so many trades came is given up.
MOST_KNOWN = 20_000


def trade(state: State, row: int, seen: Seen, event: Trade, ts: int) -> None:
    """One execution, as it is streamed."""
    fold = state.table.folds[row]
    if fold is not None:
        event = Trade(event.symbol, event.ts_event, fold.price(event.price), fold.size(event.price, event.size),
                      event.taker, event.id, event.block, event.counterparties)  # fmt: skip
    price, size, ts_event = event.price, event.size, event.ts_event
    if ts_event > seen.last:
        seen.last = ts_event
    cell = state.cells[row]
    state.events.append((row, event))
    state.dirty.add(row)
    cell[RECEIVED] = cell[STREAMED] = cell[TRADED] = ts * 1e-9
    cell[LAG] = (ts - ts_event) * 1e-9
    if event.block:
        return
    notional = price * size
    bought = event.taker is BUY
    cell[LAST] = price
    cell[BOUGHT if bought else SOLD] += notional
    cell[TRADES] += 1.0
    if price > cell[HIGH]:
        cell[HIGH] = price
    if price < cell[LOW]:
        cell[LOW] = price
    if notional >= state.large_at[row]:
        cell[LARGE] += notional
    bars = state.bars[row]
    known = bars.minute is not None
    if not bars.trade(ts_event, price, size, notional, bought):
        state.late_trades += 1
    elif not known:
        state.open_bars.add(row)
    if state.holes and (hole := state.holes.get(row)) is not None:
        _reach(state, row, hole, event)


def _reach(state: State, row: int, hole: Hole, event: Trade) -> None:
    """A trade behind the hole: the first one says where it ends. All are known by id until the hole is closed,
    because the next cut may come before that."""
    if not hole.until:
        hole.until = event.ts_event
        # What was asked for before may lack what came between the answer and this trade.
        hole.asked_ts, hole.answered = 0, False
    if not hole.answered:
        hole.known.add(event.id)
        if len(hole.known) > MOST_KNOWN:
            del state.holes[row]


def made_up(state: State, row: int, trade_id: str) -> bool:
    """REST was ahead of the stream: the trade has been counted."""
    hole = state.holes.get(row)
    return hole is not None and trade_id in hole.known


def mend(state: State, row: int, event: Trade, ts: int) -> None:
    """A trade over REST: if it fell into the row's hole it is put where it belongs in the past, else left."""
    hole = state.holes.get(row)
    if hole is None or event.id in hole.known or not hole.since <= event.ts_event <= (hole.until or ts):
        return
    hole.known.add(event.id)
    seen = state.seen[row]
    if event.ts_event > seen.last:
        # REST is ahead of the stream: the next hole, and the stream after this one, must know it.
        seen.young.add(event.id)
    fold = state.table.folds[row]
    price, size = event.price, event.size
    if fold is not None:
        price, size = fold.price(price), fold.size(price, size)
        event = Trade(event.symbol, event.ts_event, price, size, event.taker, event.id, event.block,
                      event.counterparties)  # fmt: skip
    hole.found += 1
    state.events.append((row, event))
    if event.block:
        return
    notional, bought = price * size, event.taker is BUY
    large = notional if notional >= state.large_at[row] else 0.0
    flows = {BOUGHT if bought else SOLD: notional, TRADES: 1.0, LARGE: large}
    state.rings.amend(row, state.second - event.ts_event // SECOND_NS, state.second, flows, price)
    if state.bars[row].trade(event.ts_event, price, size, notional, bought):
        state.open_bars.add(row)
