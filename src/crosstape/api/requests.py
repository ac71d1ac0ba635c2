"""Counters of HTTP requests, by route."""

from __future__ import annotations

import bisect
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

# Upper ends of the duration histogram, seconds.
BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"))


class Durations:
    """One route's: `counts` by bucket (the last has no upper end), and their sum in seconds."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """Take one."""
        self.counts[bisect.bisect_left(BOUNDS, seconds)] += 1
        self.total_s += seconds


class Requests:
    """How many requests each route had, how they ended, how long they took. Bounded by the route table."""

    def __init__(self) -> None:
        self.ended: Counter[tuple[str, str, int]] = Counter()
        self.durations: dict[str, Durations] = {}

    async def timed(
        self, app: Callable[[Any, Any, Any], Awaitable[None]], route: str, scope: Any, receive: Any, send: Any
    ) -> None:
        """Run the application for one request and write down what came of it; 499 = the client left first."""
        status, began = 499, time.perf_counter()

        async def noted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, noted)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.ended[route, method, status] += 1
            self.durations.setdefault(route, Durations()).add(time.perf_counter() - began)
