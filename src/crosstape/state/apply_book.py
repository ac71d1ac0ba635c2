"""Books and quotes among the events: what follows, what is lost, and who may be read."""

from __future__ import annotations

from crosstape.kernels.flow import ofi_increment
from crosstape.model.event import BookDelta, BookSnapshot, Continuity, Gap
from crosstape.state.book import HELD_RULES, Applied, Book
from crosstape.state.fields import (
    ASK,
    ASK_SIZE,
    BID,
    BID_SIZE,
    LAG,
    NAN,
    OFI,
    RECEIVED,
    STREAMED,
    TOUCHED,
)
from crosstape.state.source import Source
from crosstape.state.state import State
from crosstape.wire.venue import BookRule

INF = float("inf")
# So many gaps in a row behind which nothing was missed: the venue's ids skip.
EQUAL = 10


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


def snapshot(state: State, source: Source, row: int, event: BookSnapshot, ts: int) -> bool:
    """A whole book. True: a newer one is needed."""
    if not source.streams and not _still_wanted(state, row):
        return False
    book = state.books[row]
    if book is None:
        book = state.books[row] = Book()
    shadow = book.shadow
    again, news = bool(state.resyncing[row]), not book.synced or source.rule is not BookRule.NONE
    applied = book.replace(event)
    if applied is not Applied.YES:
        return applied is Applied.WAITING
    state.resyncing[row] = state.unproven[row] = False
    if shadow is not None and source.rule is BookRule.STEP and (same := shadow.same(event)) is not None:
        _weigh(state, source, same, ts)
    if source.sampled and not state.sampled[row]:
        state.sampled[row] = True
    touch_book(state, row, event.ts_event, ts)
    if news:
        state.events.append((row, Continuity(event.symbol, ts, source.name, "Snapshot", event.last, event.last)))
    if again:
        state.events.append((row, Continuity(event.symbol, ts, source.name, "Resumed")))
    return False


def _weigh(state: State, source: Source, same: bool, ts: int) -> None:
    """A gap in the ids after which the venue's own picture was the book we had: nothing had been missed. So many
    in a row mean that the venue leaves ids out; one that was another book begins the count anew."""
    source.equal = source.equal + 1 if same else 0
    if source.equal >= EQUAL:
        source.rule = BookRule.RISE
        state.events.append((-1, Continuity("", ts, source.name, "Lenient", source.equal)))


def _still_wanted(state: State, row: int) -> bool:
    """An answer that comes after its stream went down, or after its row lost the book, is of no use."""
    return not state.table.shards[row] or (state.opened[row] != INF and state.table.tiers[row] != "B")


def delta(state: State, source: Source, row: int, event: BookDelta, ts: int) -> bool:
    """Changed levels. True: they do not follow, or follow nothing, and a fresh book is needed."""
    book = state.books[row]
    if book is None:
        book = state.books[row] = Book()
    last = book.last
    applied = book.update(event, source.rule)
    if applied is Applied.YES:
        touch_book(state, row, event.ts_event, ts)
        return False
    if applied is Applied.SKIPPED:
        touch_book(state, row, event.ts_event, ts)
        _skipped(state, source, row, Gap(event.symbol, ts, last + 1, event.first - 1))
        return False
    if applied is Applied.OLD:
        source.duplicates += 1
        return False
    if applied is Applied.GAP:
        return lost(state, source, row, Gap(event.symbol, ts, last + 1, event.first - 1), ts)
    return applied is Applied.WAITING and (source.rule in HELD_RULES or not state.resyncing[row])


def _skipped(state: State, source: Source, row: int, event: Gap) -> None:
    """Ids were left out by a venue that does so: the book goes on, says so, and is held against REST."""
    source.skips += 1
    state.unproven[row] = True
    state.doubts.setdefault(row, event.ts_event)
    said = Continuity(event.symbol, event.ts_event, source.name, "Skipped", event.first, event.last)
    state.events.append((row, said))


def lost(state: State, source: Source, row: int, event: Gap, ts: int) -> bool:
    """Messages were missed: a fresh book is needed."""
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


def touch_book(state: State, row: int, ts_event: int, ts: int) -> None:
    """The row's book changed."""
    cell = state.cells[row]
    cell[RECEIVED] = cell[STREAMED] = cell[TOUCHED] = ts * 1e-9
    if ts_event:
        cell[LAG] = (ts - ts_event) * 1e-9
    state.book_dirty.add(row)
    state.depth_dirty.add(row)
    if state.checks and (check := state.checks.get(row)) is not None and (book := state.books[row]) is not None:
        check.see(book)
