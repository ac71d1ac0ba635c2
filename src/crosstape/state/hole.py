"""A time in which a row's trades did not reach us."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Hole:
    """since, until   the venue's time of the last trade before it and of the first one behind it, ns; 0 = none yet
    closed, opened   our time at which the stream went and came back
    known     ids of the trades before it, of those streamed since, and of those that were made up for
    asked_ts  when its trades were asked for, 0 = not yet; found: how many came
    requests, tries   what was asked, and how often
    pending_ts  when a request of the row was made that nobody has answered yet, 0 = none
    failed_ts   when it was last refused or got no answer, 0 = it was answered or waits still
    answered  whether its trades have come, told_ts: when the last of them did; candles: whether its minutes were
              asked for as well
    """

    since: int
    closed: int
    opened: int
    until: int = 0
    known: set[str] = field(default_factory=set)
    asked_ts: int = 0
    requests: tuple[str, ...] = ()
    tries: int = 0
    pending_ts: int = 0
    failed_ts: int = 0
    found: int = 0
    answered: bool = False
    told_ts: int = 0
    candles: bool = False
