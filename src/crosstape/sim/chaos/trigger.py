"""When a fault strikes: by the venue's time or by the n-th message, once, several times, or again and again."""

from __future__ import annotations

from collections.abc import Callable

from crosstape.sim.chaos.language import Spec
from crosstape.sim.fault import Conn

SECOND = 1_000_000_000


class Trigger:
    """Counts time and messages for one fault. `hits` = how often it struck."""

    def __init__(self, spec: Spec, now: Callable[[], int]) -> None:
        self.now = now
        self.begin_ns = now() + int(spec.after_s * SECOND)
        self.nth = spec.nth
        self.for_ns = int(spec.seconds("for") * SECOND) if "for" in spec.values else 0
        self.every_ns = int(spec.seconds("every") * SECOND)
        self.times = spec.number("times") if "times" in spec.values else 0
        self.any = spec.target == "?"
        self.hits = 0
        self._counts: dict[tuple[int, str], int] = {}
        self._struck: dict[str, tuple[int, int, bytes]] = {}

    @property
    def turn(self) -> int:
        """Which occurrence holds now, from 0; -1 = none. By message, the first from the beginning on."""
        since = self.now() - self.begin_ns
        if since < 0:
            return -1
        turn, within = divmod(since, self.every_ns) if self.every_ns else (0, since)
        return int(turn) if not self.for_ns or within < self.for_ns else -1

    @property
    def over(self) -> bool:
        """Whether it will never strike again."""
        since = self.now() - self.begin_ns
        return bool(not self.every_ns and self.for_ns and since >= self.for_ns)

    def strikes(self, conn: Conn, payload: bytes) -> bool:
        """Whether this message of the connection's topic is hit; one that several clients get counts once."""
        turn = self.turn
        if turn < 0:
            return False
        if self.nth:
            key = (conn.number, conn.topic)
            count = self._counts[key] = self._counts.get(key, 0) + 1
            hit = count >= self.nth and (not self.times or count < self.nth + self.times)
            self.hits += hit
            return hit
        topic = "" if self.any else conn.topic
        last, struck, what = self._struck.get(topic, (-1, 0, b""))
        if last != turn:
            struck = 0
        elif what is payload:
            return True
        if self.times and struck >= self.times:
            return False
        self._struck[topic] = (turn, struck + 1, payload)
        self.hits += 1
        return True

    def asked(self) -> bool:
        """Whether a request that is made now is hit."""
        turn = self.turn
        if turn < 0:
            return False
        last, struck, _ = self._struck.get("", (-1, 0, b""))
        struck = struck if last == turn else 0
        if self.times and struck >= self.times:
            return False
        self._struck[""] = (turn, struck + 1, b"")
        self.hits += 1
        return True

    def begins(self) -> bool:
        """Whether an occurrence begins now; said once of each."""
        turn = self.turn
        if turn < 0 or turn <= self._struck.get("", (-1, 0, b""))[0]:
            return False
        self._struck[""] = (turn, 0, b"")
        self.hits += 1
        return True
