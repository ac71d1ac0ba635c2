"""Open interest of the past, as venues keep it: a figure every five minutes."""

from __future__ import annotations

from collections.abc import Iterable

from crosstape.model.event import OpenInterest

EVERY_NS = 300_000_000_000


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
