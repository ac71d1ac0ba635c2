"""Events into state, one small function a kind; the fold of native numbers happens here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crosstape.model.event import (
    AnyEvent,
    BookDelta,
    BookSnapshot,
    Candle,
    CatalogueEnd,
    Delisted,
    Funding,
    Gap,
    Index,
    Liquidation,
    Listed,
    LongShort,
    Mark,
    OpenInterest,
    Quote,
    Side,
    Status,
    Ticker,
    Trade,
)
from crosstape.model.instrument import Fold
from crosstape.state.apply_book import delta, lost, set_top, snapshot
from crosstape.state.apply_own import OWN
from crosstape.state.apply_trade import made_up, mend, trade
from crosstape.state.fields import (
    ASK,
    ASK_SIZE,
    BID,
    BID_SIZE,
    DAY_CHANGE,
    DAY_HIGH,
    DAY_LOW,
    DAY_TURNOVER,
    DAY_VOLUME,
    FUNDING,
    FUNDING_HOURS,
    INDEX,
    LAG,
    LAST,
    LIQ_LONG,
    LIQ_SHORT,
    LONG_SHARE,
    MARK,
    NEXT_FUNDING,
    OI,
    RECEIVED,
    STREAMED,
    TICKER_ERROR,
    TOUCHED,
    TRADED,
)
from crosstape.state.seen import LEAST
from crosstape.state.source import Source
from crosstape.state.state import State

BUY = Side.BUY
INF = float("inf")
SECOND_NS = 1_000_000_000


def apply(state: State, source: Source, events: Any, ts: int) -> list[int]:
    """Apply what one frame was decoded into; effects among it go to `state.effects`.

    Returns the rows whose book lost its place and needs a fresh snapshot.
    """
    rows = state.table.by_market.setdefault(source.market, {})
    unsynced: list[int] = []
    if len(events) > 64 and type(events[0]) is Listed:
        state.reserve(state.rows + len(events))
    for event in events:
        kind = type(event)
        if kind is Trade:
            row = rows.get(event.symbol)
            if row is None:
                row = _adopt(state, source, event.symbol)
            if not source.streams:
                mend(state, row, event, ts)
                continue
            # Written out, because a call would cost more than all it does.
            seen, trade_id = state.seen[row], event.id
            young = seen.young
            if trade_id in young or trade_id in seen.old or (state.holes and made_up(state, row, trade_id)):
                source.duplicates += 1
                continue
            if trade_id:
                young.add(trade_id)
                if len(young) > LEAST:
                    seen.turn(ts)
            trade(state, row, seen, event, ts)
            continue
        change = _APPLY.get(kind)
        if change is None:
            if kind in _MARKET_WIDE:
                _MARKET_WIDE[kind](state, source, event, ts)
            else:
                state.effects.append(event)
            continue
        row = rows.get(event.symbol)
        if row is None:
            row = _adopt(state, source, event.symbol)
        if change(state, source, row, event, ts):
            unsynced.append(row)
    return unsynced


def _adopt(state: State, source: Source, native: str) -> int:
    row = state.row_of(source.market, native)
    if source.streams and source.main and not state.table.shards[row]:
        state.table.shards[row] = source.name
        state.opened[row] = source.opened_ts * 1e-9
    return row


def _quote(state: State, source: Source, row: int, event: Quote, ts: int) -> bool:
    cell = state.cells[row]
    book = state.books[row]
    if event.lagging and (state.quoted[row] or (book is not None and book.synced)):
        return False
    fold = state.table.folds[row]
    bid, bid_size, ask, ask_size = event.bid, event.bid_size, event.ask, event.ask_size
    if fold is not None:
        bid, bid_size = fold.price(bid), fold.size(bid, bid_size)
        ask, ask_size = fold.price(ask), fold.size(ask, ask_size)
    if event.partial:
        bid = bid if bid == bid else cell[BID]
        bid_size = bid_size if bid_size == bid_size else cell[BID_SIZE]
        ask = ask if ask == ask else cell[ASK]
        ask_size = ask_size if ask_size == ask_size else cell[ASK_SIZE]
    set_top(state, row, (bid, bid_size, ask, ask_size))
    cell[RECEIVED] = ts * 1e-9
    if not event.lagging:
        cell[STREAMED] = cell[TOUCHED] = ts * 1e-9
        if event.ts_event:
            cell[LAG] = (ts - event.ts_event) * 1e-9
        state.quoted[row] = True
    return False


def _mark(state: State, source: Source, row: int, event: Mark, ts: int) -> bool:
    return _set(state, row, MARK, _unified(state.table.folds[row], event.price), ts)


def _index(state: State, source: Source, row: int, event: Index, ts: int) -> bool:
    return _set(state, row, INDEX, _unified(state.table.folds[row], event.price), ts)


def _set(state: State, row: int, field: int, value: float, ts: int) -> bool:
    cell = state.cells[row]
    cell[field] = value
    cell[RECEIVED] = ts * 1e-9
    state.dirty.add(row)
    return False


def _unified(fold: Fold | None, price: float) -> float:
    return price if fold is None else fold.price(price)


def _funding(state: State, source: Source, row: int, event: Funding, ts: int) -> bool:
    cell = state.cells[row]
    if event.rate == event.rate:
        cell[FUNDING] = event.rate
    if event.interval_hours:
        cell[FUNDING_HOURS] = event.interval_hours
    if event.next_ts:
        cell[NEXT_FUNDING] = event.next_ts * 1e-9
    state.dirty.add(row)
    return False


def _open_interest(state: State, source: Source, row: int, event: OpenInterest, ts: int) -> bool:
    fold, cell = state.table.folds[row], state.cells[row]
    size = event.size / event.sides
    if state.halved[row] != (event.sides == 2):
        state.halved[row] = event.sides == 2
    if fold is not None:
        reference = cell[MARK] if cell[MARK] == cell[MARK] else cell[LAST]
        size = fold.size(reference * fold.multiplier, size) if reference == reference else float("nan")
    if event.held_s:
        since = event.ts_event // SECOND_NS
        state.rings.amend_oi(row, since, since + event.held_s, state.second, size)
        return False
    return _set(state, row, OI, size, ts)


def _ticker(state: State, source: Source, row: int, event: Ticker, ts: int) -> bool:
    fold, cell = state.table.folds[row], state.cells[row]
    inverse = fold is not None and fold.inverse
    last = _unified(fold, event.last)
    # The trade stream knows the last price sooner; the ticker's counts only while no trade has been streamed.
    bars = state.bars[row]
    if last == last and bars.minute is None and not bars.closed:
        cell[LAST] = last
    elif last > 0.0 and cell[TRADED] > 0.0:
        cell[TICKER_ERROR] = cell[LAST] / last - 1.0
    scale = 1.0 if fold is None else fold.contract * fold.multiplier
    volume, turnover = event.volume * scale, event.turnover
    if inverse:
        volume, turnover = event.turnover, event.volume * scale
    for field, value in (
        (DAY_VOLUME, volume), (DAY_TURNOVER, turnover), (DAY_HIGH, _unified(fold, event.high)),
        (DAY_LOW, _unified(fold, event.low)), (DAY_CHANGE, event.change),
    ):  # fmt: skip
        if value == value:
            cell[field] = value
    cell[RECEIVED] = ts * 1e-9
    state.dirty.add(row)
    return False


def _long_short(state: State, source: Source, row: int, event: LongShort, ts: int) -> bool:
    return _set(state, row, LONG_SHARE, event.long_share, ts)


def _liquidation(state: State, source: Source, row: int, event: Liquidation, ts: int) -> bool:
    fold, cell = state.table.folds[row], state.cells[row]
    if fold is not None:
        size = fold.size(event.price, event.size)
        event = Liquidation(event.symbol, event.ts_event, event.side, fold.price(event.price), size)
    cell[LIQ_SHORT if event.side is BUY else LIQ_LONG] += event.price * event.size
    if source.lossy:
        state.lossy[row] = True
    cell[RECEIVED] = cell[STREAMED] = ts * 1e-9
    state.dirty.add(row)
    state.events.append((row, event))
    return False


def _candle(state: State, source: Source, row: int, event: Candle, ts: int) -> bool:
    fold = state.table.folds[row]
    if fold is not None:
        o, h, low, c = (fold.price(x) for x in (event.open, event.high, event.low, event.close))
        scale = fold.contract * fold.multiplier
        volume, turnover = event.volume * scale, event.turnover
        if source.candles_in_base:
            volume = event.volume * fold.multiplier
        elif fold.inverse:
            volume, turnover = turnover, volume
        event = Candle(event.symbol, event.ts_event, event.timeframe_s, o, h, low, c, volume, turnover,
                       event.trades, event.taker_buy_volume, event.repaired)  # fmt: skip
    state.events.append((row, event))
    return False


def _listed(state: State, source: Source, event: Listed, ts: int) -> None:
    known = state.table.by_market.get(source.market, {}).get(event.symbol)
    before = state.table.instruments[known] if known is not None else None
    row = state.list(event.instrument)
    state.table.seen.setdefault(source.market, set()).add(event.symbol)
    # A catalogue that repeats itself must not undo what a better source said since.
    hours, cell = event.instrument.funding_hours, state.cells[row]
    changed = before is not None and before.described and before.funding_hours != hours
    if hours and (changed or not cell[FUNDING_HOURS] > 0.0):
        cell[FUNDING_HOURS] = hours
    state.dirty.add(row)


def _delisted(state: State, source: Source, event: Delisted, ts: int) -> None:
    row = state.table.by_market.get(source.market, {}).get(event.symbol)
    if row is not None:
        state.table.delist(row, ts)
        state.events.append((row, event))


def _catalogue_end(state: State, source: Source, event: CatalogueEnd, ts: int) -> None:
    for row in state.table.missing(source.market):
        instrument = state.table.instruments[row]
        if instrument is not None:
            _delisted(state, source, Delisted(instrument.native, ts), ts)


def _ignore(state: State, source: Source, row: int, event: AnyEvent, ts: int) -> bool:
    state.events.append((row, event))
    return False


_MARKET_WIDE: dict[type, Callable[[State, Source, Any, int], None]] = {
    Listed: _listed,
    Delisted: _delisted,
    CatalogueEnd: _catalogue_end,
    **OWN,
}
_APPLY: dict[type, Callable[[State, Source, int, Any, int], bool]] = {
    Quote: _quote,
    BookSnapshot: snapshot,
    BookDelta: delta,
    Gap: lost,
    Mark: _mark,
    Index: _index,
    Funding: _funding,
    OpenInterest: _open_interest,
    Ticker: _ticker,
    LongShort: _long_short,
    Liquidation: _liquidation,
    Candle: _candle,
    Status: _ignore,
}
