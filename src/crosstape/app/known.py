"""The venues crosstape speaks, at the addresses an operator gives them."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from crosstape.config import Config
from crosstape.model.errors import ConfigError
from crosstape.venues import VENUES
from crosstape.wire.venue import Private, Stream, Venue


def all_venues() -> tuple[Venue, ...]:
    """Every venue, at its own addresses."""
    return VENUES


def addressed(venue: Venue, rest: str, stream: str) -> Venue:
    """The venue with its addresses moved to other hosts: a testnet, or the simulator."""
    streams = venue.streams
    if stream:
        base = stream.rstrip("/")
        streams = tuple(msgspec.structs.replace(s, url=base + urlsplit(s.url).path) for s in streams)
    private = tuple(_elsewhere(one, rest, stream) for one in venue.private)
    if not rest:
        return msgspec.structs.replace(venue, streams=streams, private=private)
    base = rest.rstrip("/")
    others = tuple(msgspec.structs.replace(other, url=base) for other in venue.others)
    account = venue.account and msgspec.structs.replace(venue.account, rest=base)
    return msgspec.structs.replace(
        venue, rest=base, others=others, streams=streams, account=account, private=private
    )


def _elsewhere(private: Private, rest: str, stream: str) -> Private:
    """An account's addresses moved."""
    url = stream.rstrip("/") + urlsplit(private.stream.url).path if stream else private.stream.url
    moved = msgspec.structs.replace(private.stream, url=url)
    return msgspec.structs.replace(private, stream=moved, rest=rest.rstrip("/") or private.rest)


def narrowed(venue: Venue, markets: tuple[str, ...]) -> Venue:
    """The venue with only these of its markets."""
    streams = tuple(s for s in venue.streams if s.market in markets)
    polls = tuple(p for p in venue.polls if p.market in markets)
    return msgspec.structs.replace(venue, streams=streams, polls=polls)


def venues_of(config: Config) -> tuple[Venue, ...]:
    """The venues that are enabled, at the addresses and with the markets the configuration gives them."""
    known = [venue.id for venue in VENUES]
    for name in config.venues:
        if name not in known:
            raise ConfigError(f"venues.{name}: no such venue; allowed: {', '.join(known)}")
    markets = sorted({stream.market for venue in VENUES for stream in venue.streams})
    for key, names, allowed in (
        ("engine.markets", config.engine.markets, markets),
        ("engine.fees", config.engine.fees, markets),
        ("engine.primary", config.engine.primary, known),
    ):
        for name in names:
            if name not in allowed:
                raise ConfigError(f"{key}: {name!r} is not known; allowed: {', '.join(allowed)}")
    chosen = []
    for venue in VENUES:
        settings = config.venues.get(venue.id)
        if settings is None:
            chosen.append(venue)
            continue
        if not settings.enabled:
            continue
        venue = addressed(venue, settings.rest, settings.stream)
        if settings.markets:
            venue = narrowed(venue, settings.markets)
        if settings.without:
            streams = tuple(_without(stream, settings.without) for stream in venue.streams)
            venue = msgspec.structs.replace(venue, streams=streams)
        chosen.append(venue)
    return tuple(chosen)


def _without(stream: Stream, words: tuple[str, ...]) -> Stream:
    """The stream without the topics an operator does not want. A channel stands in front of the symbol at most
    venues, behind an @ at others."""

    def kept(topics: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(t for t in topics if not (t.startswith(words) or t.partition("@")[2].startswith(words)))

    return msgspec.structs.replace(
        stream,
        topics=lambda instrument, tier: kept(stream.topics(instrument, tier)),
        book_topics=lambda instrument, tier: kept(stream.book_topics(instrument, tier)),
        bulk=kept(stream.bulk),
    )
