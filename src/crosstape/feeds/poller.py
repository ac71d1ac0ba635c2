"""One poll for ever: a round every so often, through its host's budget."""

from __future__ import annotations

import random

import aiohttp

from crosstape.feeds.backoff import Backoff
from crosstape.feeds.health import SourceHealth
from crosstape.feeds.host import Host
from crosstape.feeds.settings import Ports
from crosstape.wire.request import Request
from crosstape.wire.venue import Poll

SECOND = 1_000_000_000
SPREAD = 0.05


class Poller:
    """The rounds of one poll, and what was fetched for it on demand."""

    def __init__(self, source: str, poll: Poll | None, host: Host, ports: Ports, chance: random.Random) -> None:
        self.source = source
        self._poll, self._host, self._ports, self._chance = poll, host, ports, chance
        settings = ports.settings
        self._backoff = Backoff(chance, settings.backoff_first_s, settings.backoff_cap_s)
        self._answers = self._bytes = 0
        self._state, self._since = "idle", ports.clock.now()
        self._error = ""

    async def run(self, session: aiohttp.ClientSession) -> None:
        """The first round at once (well, spread a little), then one every `every_s`. A round that failed is
        asked again sooner, with backoff. A round that is late delays the next; none is stacked."""
        clock, poll = self._ports.clock, self._poll
        if poll is None or poll.every_s <= 0.0:
            return
        await clock.sleep(self._chance.uniform(0.0, min(SPREAD * poll.every_s, 1.0)))
        while True:
            started = clock.now()
            good = True
            for request in poll.first():
                good = await self.fetch(session, request) and good
            wait_s = poll.every_s * self._chance.uniform(1.0 - SPREAD, 1.0)
            if good:
                self._backoff.lived(0.0)
            else:
                wait_s = min(wait_s, self._ports.settings.backoff_first_s + self._backoff.next())
            await clock.sleep(max(wait_s - (clock.now() - started) / SECOND, 0.0))

    async def serve(self, session: aiohttp.ClientSession, request: Request) -> None:
        """A Fetch of the core."""
        await self.fetch(session, request)

    async def fetch(self, session: aiohttp.ClientSession, request: Request) -> bool:
        """One request; whether it was answered."""
        size = await self._host.fetch(session, self.source, request)
        if size < 0:
            self._enter("backoff")
            self._error = f"{request.key()} failed"
            return False
        self._enter("open")
        self._answers += 1
        self._bytes += size
        return True

    def health(self, crashes: int) -> SourceHealth:
        """How it is."""
        banned = self._host.limiter.until > self._ports.clock.now()
        return SourceHealth(
            source=self.source,
            state="banned" if banned else self._state,
            since=self._since,
            reconnects=0,
            messages=self._answers,
            bytes=self._bytes,
            topics=0,
            crashes=crashes,
            last_error=self._error,
        )

    def _enter(self, state: str) -> None:
        if state != self._state:
            self._state, self._since = state, self._ports.clock.now()
