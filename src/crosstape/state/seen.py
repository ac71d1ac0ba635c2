"""The trades a row has had lately, so that what a venue or a second connection says again is counted once."""

from __future__ import annotations

LEAST = 24
KEPT_NS = 1_000_000_000


class Seen:
    """Ids in two generations; the older one goes when the younger is both large and old enough. So a trade is
    known again for at least `KEPT_NS` and as long as it is among the newest `LEAST`.

    last   the venue's time of the newest trade, ns
    """

    __slots__ = ("last", "old", "since", "young")

    def __init__(self) -> None:
        self.young: set[str] = set()
        self.old: set[str] = set()
        self.since = 0
        self.last = 0

    def turn(self, ts: int) -> None:
        """The younger generation is large: it becomes the older one, unless that is too young to go. `ts`: now."""
        if ts - self.since >= KEPT_NS:
            self.old, self.young, self.since = self.young, set(), ts
