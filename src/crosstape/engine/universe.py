"""Which instruments get which streams, and on which connection."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crosstape.engine.settings import Universe
from crosstape.state.fields import DAY_TURNOVER
from crosstape.state.state import State
from crosstape.wire.effect import Effect, Subscribe, Unsubscribe
from crosstape.wire.venue import Stream

# A tier is lost only this far beyond the rank that would win it, so that neighbours do not trade places forever.
SLACK = 1.2
# Room left on a connection for topics that a change of tier adds.
FILL = 0.85


def choose(state: State, market: str, universe: Universe) -> dict[int, str]:
    """The tier of every listed row of a market; only those whose tier should change."""
    rows = state.table.by_market.get(market, {})
    dollars = _dollar_turnover(state)
    fit: list[tuple[float, int]] = []
    tiers: dict[int, str] = {}
    for native, row in rows.items():
        instrument = state.table.instruments[row]
        if instrument is None or state.table.gone_ts[row]:
            continue
        tiers[row] = "C"
        if not universe.enabled or native in universe.exclude_symbols:
            continue
        if native in universe.symbols:
            tiers[row] = "A"
        elif _fits(state, row, universe, dollars[row]):
            turnover = dollars[row]
            fit.append((-turnover if turnover == turnover else 0.0, row))
    for place, (_, row) in enumerate(sorted(fit)):
        tiers[row] = _tier(place, state.table.tiers[row], universe)
    return {row: tier for row, tier in tiers.items() if tier != state.table.tiers[row]}


def _dollar_turnover(state: State) -> list[float]:
    """24 h turnover by row; quote currency counts as dollars here, which is enough to rank within a market."""
    return [cell[DAY_TURNOVER] for cell in state.cells]


def _fits(state: State, row: int, universe: Universe, turnover: float) -> bool:
    instrument = state.table.instruments[row]
    if instrument is None or instrument.quote not in universe.preferred_quote_currencies:
        return False
    return turnover != turnover or turnover >= universe.min_24h_volume or not universe.min_24h_volume


def _tier(place: int, held: str, universe: Universe) -> str:
    slack_a = SLACK if held == "A" else 1.0
    slack_b = SLACK if held in ("A", "B") else 1.0
    if universe.top and place >= universe.top * slack_b:
        return "C"
    return "A" if place < universe.deep * slack_a else "B"


class Shards:
    """Packs instruments onto connections within the venue's limits; `used` = characters of topics a shard."""

    def __init__(self) -> None:
        self.used: dict[str, list[int]] = {}
        self.count: dict[str, list[int]] = {}

    def place(self, stream: Stream, topics: tuple[str, ...]) -> str:
        """The shard that takes these topics: the first with room, else a new one."""
        used = self.used.setdefault(stream.market, [])
        count = self.count.setdefault(stream.market, [])
        size = sum(len(topic) + 3 for topic in topics)
        limits = stream.limits
        for i, chars in enumerate(used):
            fits = not limits.characters_per_connection or chars + size <= limits.characters_per_connection * FILL
            few = not limits.topics_per_connection or count[i] + len(topics) <= limits.topics_per_connection * FILL
            if fits and few:
                used[i] += size
                count[i] += len(topics)
                return f"{stream.market}/{i}"
        used.append(size)
        count.append(len(topics))
        return f"{stream.market}/{len(used) - 1}"

    def adjust(self, shard: str, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
        """Account for topics that come to or leave a shard."""
        market, _, number = shard.partition("/")
        change = sum(len(t) + 3 for t in added) - sum(len(t) + 3 for t in removed)
        self.used[market][int(number)] += change
        self.count[market][int(number)] += len(added) - len(removed)


def move(state: State, stream: Stream, shards: Shards, row: int, tier: str, ts: int) -> list[Effect]:
    """Give a row its new tier; the subscriptions that follow from it."""
    table = state.table
    instrument = table.instruments[row]
    if instrument is None:
        return []
    had = stream.topics(instrument, table.tiers[row]) if table.shards[row] else ()
    wants = stream.topics(instrument, tier)
    added = tuple(t for t in wants if t not in had)
    removed = tuple(t for t in had if t not in wants)
    table.tiers[row] = tier
    table.version += 1
    effects: list[Effect] = []
    if not table.shards[row] and added:
        table.shards[row] = shards.place(stream, added)
    elif table.shards[row]:
        shards.adjust(table.shards[row], added, removed)
    shard = table.shards[row]
    if removed:
        effects.append(Unsubscribe(shard, removed))
    if added:
        effects.append(Subscribe(shard, added))
        source = state.sources.get(shard)
        state.opened[row] = ts * 1e-9 if source is not None and source.is_open else np.inf
    if not wants:
        table.shards[row] = ""
        state.opened[row] = np.inf
    return effects


def wanted(state: State, streams: Mapping[str, Stream]) -> list[Subscribe]:
    """Every subscription the state implies: what a restart asks for again."""
    topics: dict[str, list[str]] = {}
    table = state.table
    for instrument, tier, shard in zip(table.instruments, table.tiers, table.shards, strict=True):
        stream = streams.get(shard.partition("/")[0])
        if instrument is not None and shard and stream is not None:
            topics.setdefault(shard, []).extend(stream.topics(instrument, tier))
    return [Subscribe(shard, tuple(names)) for shard, names in topics.items()]
