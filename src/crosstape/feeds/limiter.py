"""One budget per (venue, host): weight per window, priorities, bans."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque

from crosstape.model.errors import CrosstapeError
from crosstape.model.ports import Clock
from crosstape.wire.venue import Budget

SECOND = 1_000_000_000
BACKGROUND = 5
BACKGROUND_SHARE = 0.5


class Crowded(CrosstapeError):
    """The request will not be made: too many wait, or it costs more than the whole budget."""


class Window:
    """Weight spent in the last `window_s`, exact over every sliding window."""

    def __init__(self, budget: Budget) -> None:
        self.limit = budget.weight
        self._span = int(budget.window_s * SECOND)
        self._spent: deque[tuple[int, float]] = deque()
        self._sum = 0.0

    def used(self, now: int) -> float:
        """Weight spent in (now - window, now]."""
        while self._spent and self._spent[0][0] <= now - self._span:
            self._sum -= self._spent.popleft()[1]
        if not self._spent:
            self._sum = 0.0
        return self._sum

    def fits(self, now: int, weight: float, priority: int = 0) -> bool:
        """Whether `weight` may be spent now. Background work leaves half of the window to what cannot wait: a book
        that lost its place after a thousand candles were asked for."""
        limit = self.limit if priority < BACKGROUND else max(self.limit * BACKGROUND_SHARE, weight)
        return self.used(now) + weight <= limit + 1e-9

    def spend(self, now: int, weight: float) -> None:
        """Write `weight` down."""
        self._spent.append((now, weight))
        self._sum += weight

    def frees_at(self) -> int:
        """When the oldest spending leaves the window; 0 = nothing is spent."""
        return self._spent[0][0] + self._span if self._spent else 0


class Waiting:
    """A request waiting for its turn: lowest priority number first, then first come."""

    __slots__ = ("go", "order", "weight")

    def __init__(self, priority: int, number: int, weight: float, go: asyncio.Future[None]) -> None:
        self.order = (priority, number)
        self.weight = weight
        self.go = go

    def __lt__(self, other: Waiting) -> bool:
        return self.order < other.order


class Limiter:
    """Lets requests through in order of priority while the budget lasts and no ban is on.

    Full = the newest of the lowest priority is refused with `Crowded` (it may be the newcomer), and counted.
    """

    def __init__(self, clock: Clock, budget: Budget, waiting: int) -> None:
        self._clock = clock
        self._window = Window(budget)
        self._bound = waiting
        self._heap: list[Waiting] = []
        self._number = 0
        self._work = asyncio.Event()
        self.until = 0
        self.bans = 0
        self.refused = 0

    async def run(self) -> None:
        """Serves those who wait; runs for ever beside them."""
        while True:
            await self._work.wait()
            delay = self._serve()
            if delay is None:
                self._work.clear()
            else:
                await self._clock.sleep(delay)

    async def take(self, weight: float, priority: int) -> None:
        """Returns when a request of `weight` may be sent; raises `Crowded` when it never will."""
        if weight > self._window.limit:
            self.refused += 1
            raise Crowded(f"weight {weight:g} is more than the budget of {self._window.limit:g}")
        now = self._clock.now()
        if now >= self.until and not self._ahead(priority) and self._window.fits(now, weight, priority):
            self._window.spend(now, weight)
            return
        self._number += 1
        waiting = Waiting(priority, self._number, weight, asyncio.get_running_loop().create_future())
        heapq.heappush(self._heap, waiting)
        self._shed()
        self._work.set()
        await waiting.go

    def ban(self, seconds: float) -> None:
        """Nobody may send for so long. A shorter ban never ends a longer one."""
        until = self._clock.now() + int(seconds * SECOND)
        self.bans += 1
        self.until = max(self.until, until)

    def observe(self, used: float) -> None:
        """The host says how much of the window is spent; what others spent of it counts."""
        now = self._clock.now()
        unknown = used - self._window.used(now)
        if unknown > 0.0:
            self._window.spend(now, unknown)

    @property
    def used(self) -> float:
        """Weight spent in the current window."""
        return self._window.used(self._clock.now())

    @property
    def limit(self) -> float:
        """Weight a window allows."""
        return self._window.limit

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return sum(not w.go.done() for w in self._heap)

    def _ahead(self, priority: int) -> bool:
        while self._heap and self._heap[0].go.done():
            heapq.heappop(self._heap)
        return bool(self._heap) and self._heap[0].order[0] <= priority

    def _serve(self) -> float | None:
        """Let through whoever may go; seconds until it is worth looking again, None = nobody waits."""
        while self._heap:
            now = self._clock.now()
            head = self._heap[0]
            if head.go.done():
                heapq.heappop(self._heap)
            elif now < self.until:
                return (self.until - now) / SECOND
            elif self._window.fits(now, head.weight, head.order[0]):
                heapq.heappop(self._heap)
                self._window.spend(now, head.weight)
                head.go.set_result(None)
            else:
                return max(self._window.frees_at() - now, 1) / SECOND
        return None

    def _shed(self) -> None:
        if len(self._heap) <= self._bound:
            return
        self._heap = [w for w in self._heap if not w.go.done()]
        if len(self._heap) > self._bound:
            last = max(self._heap)
            self._heap.remove(last)
            self.refused += 1
            last.go.set_exception(Crowded(f"more than {self._bound} requests wait"))
        heapq.heapify(self._heap)
