"""When the universe is planned, and what to go on with when a catalogue is refused."""

from __future__ import annotations

from collections.abc import Sequence

from crosstape.engine.settings import EngineSettings
from crosstape.engine.universe import Shards, choose, move
from crosstape.model.event import Listed
from crosstape.model.instrument import Instrument
from crosstape.state.fields import DAY_TURNOVER
from crosstape.state.state import State
from crosstape.wire.effect import Effect, Fetch, Subscribe, Unsubscribe
from crosstape.wire.venue import Venue, by_market

EVERY_NS = 60_000_000_000
PATIENCE_NS = 5_000_000_000
MINUTE_NS = 60_000_000_000
DAY_NS = 1445 * MINUTE_NS


class Planner:
    """Once a minute, and as soon as a market's catalogue and turnover are there: moves rows between tiers.

    catalogued   when each market's catalogue was first complete
    """

    def __init__(self, venues: Sequence[Venue]) -> None:
        self.venues = {venue.id: venue for venue in venues}
        self.streams = by_market(stream for venue in venues for stream in venue.streams)
        self.backfilled = {poll.market for venue in venues for poll in venue.polls if poll.name == "klines"}
        self.shards = Shards()
        self.catalogued: dict[str, int] = {}
        self.planned_ts = 0

    def plan(self, state: State, settings: EngineSettings, ts: int) -> None:
        """What is due now leaves as effects of the state."""
        ready = [market for market, since in self.catalogued.items() if self._ready(state, market, since, ts)]
        fresh = [market for market in ready if market not in self.shards.used]
        due = bool(ready) and ts - self.planned_ts >= EVERY_NS
        if not (fresh or due):
            return
        if due:
            self.planned_ts = ts
        effects: list[Effect] = []
        for market in sorted(ready if due else fresh):
            effects += self._plan_market(state, settings, market, ts)
        state.effects += _merged(effects)

    def _ready(self, state: State, market: str, since: int, ts: int) -> bool:
        if market not in self.streams:
            return False
        if ts - since >= PATIENCE_NS:
            return True
        return any(state.cells[row][DAY_TURNOVER] > 0 for row in state.table.by_market.get(market, {}).values())

    def _plan_market(self, state: State, settings: EngineSettings, market: str, ts: int) -> list[Effect]:
        streams = self.streams[market]
        effects: list[Effect] = []
        if market not in self.shards.used:
            self.shards.open(streams)
            effects += [Subscribe(f"{stream.name}/0", stream.bulk) for stream in streams if stream.bulk]
        for row, tier in sorted(choose(state, market, settings.of(market), streams).items()):
            effects += move(state, streams, self.shards, row, tier, ts)
            if tier == "A":
                effects += self._backfill(state, settings.backfill_hours, row, ts)
        return effects

    def holes(self, state: State, settings: EngineSettings, ts: int) -> list[Effect]:
        """After a restart: the candles of every tier A row, which the time in between may have holes in."""
        rows = [row for row, tier in enumerate(state.table.tiers) if tier == "A"]
        return [effect for row in rows for effect in self._backfill(state, settings.backfill_hours, row, ts)]

    def _backfill(self, state: State, hours: float, row: int, ts: int) -> list[Effect]:
        instrument = state.table.instruments[row]
        if instrument is None or hours <= 0 or instrument.market not in self.backfilled:
            return []
        until = ts - ts % MINUTE_NS
        since = until - int(hours * 60) * MINUTE_NS
        # Its longest window is filled at once; a few requests each.
        day = min(since, until - DAY_NS)
        return past_of(self.venues[instrument.venue], instrument, since, until, day)

    def builtin(self, market: str, ts: int) -> list[Listed]:
        """The catalogue was refused: the instruments the venue's file knows, taken for the catalogue."""
        venue = self.venues.get(market.partition("-")[0])
        known = [i for i in venue.builtin() if i.market == market] if venue is not None else []
        if known:
            self.catalogued[market] = ts
        return [Listed(i.native, ts, i) for i in known]


def past_of(venue: Venue, instrument: Instrument, since: int, until: int, interest_since: int = 0) -> list[Effect]:
    """Candles and open interest of [since, until), asked for over REST; open interest from earlier where said."""
    candles = (Fetch(f"{instrument.market}/klines", ask) for ask in venue.backfill(instrument, since, until))
    interest = (Fetch(f"{instrument.market}/interest_past", ask)
                for ask in venue.interest(instrument, interest_since or since, until))  # fmt: skip
    return [*candles, *interest]


def _merged(effects: list[Effect]) -> list[Effect]:
    """One Unsubscribe and one Subscribe a shard, in that order, then the rest."""
    drop: dict[str, list[str]] = {}
    take: dict[str, list[str]] = {}
    rest: list[Effect] = []
    for effect in effects:
        if isinstance(effect, Unsubscribe):
            drop.setdefault(effect.source, []).extend(effect.topics)
        elif isinstance(effect, Subscribe):
            take.setdefault(effect.source, []).extend(effect.topics)
        else:
            rest.append(effect)
    merged: list[Effect] = [Unsubscribe(shard, tuple(topics)) for shard, topics in drop.items()]
    merged += [Subscribe(shard, tuple(topics)) for shard, topics in take.items()]
    return merged + rest
