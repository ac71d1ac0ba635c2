"""What is asked about one own account over REST, signed."""

from __future__ import annotations

from collections import deque

from crosstape.feeds.asking import ask
from crosstape.feeds.limiter import Window
from crosstape.feeds.pace import Pace
from crosstape.feeds.settings import Ports
from crosstape.model.credential import Credential
from crosstape.model.errors import StoreError
from crosstape.model.frame import Kind
from crosstape.wire.request import Request
from crosstape.wire.venue import Listen, Private, Remembered, Venue

SECOND = 1_000_000_000
PER_S = 10.0
MOST_PAGES = 500
CROWDED = (403, 418, 429)


class Refused(Exception):
    """The venue will not have the key; its words."""


class Crowded(StoreError):
    """The venue asks us to come back later."""


class Questions:
    """One account's REST. Answers become frames of `source`; signatures do not."""

    def __init__(self, source: str, venue: Venue, private: Private, credential: Credential, ports: Ports) -> None:
        assert venue.account is not None, "who has a private side can sign"
        self._source, self._credential, self._ports = source, credential, ports
        self._private, self._account = private, venue.account
        self._base = private.rest or venue.rest
        self._pace, self._spent = Pace(ports.clock, PER_S), Window(private.budget)

    async def check(self, now: int) -> None:
        """One request, kept nowhere: is the key taken?"""
        await self._ask(self._private.pictures(now - 1_000_000, now)[-1])

    async def round(self, known: Remembered, conn: int) -> None:
        """Everything there is, and what was filled since then. StoreError, Refused: then the last question, which
        makes the account whole, was not asked."""
        waiting = deque(self._private.pictures(known.since, self._ports.clock.now()))
        for _ in range(MOST_PAGES):
            if not waiting:
                return
            request = waiting.popleft()
            status, body = await self._ask(request)
            self._ports.intake.put(
                self._ports.clock.now(), self._source, conn, Kind.ANSWER, body, request.key(), status
            )
            waiting.extendleft(reversed(self._private.more(request, body)))
            if self._private.fills is not None:
                waiting.extendleft(reversed(self._private.fills(request, body, known)))
        raise StoreError(f"more than {MOST_PAGES} pages")

    async def listen(self, listen: Listen, method: str) -> str:
        """The key for the private address, asked for (POST) or kept alive (PUT)."""
        await self._pace.turn()
        headers = listen.headers(self._credential)
        status, body = await ask(self._base, listen.path, headers, self._ports.settings, method)
        self._heed(status, body)
        return listen.read(body)

    async def _ask(self, request: Request) -> tuple[int, bytes]:
        await self._turn(request.weight)
        signed = self._account.sign(request, self._credential, self._ports.clock.now())
        status, body = await ask(self._base, signed.target, signed.headers, self._ports.settings)
        self._heed(status, body)
        return status, body

    async def _turn(self, weight: float) -> None:
        """Returns when a request of that weight may be sent."""
        await self._pace.turn()
        while not self._spent.fits(now := self._ports.clock.now(), weight):
            await self._ports.clock.sleep(max(self._spent.frees_at() - now, 1) / SECOND)
        self._spent.spend(now, weight)

    def _heed(self, status: int, body: bytes) -> None:
        refusal = self._account.refusal(status, body)
        if not refusal:
            return
        if refusal.partition(":")[0] in self._private.final:
            raise Refused(refusal)
        raise (Crowded if status in CROWDED else StoreError)(refusal)
