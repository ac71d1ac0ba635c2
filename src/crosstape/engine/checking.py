"""Books held against REST, one row of a market at a time: now and then where the operator asks for it, and where a
venue leaves ids out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crosstape.model.event import BookSnapshot, Continuity
from crosstape.state.apply_book import lose_book
from crosstape.state.check import Check
from crosstape.state.state import State
from crosstape.wire.effect import Fetch
from crosstape.wire.venue import BookRule, Decoded, Stream

SECOND_NS = 1_000_000_000
GIVEN_UP_NS = 30 * SECOND_NS


def each_second(state: State, streams: Mapping[str, Stream], every_s: float, ts: int) -> list[int]:
    """At the first TICK of a second, before it is folded: judge what came, and ask for one row a market every
    `every_s` seconds (0 = never), and for those in doubt. Gives the rows whose book is another than the venue's,
    or may be; they need a fresh one."""
    asked = every_s or state.doubts or state.checks
    if not asked or ts // SECOND_NS == state.ts // SECOND_NS:
        return []
    lost, doubted = _judged(state, ts)
    for row in doubted:
        _begin(state, streams, row, ts, doubted=True)
    _ask_doubted(state, streams, ts)
    if not every_s:
        return lost
    turn = int(ts / 1e9 / every_s)
    if turn != int(state.ts / 1e9 / every_s):
        _ask(state, streams, turn, ts)
    return lost


def _ask(state: State, streams: Mapping[str, Stream], turn: int, ts: int) -> None:
    for stream in streams.values():
        rows = [row for row in state.table.by_market.get(stream.market, {}).values() if _fit(state, row)]
        if stream.check is None or not rows:
            continue
        row = rows[turn % len(rows)]
        if row not in state.checks:
            _begin(state, streams, row, ts)


def _ask_doubted(state: State, streams: Mapping[str, Stream], ts: int) -> None:
    """One row a market, the one that waits longest."""
    busy = {_market(state, row) for row in state.checks}
    for row in sorted(state.doubts, key=lambda row: (state.doubts[row], row)):
        if (market := _market(state, row)) not in busy:
            busy.add(market)
            del state.doubts[row]
            if _fit(state, row):
                _begin(state, streams, row, ts)


def _market(state: State, row: int) -> str:
    return state.table.shards[row].partition("/")[0]


def _begin(state: State, streams: Mapping[str, Stream], row: int, ts: int, doubted: bool = False) -> None:
    instrument, book = state.table.instruments[row], state.books[row]
    stream = streams.get(state.table.shards[row].partition("/")[0])
    if instrument is None or book is None or stream is None or stream.check is None:
        return
    state.checks[row] = check = Check(ts, stream.sampled, doubted)
    check.see(book)
    state.effects.append(Fetch(f"{stream.market}/check", stream.check(instrument)))


def _fit(state: State, row: int) -> bool:
    book = state.books[row]
    return book is not None and book.synced and not state.resyncing[row] and state.table.tiers[row] == "A"


def answered(state: State, market: str, events: Decoded, ts: int) -> None:
    """The venue's picture came."""
    rows = state.table.by_market.get(market, {})
    for event in events:
        if type(event) is BookSnapshot and (check := state.checks.get(rows.get(event.symbol, -1))) is not None:
            check.answer, check.answered_ts = event, ts


def _judged(state: State, ts: int) -> tuple[list[int], list[int]]:
    """Rows whose book is another one, and rows that have to be looked at again."""
    lost: list[int] = []
    doubted: list[int] = []
    for row, check in list(state.checks.items()):
        if check.answer is not None and ts - check.answered_ts >= SECOND_NS:
            if _differs(state, row, check, ts):
                (lost if check.certain or check.doubted else doubted).append(row)
                lost += _strict_again(state, row, ts) if row in lost else []
        elif check.answer is not None or ts - check.asked_ts <= GIVEN_UP_NS:
            continue
        del state.checks[row]
    return lost, doubted


def _strict_again(state: State, row: int, ts: int) -> list[int]:
    """Something was missed where ids were thought to skip: every such row of the source is taken anew."""
    source = state.sources[state.table.shards[row]]
    if source.rule is not BookRule.RISE:
        return []
    source.rule, source.equal = BookRule.STEP, 0
    rows = [
        n for n in np.flatnonzero(state.unproven).tolist() if n != row and state.table.shards[n] == source.name
    ]
    for other in rows:
        state.gap_s[other] = ts * 1e-9
        lose_book(state, other)
    return rows


def _differs(state: State, row: int, check: Check, ts: int) -> bool:
    wrong, source = check.wrong(), state.sources.get(state.table.shards[row])
    # A book that lost its place meanwhile, or whose pictures are older than that, says nothing.
    if wrong is None or source is None or check.answer is None or not _fit(state, row):
        return False
    source.checked += 1
    if not wrong or not (check.certain or check.doubted):
        return bool(wrong)
    source.differing += 1
    state.gap_s[row] = ts * 1e-9
    lose_book(state, row)
    said = Continuity(check.answer.symbol, ts, source.name, "Differs", wrong, check.answer.last)
    state.events.append((row, said))
    return True
