"""The past as venues keep it: open interest every five minutes, funding as it was settled."""

from __future__ import annotations

from collections.abc import Iterable

from crosstape.model.event import Funding, OpenInterest

EVERY_NS = 300_000_000_000
HOUR_NS = 3_600_000_000_000


def interest(symbol: str, marks: Iterable[tuple[int, float]], until: int) -> list[OpenInterest]:
    """(ns, one-sided native size) in any order -> events, oldest first; each holds for five minutes, until the
    next or until the end of what was asked for (ns), whichever comes first."""
    known = sorted(marks)
    ends = [ts for ts, _ in known[1:]] + [until]
    return [
        OpenInterest(symbol, ts, size, held_s=(min(end, ts + EVERY_NS, until) - ts) // 1_000_000_000)
        for (ts, size), end in zip(known, ends, strict=True)
        if min(end, until) - ts >= 1_000_000_000
    ]


def spans(since: int, until: int, hours: int) -> list[tuple[int, int]]:
    """[since, until) in parts of so many hours: nobody settles funding more often than once in one."""
    return [(start, min(start + hours * HOUR_NS, until)) for start in range(since, until, hours * HOUR_NS)]


def funding(settled: Iterable[Funding]) -> list[Funding]:
    """Settled rates, oldest first, each once."""
    return sorted({one.ts_event: one for one in settled}.values(), key=lambda one: one.ts_event)
