"""Which instruments get which streams, and on which connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from crosstape.engine.settings import Universe
from crosstape.state.apply_book import drop_book
from crosstape.state.fields import DAY_TURNOVER
from crosstape.state.state import State
from crosstape.wire.effect import Effect, Subscribe, Unsubscribe
from crosstape.wire.venue import Stream, by_market

# A tier is lost only this far beyond the rank that would win it, so that neighbours do not trade places forever.
SLACK = 1.2
# Room left on a connection for topics that a change of tier adds.
FILL = 0.85


def choose(state: State, market: str, universe: Universe, streams: Sequence[Stream] = ()) -> dict[int, str]:
    """The tier of every listed row of a market; only those whose tier should change."""
    rows = state.table.by_market.get(market, {})
    dollars = _dollar_turnover(state)
    fit: list[tuple[float, int]] = []
    first: list[int] = []
    tiers: dict[int, str] = {}
    for native, row in rows.items():
        instrument = state.table.instruments[row]
        if instrument is None:
            continue
        tiers[row] = "C"
        if state.table.gone_ts[row] or not universe.enabled or native in universe.exclude_symbols:
            continue
        if native in universe.symbols:
            tiers[row] = "A"
            first.append(row)
        elif _fits(state, row, universe, dollars[row]):
            turnover = dollars[row]
            fit.append((-turnover if turnover == turnover else 0.0, row))
    ranked = [row for _, row in sorted(fit)]
    for place, row in enumerate(ranked):
        tiers[row] = _tier(place, state.table.tiers[row], universe)
    _make_fit(state, streams, tiers, first + _by_right(state, ranked))
    return {row: tier for row, tier in tiers.items() if tier != state.table.tiers[row]}


def _dollar_turnover(state: State) -> list[float]:
    """24 h turnover by row, in dollars where the tape has a rate for the quote currency, else as it is."""
    known = state.usd.size
    rates = np.where(np.isnan(state.usd), 1.0, state.usd).tolist()
    return [cell[DAY_TURNOVER] * (rates[row] if row < known else 1.0) for row, cell in enumerate(state.cells)]


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


def _by_right(state: State, ranked: Sequence[int]) -> list[int]:
    """Rows by rank, those that have a tier a little ahead of it."""
    held = state.table.tiers
    places = [(place / (1.0 if held[row] == "C" else SLACK), row) for place, row in enumerate(ranked)]
    return [row for _, row in sorted(places)]


def _make_fit(state: State, streams: Sequence[Stream], tiers: dict[int, str], order: Sequence[int]) -> None:
    """Lower the tiers of rows whose topics are more than the market's streams may have, last ones first."""
    left = sum(stream.limits.topics - len(stream.bulk) for stream in streams if stream.limits.topics)
    if not any(stream.limits.topics for stream in streams):
        return
    for row in order:
        instrument = state.table.instruments[row]
        if instrument is None:
            continue
        for tier in ("A", "B", "C")["ABC".index(tiers[row]) :]:
            cost = sum(len(s.topics(instrument, tier)) for s in streams if s.limits.topics)
            if cost <= left or tier == "C":
                tiers[row] = tier
                left -= cost
                break


class Shards:
    """Packs instruments onto connections within the venue's limits. A shard is one connection on each of the
    market's routes; by the route's name: `used` characters and `count` of topics a shard."""

    def __init__(self) -> None:
        self.used: dict[str, list[int]] = {}
        self.count: dict[str, list[int]] = {}

    def open(self, streams: Sequence[Stream]) -> None:
        """Begin with no shard of a market."""
        for stream in streams:
            self.used.setdefault(stream.name, [])
            self.count.setdefault(stream.name, [])

    def place(self, streams: Sequence[Stream], topics: Sequence[tuple[str, ...]]) -> str:
        """The shard that takes these topics of each route: the first with room, else a new one."""
        self.open(streams)
        pairs = list(zip(streams, topics, strict=True))
        made = len(self.used[streams[0].name])
        number = next((i for i in range(made) if all(self._fits(s, i, t) for s, t in pairs)), made)
        for stream, added in pairs:
            if number == made:
                self.used[stream.name].append(0)
                self.count[stream.name].append(0)
            self.adjust(stream, number, added, ())
        return f"{streams[0].market}/{number}"

    def _fits(self, stream: Stream, number: int, topics: tuple[str, ...]) -> bool:
        limits = stream.limits
        chars = self.used[stream.name][number] + _size(topics)
        count = self.count[stream.name][number] + len(topics)
        fits = not limits.characters_per_connection or chars <= limits.characters_per_connection * FILL
        return fits and (not limits.topics_per_connection or count <= limits.topics_per_connection * FILL)

    def adjust(self, stream: Stream, number: int, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
        """Account for topics that come to or leave a shard."""
        self.used[stream.name][number] += _size(added) - _size(removed)
        self.count[stream.name][number] += len(added) - len(removed)


def _size(topics: tuple[str, ...]) -> int:
    return sum(len(topic) + 3 for topic in topics)


def move(state: State, streams: Sequence[Stream], shards: Shards, row: int, tier: str, ts: int) -> list[Effect]:
    """Give a row its new tier; the subscriptions that follow from it, on every route."""
    table = state.table
    instrument = table.instruments[row]
    if instrument is None:
        return []
    had = [stream.topics(instrument, table.tiers[row]) if table.shards[row] else () for stream in streams]
    wants = [stream.topics(instrument, tier) for stream in streams]
    added = [tuple(t for t in now if t not in then) for now, then in zip(wants, had, strict=True)]
    removed = [tuple(t for t in then if t not in now) for now, then in zip(wants, had, strict=True)]
    if any(s.book_topics(instrument, table.tiers[row]) and not s.book_topics(instrument, tier) for s in streams):
        drop_book(state, row)
    table.tiers[row] = tier
    table.version += 1
    if not table.shards[row] and any(added):
        table.shards[row] = shards.place(streams, added)
    elif table.shards[row]:
        for stream, more, less in zip(streams, added, removed, strict=True):
            shards.adjust(stream, int(table.shards[row].partition("/")[2]), more, less)
    shard = table.shards[row]
    effects: list[Effect] = []
    for stream, more, less in zip(streams, added, removed, strict=True):
        name = f"{stream.name}/{shard.partition('/')[2]}"
        effects += [Unsubscribe(name, less)] if less else []
        effects += [Subscribe(name, more)] if more else []
    if any(added):
        source = state.sources.get(shard)
        state.opened[row] = ts * 1e-9 if source is not None and source.is_open else np.inf
    if not any(wants):
        table.shards[row] = ""
        state.opened[row] = np.inf
    return effects


def wanted(state: State, streams: Mapping[str, Stream]) -> list[Subscribe]:
    """Every subscription the state implies: what a restart asks for again."""
    topics: dict[str, list[str]] = {}
    table = state.table
    routes = by_market(streams.values())
    for stream in streams.values():
        if stream.bulk and table.by_market.get(stream.market):
            topics[f"{stream.name}/0"] = list(stream.bulk)
    for instrument, tier, shard in zip(table.instruments, table.tiers, table.shards, strict=True):
        market, _, number = shard.partition("/")
        for stream in routes.get(market, ()):
            if instrument is not None and (names := stream.topics(instrument, tier)):
                topics.setdefault(f"{stream.name}/{number}", []).extend(names)
    return [Subscribe(shard, tuple(names)) for shard, names in topics.items()]
