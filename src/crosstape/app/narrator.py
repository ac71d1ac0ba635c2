"""What the fold says of streams, books and messages, told to the log: briefly, and never in floods."""

from __future__ import annotations

from collections import Counter
from typing import Any

import structlog

from crosstape.engine.view import View
from crosstape.model.event import Continuity, Drift, OwnRefused

SECOND_NS = 1_000_000_000
# Of many books, markets or sources one line; a failing source is counted in once a minute.
SUMMED_NS, REPEATED_NS = 10 * SECOND_NS, 60 * SECOND_NS
SUMMED = {
    "Opened": "connections opened",
    "Gap": "books lost their place",
    "Skipped": "ids were left out where the venue does so; the books go on and are checked",
    "Differs": "books were not the venue's",
    "Stale": "streams fell silent",
    "Resumed": "books and streams are well again",
    "Repaired": "missed trades were made up for",
}
GOOD = ("Opened", "Resumed", "Repaired")


class Narrator:
    """Reads every view once. Its clock is the views'."""

    def __init__(self, log: Any = None) -> None:
        self._log = log if log is not None else structlog.get_logger("crosstape")
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._summed = 0
        self._failures: dict[str, tuple[int, int]] = {}

    def take(self, view: View) -> None:
        """One view's events, and every ten seconds what has come together."""
        for row, event in view.events:
            if type(event) is Continuity:
                self._continuity(view, row, event)
            elif type(event) is OwnRefused:
                self._log.warning("an own account's key is refused", source=event.symbol, reason=event.reason)
            elif type(event) is Drift:
                self._log.warning(
                    "messages changed their shape", source=event.source, path=event.path, how=event.what
                )
        if view.ts - self._summed >= SUMMED_NS:
            self._summed = view.ts
            self._sum_up()
            self._failed(view)

    def _continuity(self, view: View, row: int, event: Continuity) -> None:
        if event.what == "Closed":
            self._log.warning("connection closed", source=event.source, code=event.last)
        elif event.what == "Lenient":
            self._log.warning(
                "update ids skip and nothing is missing: gaps are only counted from here on",
                source=event.source, gaps=event.first,
            )  # fmt: skip
        elif event.what in SUMMED:
            self._counts[event.what] += 1
            instrument = view.rows.instruments[row] if row >= 0 else None
            self._first.setdefault(event.what, instrument.id if instrument is not None else event.source)

    def _sum_up(self) -> None:
        for what, count in sorted(self._counts.items()):
            say = self._log.info if what in GOOD else self._log.warning
            say(SUMMED[what], count=count, first=self._first[what])
        self._counts.clear()
        self._first.clear()

    def _failed(self, view: View) -> None:
        worst, sources, total = ("", 0, ""), 0, 0
        for source in view.sources:
            count = source.failed + source.errors
            told, before = self._failures.get(source.name, (0, 0))
            if count > before and view.ts - told >= REPEATED_NS:
                self._failures[source.name] = (view.ts, count)
                sources, total = sources + 1, total + count - before
                if count - before > worst[1]:
                    worst = (source.name, count - before, source.last_error)
        if sources:
            self._log.warning("requests failed or messages were unreadable", count=total, sources=sources,
                              most=worst[0], newest=worst[2])  # fmt: skip
