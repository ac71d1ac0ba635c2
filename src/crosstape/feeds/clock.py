"""Clocks the shell runs on, and the beat that puts TICK frames."""

from __future__ import annotations

import asyncio
import time

from crosstape.model.frame import CLOCK, Kind
from crosstape.model.ports import Clock, Intake

SECOND = 1_000_000_000


class WallClock:
    """The machine's own time."""

    # The builtin itself, not a method around it: it is called once a message.
    now = staticmethod(time.time_ns)

    async def sleep(self, seconds: float) -> None:
        """Sleep in real time."""
        await asyncio.sleep(seconds)


class ScaledClock:
    """Time that starts at `start_ns` and runs `scale` times as fast."""

    def __init__(self, scale: float, start_ns: int) -> None:
        self.scale = scale
        self._start = start_ns
        self._origin = time.monotonic_ns()

    def now(self) -> int:
        """ns since the epoch, of this clock."""
        return self._start + int((time.monotonic_ns() - self._origin) * self.scale)

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` of this clock."""
        await asyncio.sleep(seconds / self.scale)


async def beat(clock: Clock, intake: Intake, every_ns: int = 100_000_000, catch_up: int = 50) -> None:
    """A TICK frame at every multiple of `every_ns`, its `ts_recv` the multiple itself.

    When late, each missed tick is put at once, up to `catch_up` of them; later than that (a suspended
    machine, a stepped clock) the beat jumps to the newest one due. A clock that steps back is waited for: no
    tick comes twice.
    """
    due = clock.now() // every_ns + 1
    while True:
        latest = clock.now() // every_ns
        if latest < due:
            await clock.sleep((due * every_ns - clock.now()) / SECOND)
            continue
        if latest - due >= catch_up:
            due = latest
        room = intake.put(due * every_ns, CLOCK, 0, Kind.TICK, b"")
        due += 1
        if not room:
            await intake.drained()
