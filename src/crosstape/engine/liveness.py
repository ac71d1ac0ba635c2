"""Who has fallen silent: every stream and every row judged against its own usual pace.

A row is asked for anew; if that does not help, or when most of a connection's rows are silent, the connection is
replaced. The new one is up before the old one goes, so nobody else notices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from crosstape.model.event import Continuity
from crosstape.state.fields import STREAMED, TOUCHED, TRADED
from crosstape.state.pulse import ENOUGH, FADE, LEAST_S, MOST_S, MULTIPLE
from crosstape.state.source import Source
from crosstape.state.state import State
from crosstape.wire.effect import Effect, Reconnect, Subscribe, Unsubscribe
from crosstape.wire.venue import Stream, by_market

SECOND_NS = 1_000_000_000
# What was asked for anew may take so long; then the connection is replaced.
PATIENCE_NS = 20 * SECOND_NS
AGAIN_NS = 600 * SECOND_NS
MUTE_NS = 60 * SECOND_NS
MOST_DOUBLINGS = 6
MOST_ASKED = 20


class Liveness:
    """asked   row -> when its topics were last taken anew because it was silent
    mute    row that was subscribed and never spoke -> how often its topics were taken anew, and when last
    """

    def __init__(self) -> None:
        self.asked: dict[int, int] = {}
        self.mute: dict[int, tuple[int, int]] = {}

    def judge(self, state: State, streams: Mapping[str, Stream], ts: int) -> list[int]:
        """Once a second: events for who falls silent and who speaks again, and what to do about it as effects.
        Returns the rows whose topics were taken anew because they had fallen silent."""
        markets = by_market(streams.values())
        anew = self._rows(state, markets, ts)
        self._never_spoke(state, markets, ts)
        for source in state.sources.values():
            if source.streams and source.is_open:
                _source(state, source, ts)
        return anew

    def _rows(self, state: State, markets: Mapping[str, Sequence[Stream]], ts: int) -> list[int]:
        before = _quiet(state)
        for pulse, field in ((state.trading, TRADED), (state.touching, TOUCHED)):
            pulse.look(state.now[field], state.opened, ts * 1e-9)
        quiet = _quiet(state)
        for row in np.flatnonzero(before & ~quiet & np.isfinite(state.opened[: quiet.size])).tolist():
            _say(state, row, "Resumed", ts)
        for row in np.flatnonzero(quiet & ~before).tolist():
            _say(state, row, "Stale", ts)
        anew: list[int] = []
        for shard, rows in _by_shard(state, np.flatnonzero(quiet).tolist()).items():
            if _most_are(state, shard, quiet):
                _replace_all(state, shard, "most of its instruments are silent", ts)
                continue
            anew += [row for row in rows if row not in self.asked][:MOST_ASKED]
        for row in anew:
            self.asked[row] = ts
            state.effects += _anew(state, markets, row)
        self._overdue(state, quiet.tolist(), ts)
        return anew

    def _never_spoke(self, state: State, markets: Mapping[str, Sequence[Stream]], ts: int) -> None:
        """A row that was acknowledged and never served has no pace of its own to be judged by."""
        n = state.rows
        opened = state.opened[:n]
        never = np.isfinite(opened) & ~(state.now[STREAMED, :n] >= opened)
        for row in [row for row in self.mute if row >= n or not never[row]]:
            del self.mute[row]
        due = np.flatnonzero(never & (ts * 1e-9 - opened > MUTE_NS * 1e-9))
        waited = [(row, *self.mute.get(row, (0, 0))) for row in due.tolist()]
        late = [(row, times) for row, times, last in waited if ts - last > MUTE_NS << min(times, MOST_DOUBLINGS)]
        for row, times in late[:MOST_ASKED]:
            if not times:
                _say(state, row, "Stale", ts)
            self.mute[row] = (times + 1, ts)
            state.effects += _anew(state, markets, row)

    def _overdue(self, state: State, quiet: Sequence[bool], ts: int) -> None:
        for row, asked in sorted(self.asked.items()):
            if row >= len(quiet) or not quiet[row]:
                del self.asked[row]
            elif ts - asked > PATIENCE_NS:
                # Kept until it speaks: a market that simply sleeps is not asked for over and over.
                self.asked[row] = 1 << 62
                _replace_all(state, state.table.shards[row], "an instrument stays silent", ts)


def _say(state: State, row: int, what: str, ts: int) -> None:
    instrument = state.table.instruments[row]
    if instrument is not None:
        state.events.append((row, Continuity(instrument.native, ts, state.table.shards[row], what)))


def _quiet(state: State) -> NDArray[np.bool_]:
    """Rows of which trades, or quote and book, are silent for longer than is usual."""
    return np.asarray((state.trading.silent + state.touching.silent)[: state.rows] > 0.0)


def _by_shard(state: State, rows: Sequence[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        if state.table.shards[row]:
            found.setdefault(state.table.shards[row], []).append(row)
    return found


def _most_are(state: State, shard: str, quiet: NDArray[np.bool_]) -> bool:
    """Whether more than half of a shard's rows that can be judged are silent, and at least two."""
    rows = [row for row, name in enumerate(state.table.shards) if name == shard]
    judged = (state.trading.gaps[rows] >= ENOUGH) | (state.touching.gaps[rows] >= ENOUGH)
    silent = int(np.count_nonzero(quiet[rows]))
    return silent >= 2 and 2 * silent > int(np.count_nonzero(judged))


def _anew(state: State, markets: Mapping[str, Sequence[Stream]], row: int) -> Iterator[Effect]:
    """Drop the row's topics and take them again, on every route."""
    instrument, tier = state.table.instruments[row], state.table.tiers[row]
    market, _, number = state.table.shards[row].partition("/")
    if instrument is None:
        return
    for stream in markets.get(market, ()):
        topics = stream.topics(instrument, tier)
        if topics:
            name = f"{stream.name}/{number}"
            yield Unsubscribe(name, topics)
            yield Subscribe(name, topics)


def _source(state: State, source: Source, ts: int) -> None:
    """One connection as a whole, by the messages that carried something."""
    since = max(source.spoke_ts, source.opened_ts)
    if source.spoke_ts > source.heard_ts:
        gap = (source.spoke_ts - source.heard_ts) / SECOND_NS if source.heard_ts >= source.opened_ts else 0.0
        source.longest_s = max(source.longest_s * FADE, gap)
        source.pauses += gap > 0.0
        source.heard_ts, source.mute = source.spoke_ts, 0
        if source.silent:
            source.silent = False
            state.events.append((-1, Continuity("", ts, source.name, "Resumed")))
    else:
        source.longest_s *= FADE
    if source.spoke_ts < source.opened_ts:
        if ts - since > MUTE_NS << min(source.mute, MOST_DOUBLINGS):
            source.mute += 1
            _stale(state, source, ts)
            state.effects.append(Reconnect(source.name, source.conn, "subscribed, and nothing came"))
        return
    patience = min(max(MULTIPLE * source.longest_s, LEAST_S), MOST_S)
    if not source.silent and source.pauses >= ENOUGH and ts - since > patience * SECOND_NS:
        _stale(state, source, ts)
        _replace(state, source, f"silent for {(ts - since) / SECOND_NS:.0f} s, longer than it ever is", ts)


def _stale(state: State, source: Source, ts: int) -> None:
    source.silent = True
    state.events.append((-1, Continuity("", ts, source.name, "Stale")))


def _replace_all(state: State, shard: str, reason: str, ts: int) -> None:
    """On every route: which of them carries what is missing is the venue's business."""
    for source in state.sources.values():
        if source.streams and source.shard == shard:
            _replace(state, source, reason, ts)


def _replace(state: State, source: Source, reason: str, ts: int) -> None:
    """Replace its connection, but not again and again."""
    if source.is_open and ts - source.replaced_ts > AGAIN_NS:
        source.replaced_ts = ts
        state.effects.append(Reconnect(source.name, source.conn, reason))
