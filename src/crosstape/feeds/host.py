"""One REST host of one venue: its budget, its breaker, and requests with retries."""

from __future__ import annotations

import random
from urllib.parse import urlsplit

import aiohttp

from crosstape.feeds.breaker import Breaker
from crosstape.feeds.headers import header_lines, retry_after_s
from crosstape.feeds.limiter import Crowded, Limiter
from crosstape.feeds.settings import FeedSettings, Ports
from crosstape.model.frame import Kind
from crosstape.wire.request import Request
from crosstape.wire.venue import Refusal, Venue

USED_WEIGHT = "x-mbx-used-weight-1m"


def new_session(settings: FeedSettings) -> aiohttp.ClientSession:
    """The process's one REST session."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=settings.connections,
            limit_per_host=settings.connections_per_host,
            keepalive_timeout=settings.keepalive_s,
        ),
        timeout=aiohttp.ClientTimeout(
            total=settings.total_timeout_s,
            connect=settings.connect_timeout_s,
            sock_connect=settings.connect_timeout_s,
            sock_read=settings.read_timeout_s,
        ),
    )


class Host:
    """Every REST request of a venue goes through here. Each attempt that fails or is refused is a FAILED
    frame."""

    def __init__(self, venue: Venue, ports: Ports, chance: random.Random) -> None:
        settings = ports.settings
        self.venue = venue
        self.name = urlsplit(venue.rest).netloc
        self.limiter = Limiter(ports.clock, venue.budget, settings.waiting_requests)
        self.breaker = Breaker(ports.clock, settings.breaker_failures, settings.breaker_open_s)
        self._ports, self._chance = ports, chance

    async def fetch(self, session: aiohttp.ClientSession, source: str, request: Request) -> int:
        """Ask until answered, refused for good, or tried often enough. Bytes of the answer, -1 = none."""
        settings = self._ports.settings
        delay = settings.retry_first_s
        for attempt in range(settings.retries + 1):
            if attempt:
                await self._ports.clock.sleep(delay * self._chance.uniform(0.5, 1.0))
                delay *= settings.retry_factor
            size, again = await self._attempt(session, source, request)
            if size >= 0 or not again:
                return size
        return -1

    async def _attempt(self, session: aiohttp.ClientSession, source: str, request: Request) -> tuple[int, bool]:
        """(bytes of the answer or -1, whether to try again)."""
        try:
            await self.limiter.take(request.weight, request.priority)
        except Crowded as error:
            await self._put(source, request, Kind.FAILED, str(error).encode())
            return -1, False
        if not self.breaker.admits():
            await self._put(source, request, Kind.FAILED, b"circuit open")
            return -1, False
        settled = False
        try:
            status, headers, body = await self._get(session, request)
            settled = True
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            settled = True
            self.breaker.bad()
            reason = f"{type(error).__name__}: {error}".strip(": ")
            await self._put(source, request, Kind.FAILED, reason.encode())
            return -1, True
        finally:
            if not settled:
                self.breaker.void()
        return await self._judge(source, request, status, headers, body)

    async def _get(self, session: aiohttp.ClientSession, request: Request) -> tuple[int, dict[str, str], bytes]:
        limit = self._ports.settings.body_bytes
        method, sent = ("POST", request.body.encode()) if request.body else ("GET", None)
        url, kind = self.venue.rest + request.path, {"content-type": "application/json"} if request.body else None
        async with session.request(method, url, params=request.params, data=sent, headers=kind) as response:
            parts: list[bytes] = []
            size = 0
            async for part in response.content.iter_any():
                size += len(part)
                if size > limit:
                    raise ValueError(f"body above {limit} bytes")
                parts.append(part)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return response.status, headers, b"".join(parts)

    async def _judge(
        self, source: str, request: Request, status: int, headers: dict[str, str], body: bytes
    ) -> tuple[int, bool]:
        lines = header_lines(headers)
        refusal = self.venue.refusal(status, lines, body)
        if status >= 500:
            self.breaker.bad()
        else:
            self.breaker.good()
        if headers.get(USED_WEIGHT, "").isdigit() and self.venue.budget.window_s >= 60.0:
            self.limiter.observe(float(headers[USED_WEIGHT]))
        if refusal is None and status == 200:
            await self._put(source, request, Kind.ANSWER, body, status, lines)
            return len(body), False
        refusal = refusal or Refusal(f"HTTP {status}", retry=status >= 500)
        ban_s = max(refusal.ban_s, retry_after_s(headers, self._ports.clock.now()))
        if ban_s > 0.0:
            self.limiter.ban(ban_s)
        await self._put(source, request, Kind.FAILED, body, status, lines)
        return -1, refusal.retry

    async def _put(
        self, source: str, request: Request, kind: Kind, payload: bytes, status: int = 0, headers: str = ""
    ) -> None:
        """Into the intake; when it is full, nothing more is asked until there is room."""
        ports = self._ports
        if not ports.intake.put(ports.clock.now(), source, 0, kind, payload, request.key(), status, headers):
            await ports.intake.drained()
