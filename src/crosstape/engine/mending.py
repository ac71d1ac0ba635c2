"""Holes in trades and candles: begun when a stream comes back or fell silent, asked for over REST, answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from crosstape.engine.planning import past_of
from crosstape.model.event import Continuity, Trade
from crosstape.model.instrument import Instrument
from crosstape.state.hole import Hole
from crosstape.state.source import Source
from crosstape.state.state import State
from crosstape.wire.effect import Fetch
from crosstape.wire.request import Request
from crosstape.wire.venue import Decoded, Stream, Venue

Past = Callable[[Instrument, int, int], Request]

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
# Time for the first trade behind the hole to be on their REST too, and how long to wait for it.
SETTLED_NS = 2 * SECOND_NS
QUIET_NS = 15 * SECOND_NS
# A venue's candle is final a little after its minute.
FINAL_NS = 5 * SECOND_NS
LOST_NS = 120 * SECOND_NS
# What REST says early is known that long when the stream brings it late; the pages of a long answer come as late.
KNOWN_NS = 900 * SECOND_NS
# A crowded budget may take many minutes to get to a row (Binance: 60 rows a minute).
GIVEN_UP_NS = 3600 * SECOND_NS
TRIES = 5
# How far before a cut is looked: what a stream that was up did not bring in so long did not happen.
BEFORE_NS = 3300 * SECOND_NS
# What some venues answer at once, and of how much a hole is made up for at most.
SPAN_NS, SPANS = 3600 * SECOND_NS - 2_000_000, 6


def begin(state: State, source: Source, stream: Stream | None, closed: int, ts: int) -> None:
    """The stream that carries a shard's trades is back: what its rows missed has to be made up for. `closed`: our
    time at which it was last heard."""
    if stream is not None and stream.past is not None and 0 < closed < ts:
        rows = [row for row, shard in enumerate(state.table.shards) if shard == source.shard]
        doubt(state, rows, closed, ts, earliest=closed - BEFORE_NS)


def doubt(state: State, rows: Iterable[int], closed: int, ts: int, earliest: int = 0) -> None:
    """Between these times trades of these rows may have been missed; from a row's last one on, but not from before
    `earliest`."""
    for row in rows:
        before, seen = state.holes.get(row), state.seen[row]
        if not seen.last:
            continue
        hole = Hole(max(seen.last, earliest), closed, ts, known=seen.young | seen.old)
        if before is not None and not before.answered:
            hole.since, hole.closed = before.since, before.closed
            hole.known |= before.known
            hole.pending_ts, hole.failed_ts = before.pending_ts, before.failed_ts
            hole.requests = before.requests
        state.holes[row] = hole


def go_on(state: State, streams: Mapping[str, Stream], venues: Mapping[str, Venue], ts: int) -> None:
    """Once a second: ask for what is due, give up what nobody answers."""
    past = {stream.market: stream.past for stream in streams.values() if stream.past is not None}
    # The busiest first: a host's budget may take minutes for all of them.
    for row, hole in sorted(state.holes.items(), key=lambda item: (state.table.tiers[item[0]], item[0])):
        instrument = state.table.instruments[row]
        ask = past.get(instrument.market) if instrument is not None else None
        if instrument is None or ask is None or _over(hole, ts) or state.table.gone_ts[row]:
            del state.holes[row]
            continue
        if hole.failed_ts and ts - hole.failed_ts > LOST_NS and hole.tries < TRIES:
            hole.asked_ts = hole.pending_ts = hole.failed_ts = 0
        if not hole.asked_ts and _may_ask(hole, ts):
            hole.asked_ts = hole.pending_ts = ts
            requests = _requests(ask, instrument, hole.since, hole.until or ts)
            hole.requests, hole.tries = tuple(request.key() for request in requests), hole.tries + 1
            state.effects += [Fetch(f"{instrument.market}/trades", request) for request in requests]
        elif hole.asked_ts and not hole.candles and ts > _end_of_minute(hole.opened) + FINAL_NS:
            hole.candles = True
            since = hole.closed - hole.closed % MINUTE_NS
            state.effects += past_of(venues[instrument.venue], instrument, since, _end_of_minute(hole.opened))


def _requests(ask: Past, instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """The newest part first; one request where the venue cannot be asked by time."""
    ends = [until - n * SPAN_NS for n in range(SPANS) if n == 0 or until - n * SPAN_NS > since]
    return tuple(dict.fromkeys(ask(instrument, max(since, end - SPAN_NS), end) for end in ends))


def _over(hole: Hole, ts: int) -> bool:
    """Nothing more is to be learnt of it, or nobody answers."""
    if not hole.candles or not hole.asked_ts:
        return False
    return ts - hole.told_ts > KNOWN_NS if hole.told_ts else ts - hole.asked_ts > GIVEN_UP_NS


def _may_ask(hole: Hole, ts: int) -> bool:
    """One request a row at a time: after many cuts a host's budget would be spent on the same trades."""
    settled = ts - hole.opened > (SETTLED_NS if hole.until else QUIET_NS)
    return settled and (not hole.pending_ts or ts - hole.pending_ts > LOST_NS)


def _end_of_minute(ts: int) -> int:
    return ts - ts % MINUTE_NS + MINUTE_NS


def failed(state: State, market: str, request: str, ts: int) -> None:
    """A request for trades was refused or got no answer; unless a retry is answered it is made again."""
    for row in _asked(state, market, request):
        state.holes[row].failed_ts = ts


def _asked(state: State, market: str, request: str) -> list[int]:
    """The rows for which this was asked."""
    rows = [row for row, hole in state.holes.items() if request in hole.requests]
    return [row for row in rows if (known := state.table.instruments[row]) is None or known.market == market]


def answered(state: State, market: str, request: str, events: Decoded, ts: int) -> None:
    """Trades came over REST, or none: say how many had been missed, and whether they reach back to before the
    hole."""
    rows = state.table.by_market.get(market, {})
    oldest = dict.fromkeys(_asked(state, market, request), ts)
    for event in events:
        if type(event) is Trade:
            row = rows.get(event.symbol, -1)
            oldest[row] = min(oldest.get(row, event.ts_event), event.ts_event)
    for row, first in sorted(oldest.items()):
        hole = state.holes.get(row)
        instrument = state.table.instruments[row] if row >= 0 else None
        if hole is None or instrument is None:
            continue
        # An answer to what was asked before the last cut does not reach to its end.
        hole.requests = tuple(key for key in hole.requests if key != request)
        hole.answered = hole.answered or (bool(hole.asked_ts) and not hole.requests)
        hole.pending_ts, hole.told_ts = 0, ts
        # While parts are missing, one that failed is still to be asked for again.
        hole.failed_ts = hole.failed_ts if hole.requests else 0
        if not hole.found:
            continue
        source = state.sources.get(state.table.shards[row])
        if source is not None:
            source.repaired += hole.found
        state.repaired_s[row] = ts * 1e-9
        whole = int(first <= hole.since)
        said = Continuity(instrument.native, ts, state.table.shards[row], "Repaired", hole.found, whole)
        state.events.append((row, said))
        hole.found = 0
