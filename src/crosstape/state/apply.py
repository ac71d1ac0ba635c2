"""Events into state, one small function a kind; the fold of native numbers happens here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crosstape.kernels.flow import ofi_increment
from crosstape.model.event import (
    AnyEvent,
    BookDelta,
    BookSnapshot,
    Candle,
    CatalogueEnd,
    Continuity,
    Delisted,
    Funding,
    Gap,
    Index,
    Liquidation,
    Listed,
    Mark,
    OpenInterest,
    Quote,
    Side,
    Status,
    Ticker,
    Trade,
)
from crosstape.model.instrument import Fold
from crosstape.state.book import HELD_RULES, Applied, Book
from crosstape.state.fields import (
    ASK,
    ASK_SIZE,
    BID,
    BID_SIZE,
    BOUGHT,
    DAY_CHANGE,
    DAY_HIGH,
    DAY_LOW,
    DAY_TURNOVER,
    DAY_VOLUME,
    FUNDING,
    FUNDING_HOURS,
    HIGH,
    INDEX,
    LAG,
    LARGE,
    LAST,
    LIQ_LONG,
    LIQ_SHORT,
    LOW,
    MARK,
    NAN,
    NEXT_FUNDING,
    OFI,
    OI,
    RECEIVED,
    SOLD,
    STREAMED,
    TRADES,
)
from crosstape.state.source import Source
from crosstape.state.state import State
from crosstape.wire.venue import BookRule

BUY = Side.BUY
INF = float("inf")


def apply(state: State, source: Source, events: Any, ts: int) -> list[int]:
    """Apply what one frame was decoded into; effects among it go to `state.effects`.

    Returns the rows whose book lost its place and needs a fresh snapshot.
    """
    rows = state.table.by_market.get(source.market)
    if rows is None:
        rows = state.table.by_market[source.market] = {}
    lost: list[int] = []
    if len(events) > 64 and type(events[0]) is Listed:
        state.reserve(state.rows + len(events))
    for event in events:
        kind = type(event)
        if kind is Trade:
            row = rows.get(event.symbol)
            if row is None:
                row = _adopt(state, source, event.symbol)
            _trade(state, row, event, ts)
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
            lost.append(row)
    return lost


def _adopt(state: State, source: Source, native: str) -> int:
    row = state.row_of(source.market, native)
    if source.streams and source.main and not state.table.shards[row]:
        state.table.shards[row] = source.name
        state.opened[row] = source.opened_ts * 1e-9
    return row


def _trade(state: State, row: int, event: Trade, ts: int) -> None:
    fold = state.table.folds[row]
    if fold is not None:
        event = Trade(event.symbol, event.ts_event, fold.price(event.price), fold.size(event.price, event.size),
                      event.taker, event.id, event.block, event.counterparties)  # fmt: skip
    price, size, ts_event = event.price, event.size, event.ts_event
    cell = state.cells[row]
    state.events.append((row, event))
    state.dirty.add(row)
    cell[RECEIVED] = cell[STREAMED] = ts * 1e-9
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
        cell[STREAMED] = ts * 1e-9
        if event.ts_event:
            cell[LAG] = (ts - event.ts_event) * 1e-9
        state.quoted[row] = True
    return False


def set_top(state: State, row: int, top: tuple[float, float, float, float]) -> None:
    """A new best bid and offer, unified: the cell and its order flow imbalance (in quote currency)."""
    cell = state.cells[row]
    before = (cell[BID], cell[BID_SIZE], cell[ASK], cell[ASK_SIZE])
    if before == top:
        return
    increment = ofi_increment(before, top) * (top[0] + top[2]) * 0.5
    if increment == increment:
        cell[OFI] += increment
    cell[BID], cell[BID_SIZE], cell[ASK], cell[ASK_SIZE] = top
    state.dirty.add(row)


def _snapshot(state: State, source: Source, row: int, event: BookSnapshot, ts: int) -> bool:
    if not source.streams and not _still_wanted(state, row):
        return False
    book = state.books[row]
    if book is None:
        book = state.books[row] = Book()
    again, news = bool(state.resyncing[row]), not book.synced or source.rule is not BookRule.NONE
    applied = book.replace(event)
    if applied is not Applied.YES:
        return applied is Applied.WAITING
    state.resyncing[row] = False
    _touch_book(state, row, event.ts_event, ts)
    if news:
        state.events.append((row, Continuity(event.symbol, ts, source.name, "Snapshot", event.last, event.last)))
    if again:
        state.events.append((row, Continuity(event.symbol, ts, source.name, "Resumed")))
    return False


def _still_wanted(state: State, row: int) -> bool:
    """An answer that comes after its stream went down, or after its row lost the book, is of no use."""
    return not state.table.shards[row] or (state.opened[row] != INF and state.table.tiers[row] != "B")


def _delta(state: State, source: Source, row: int, event: BookDelta, ts: int) -> bool:
    book = state.books[row]
    if book is None:
        book = state.books[row] = Book()
    last = book.last
    applied = book.update(event, source.rule)
    if applied is Applied.YES:
        _touch_book(state, row, event.ts_event, ts)
        return False
    if applied is Applied.GAP:
        return _lost(state, source, row, Gap(event.symbol, ts, last + 1, event.first - 1), ts)
    return applied is Applied.WAITING and (source.rule in HELD_RULES or not state.resyncing[row])


def _lost(state: State, source: Source, row: int, event: Gap, ts: int) -> bool:
    source.gaps += 1
    state.gap_s[row] = ts * 1e-9
    lose_book(state, row)
    state.events.append((row, Continuity(event.symbol, ts, source.name, "Gap", event.first, event.last)))
    return True


def lose_book(state: State, row: int) -> None:
    """The row's book is not the venue's any more: nothing may be read from it, nor from a top it gave."""
    book = state.books[row]
    if book is not None:
        book.lose()
        state.depth_dirty.add(row)
        if not state.quoted[row]:
            state.cells[row][BID : ASK_SIZE + 1] = [NAN] * 4
    state.dirty.add(row)


def drop_book(state: State, row: int) -> None:
    """Nobody tells of the row's book any more."""
    lose_book(state, row)
    state.books[row] = None
    state.resyncing[row] = False


def _touch_book(state: State, row: int, ts_event: int, ts: int) -> None:
    cell = state.cells[row]
    cell[RECEIVED] = cell[STREAMED] = ts * 1e-9
    if ts_event:
        cell[LAG] = (ts - ts_event) * 1e-9
    state.book_dirty.add(row)
    state.depth_dirty.add(row)


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
    return _set(state, row, OI, size, ts)


def _ticker(state: State, source: Source, row: int, event: Ticker, ts: int) -> bool:
    fold, cell = state.table.folds[row], state.cells[row]
    inverse = fold is not None and fold.inverse
    last = _unified(fold, event.last)
    # The trade stream knows the last price sooner; the ticker's counts only while no trade has been streamed.
    bars = state.bars[row]
    if last == last and bars.minute is None and not bars.closed:
        cell[LAST] = last
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
        if fold.inverse:
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
}
_APPLY: dict[type, Callable[[State, Source, int, Any, int], bool]] = {
    Quote: _quote,
    BookSnapshot: _snapshot,
    BookDelta: _delta,
    Gap: _lost,
    Mark: _mark,
    Index: _index,
    Funding: _funding,
    OpenInterest: _open_interest,
    Ticker: _ticker,
    Liquidation: _liquidation,
    Candle: _candle,
    Status: _ignore,
}
