"""Connections that come and go, books that lose their place: what the fold makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from crosstape.model.event import BookSnapshot, Continuity, Trade
from crosstape.model.frame import Frame
from crosstape.state.apply_book import drop_book, lose_book
from crosstape.state.fields import ASK_SIZE, BID
from crosstape.state.source import Source
from crosstape.state.state import State
from crosstape.wire.effect import Fetch, Subscribe, Unsubscribe
from crosstape.wire.venue import BookRule, Decoded, Stream

PATIENCE_NS = 5_000_000_000
# A request may wait for its turn in the host's budget; a subscription does not.
FETCH_PATIENCE_NS = 30_000_000_000
CROSSED_NS = 1_000_000_000


def rows_of(state: State, shard: str) -> list[int]:
    """Rows whose stream is on this shard."""
    return [row for row, name in enumerate(state.table.shards) if name == shard]


def opened(state: State, source: Source, conn: int, ts: int) -> None:
    """A connection came up. While an older one is still there the two overlap and trades are told apart by id."""
    overlapping = source.is_open and source.conn not in (0, conn)
    source.recent = {} if overlapping else None
    source.conn = conn
    source.opens += 1
    if source.rule is BookRule.RISE:
        # What was found of its ids has to be found again.
        source.rule, source.equal = BookRule.STEP, 0
    source.opened_ts = max(ts, source.closed_ts + 1)
    if not overlapping and all(peer.is_open for peer in _routes(state, source)):
        state.opened[rows_of(state, source.shard)] = ts * 1e-9
    state.events.append((-1, Continuity("", ts, source.name, "Opened", conn, conn)))


def _routes(state: State, source: Source) -> list[Source]:
    """The sources a shard consists of, as far as they have spoken."""
    return [s for s in state.sources.values() if s.streams and s.shard == source.shard]


def closed(state: State, source: Source, frame: Frame) -> None:
    """A connection went. If it was the current one, nothing of its rows is known until the next speaks."""
    source.recent = None
    source.last_error = frame.payload[:200].decode("utf-8", "replace") or source.last_error
    state.events.append(
        (-1, Continuity("", frame.ts_recv, source.name, "Closed", frame.conn, max(frame.status, 0)))
    )
    if frame.conn != source.conn:
        return
    source.closed_ts = frame.ts_recv
    rows = rows_of(state, source.shard)
    state.opened[rows] = np.inf
    state.gap_s[rows] = frame.ts_recv * 1e-9
    for row in rows if source.main else ():
        state.quoted[row] = False
        lose_book(state, row)
        if (book := state.books[row]) is not None:
            book.restart()
        state.resyncing[row] = state.books[row] is not None
        state.cells[row][BID : ASK_SIZE + 1] = [float("nan")] * 4


def unseen(source: Source, events: Decoded, bound: int) -> Decoded:
    """The events without trades that the other connection brought already."""
    recent = source.recent
    if recent is None:
        return events
    kept = []
    for event in events:
        if type(event) is Trade:
            key = (event.symbol, event.id)
            if key in recent:
                source.duplicates += 1
                continue
            recent[key] = None
            if len(recent) > bound:
                del recent[next(iter(recent))]
        kept.append(event)
    return kept


def ask_again(
    state: State, streams: Mapping[str, Stream], rows: Sequence[int], waiting: dict[int, int], ts: int
) -> None:
    """Ask for a fresh book of these rows only, one request at a time each: over REST where the venue has its
    snapshots there, else by dropping its topics and taking them again."""
    for row in rows:
        # A row that was synced until now waits for nothing, whatever it once asked for.
        asked = row in waiting and bool(state.resyncing[row])
        state.resyncing[row] = True
        instrument, shard = state.table.instruments[row], state.table.shards[row]
        stream = streams.get(shard.partition("/")[0])
        if stream is None or instrument is None or asked or state.table.gone_ts[row]:
            continue
        topics = stream.book_topics(instrument, state.table.tiers[row])
        if not topics:
            if state.table.tiers[row] == "B":
                # The last deltas of a book that is not taken any more.
                drop_book(state, row)
            continue
        waiting[row] = ts
        if stream.snapshot is not None:
            state.effects.append(Fetch(f"{stream.market}/books", stream.snapshot(instrument)))
        else:
            state.effects += [Unsubscribe(shard, topics), Subscribe(shard, topics)]


def answered(state: State, source: Source, events: Decoded, waiting: dict[int, int]) -> None:
    """A snapshot over REST came, of use or not: its row may ask again."""
    rows = state.table.by_market.get(source.market, {})
    for event in events:
        if type(event) is BookSnapshot:
            waiting.pop(rows.get(event.symbol, -1), None)


def ask_overdue(state: State, streams: Mapping[str, Stream], waiting: dict[int, int], ts: int) -> None:
    """Ask once more where a snapshot has not come in time, and where a quote stays crossed."""
    for row, asked in list(waiting.items()):
        if not state.resyncing[row]:
            del waiting[row]
        elif ts - asked > _patience(state, streams, row):
            del waiting[row]
            _again(state, streams, row, waiting, ts)
    crossed = np.flatnonzero(ts * 1e-9 - state.crossed_s[: state.rows] > CROSSED_NS * 1e-9)
    for row in crossed.tolist():
        state.crossed_s[row] = np.inf
        if state.books[row] is not None and not state.resyncing[row]:
            lose_book(state, row)
            _again(state, streams, row, waiting, ts)


def _patience(state: State, streams: Mapping[str, Stream], row: int) -> int:
    stream = streams.get(state.table.shards[row].partition("/")[0])
    return FETCH_PATIENCE_NS if stream is not None and stream.snapshot is not None else PATIENCE_NS


def _again(state: State, streams: Mapping[str, Stream], row: int, waiting: dict[int, int], ts: int) -> None:
    source = state.sources.get(state.table.shards[row])
    if source is not None and source.is_open:
        ask_again(state, streams, [row], waiting, ts)
