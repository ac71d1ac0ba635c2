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

    def again(self, trade_id: str, ts: int, ts_event: int) -> bool:
        """Whether this trade was here before; it is from now on. `ts`: when it was received."""
        young = self.young
        if trade_id in young or trade_id in self.old:
            return True
        if len(young) >= LEAST and ts - self.since >= KEPT_NS:
            self.old, self.young, self.since = young, {trade_id}, ts
        else:
            young.add(trade_id)
        if ts_event > self.last:
            self.last = ts_event
        return False
