"""A budget of request weight by the calendar minute, and the ban for those who go on without one."""

from typing import Final

MINUTE_NS: Final = 60_000_000_000
TOLERATED: Final = 50
BAN_S: Final = 120


class Weights:
    """429 when a minute's weight is spent, with the seconds until the next; 418 after too many of those."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.minute = self.used = self.ignored = 0
        self.banned_ns = 0

    def spend(self, now_ns: int, cost: int) -> tuple[int, int] | None:
        """None, or a status and how many seconds to wait."""
        if now_ns < self.banned_ns:
            return 418, -(-(self.banned_ns - now_ns) // 1_000_000_000)
        if now_ns // MINUTE_NS != self.minute:
            self.minute, self.used, self.ignored = now_ns // MINUTE_NS, 0, 0
        self.used += cost
        if self.used <= self.limit:
            return None
        self.ignored += 1
        if self.ignored > TOLERATED:
            self.banned_ns = now_ns + BAN_S * 1_000_000_000
            return 418, BAN_S
        return 429, -(-(MINUTE_NS - now_ns % MINUTE_NS) // 1_000_000_000)
