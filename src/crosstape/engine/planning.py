"""When the universe is planned, and what to go on with when a catalogue is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstape.engine.universe import choose, move
from crosstape.model.event import Listed
from crosstape.state.apply import apply
from crosstape.state.fields import DAY_TURNOVER
from crosstape.wire.effect import Effect, Fetch, Subscribe, Unsubscribe

if TYPE_CHECKING:
    from crosstape.engine.machine import Machine

EVERY_NS = 60_000_000_000
PATIENCE_NS = 5_000_000_000


def plan(machine: Machine, ts: int) -> None:
    """Once a minute, and as soon as a market's catalogue and turnover are there: move rows between tiers."""
    if not machine.catalogued:
        return
    ready = [market for market, since in machine.catalogued.items() if _ready(machine, market, since, ts)]
    fresh = [market for market in ready if market not in machine.shards.used]
    due = ts - machine.planned_ts >= EVERY_NS
    if not (fresh or due):
        return
    if due:
        machine.planned_ts = ts
    effects: list[Effect] = []
    for market in sorted(ready if due else fresh):
        effects += _plan_market(machine, market, ts)
    machine.state.effects += _merged(effects)


def _ready(machine: Machine, market: str, since: int, ts: int) -> bool:
    if market not in machine.streams:
        return False
    if ts - since >= PATIENCE_NS:
        return True
    rows = machine.state.table.by_market.get(market, {}).values()
    return any(machine.state.cells[row][DAY_TURNOVER] > 0 for row in rows)


def _plan_market(machine: Machine, market: str, ts: int) -> list[Effect]:
    state, stream = machine.state, machine.streams[market]
    machine.shards.used.setdefault(market, [])
    machine.shards.count.setdefault(market, [])
    effects: list[Effect] = []
    for row, tier in sorted(choose(state, market, machine.settings.of(market)).items()):
        effects += move(state, stream, machine.shards, row, tier, ts)
        if tier == "A":
            effects += _backfill(machine, row, ts)
    return effects


def _backfill(machine: Machine, row: int, ts: int) -> list[Effect]:
    instrument = machine.state.table.instruments[row]
    hours = machine.settings.backfill_hours
    if instrument is None or hours <= 0 or f"{instrument.market}/klines" not in machine.polls:
        return []
    minute = 60_000_000_000
    until = ts - ts % minute
    since = until - int(hours * 60) * minute
    requests = machine.venues[instrument.venue].backfill(instrument, since, until)
    return [Fetch(f"{instrument.market}/klines", request) for request in requests]


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


def use_builtin(machine: Machine, market: str, ts: int) -> None:
    """The catalogue was refused: go on with the instruments the venue's file knows."""
    venue = machine.venues.get(market.partition("-")[0])
    known = [i for i in venue.builtin() if i.market == market] if venue is not None else []
    if not known:
        return
    source = machine.route(f"{market}/instruments").source
    apply(machine.state, source, [Listed(i.native, ts, i) for i in known], ts)
    machine.state.table.seen.pop(market, None)
    machine.catalogued[market] = ts
