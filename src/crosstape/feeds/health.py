"""What the feeds say about themselves."""

from __future__ import annotations

import msgspec

from crosstape.feeds.breaker import Breaker, Circuit
from crosstape.feeds.limiter import Limiter


class SourceHealth(msgspec.Struct, frozen=True):
    """One socket or poll. `state`: idle connecting open backoff banned; `since` ns; for a poll `messages`
    counts answers and `reconnects` is 0."""

    source: str
    state: str
    since: int
    reconnects: int
    messages: int
    bytes: int
    topics: int
    crashes: int
    last_error: str


class HostHealth(msgspec.Struct, frozen=True):
    """One budget of one (venue, host): "rest" requests or "connect"ions. `until` ns: banned until then, 0 =
    never."""

    venue: str
    host: str
    what: str
    used: float
    limit: float
    waiting: int
    refused: int
    until: int
    bans: int
    circuit: Circuit = Circuit.CLOSED
    opened: int = 0


def host_health(venue: str, host: str, what: str, limiter: Limiter, breaker: Breaker | None = None) -> HostHealth:
    """A budget, and a breaker where there is one."""
    return HostHealth(
        venue=venue,
        host=host,
        what=what,
        used=limiter.used,
        limit=limiter.limit,
        waiting=limiter.waiting,
        refused=limiter.refused,
        until=limiter.until,
        bans=limiter.bans,
        circuit=breaker.state if breaker is not None else Circuit.CLOSED,
        opened=breaker.opened if breaker is not None else 0,
    )
