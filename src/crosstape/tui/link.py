"""What every page shares: the client, the clock, favourites, and how fresh what is shown is."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from crosstape.client import AsyncClient, ClientError

SLOW_S = 3.0
SLOWEST_HZ, FASTEST_HZ = 1, 10


class Link:
    """mode: live simulated replay; hz: pictures a second; seen: when something last came."""

    def __init__(self, client: AsyncClient, hz: int = 4, clock: Callable[[], float] = time.monotonic) -> None:
        self.client, self.hz, self.clock = client, hz, clock
        self.mode, self.version = "", ""
        self.favourites: frozenset[str] = frozenset()
        self.seen = clock()
        self.market = ""

    @property
    def place(self) -> str:
        """Where the server is."""
        parts = urlsplit(self.client.url)
        return parts.netloc + parts.path

    @property
    def age_s(self) -> float:
        """How long ago something last came."""
        return self.clock() - self.seen

    @property
    def broken(self) -> bool:
        """The connection is down."""
        return self.client.stream.state not in ("open", "idle")

    @property
    def stale(self) -> bool:
        """What is shown is not what is."""
        return self.broken or (self.age_s > SLOW_S and self.mode != "replay")

    async def greet(self) -> None:
        """Learn mode and favourites; ClientError where nobody answers."""
        health = await self.client.health()
        self.mode, self.version = health.mode, health.version
        try:
            kept = (await self.client.prefs()).prefs.get("favourites", ())
            self.favourites = frozenset(name for name in kept if isinstance(name, str))
        except ClientError:
            # Without a ledger, favourites last as long as the dashboard.
            return

    async def favour(self, name: str) -> None:
        """Make it a favourite, or not any more; the browser's dashboard keeps them in the same place."""
        self.favourites = self.favourites ^ {name}
        prefs = (await self.client.prefs()).prefs
        await self.client.put_prefs({**prefs, "favourites": sorted(self.favourites)})
