"""REST that refuses: each status at each venue is a frame, is heeded, and what was asked is answered in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from crosstape.app.known import addressed, all_venues, narrowed
from crosstape.feeds.clock import ScaledClock
from crosstape.feeds.intake import Arrival, BoundedIntake
from crosstape.feeds.supervisor import Feeds
from crosstape.model.frame import Kind
from crosstape.sim.server import SimSettings, Simulation, serve
from support.chaos import FEEDS, MARKET, VENUES

SCALE = 200.0
BOUND_S = 60.0
# Status -> for how many seconds nobody may ask this venue again.
BANS = {
    "bybit": {403: 600.0, 429: 10.0, 451: 0.0, 503: 0.0},
    "binance": {418: 20.0, 429: 20.0, 403: 300.0, 451: 300.0, 503: 0.0},
    "okx": {429: 2.0, 403: 60.0, 451: 0.0, 503: 0.0},
    "hyperliquid": {429: 30.0, 451: 0.0, 502: 0.0},
}


class Asked:
    """Feeds without a machine: a venue's catalogue asked for on a clock that runs fast."""

    def __init__(self, feeds: Feeds, intake: BoundedIntake, simulation: Simulation, venue: str) -> None:
        self.feeds, self.intake, self.simulation, self.venue = feeds, intake, simulation, venue
        self.seen: list[Arrival] = []

    async def answer(self) -> Arrival:
        """The next answer to the catalogue's request; everything before it is kept in `seen`."""
        async with asyncio.timeout(BOUND_S):
            while True:
                await self.intake.wait()
                for arrival in self.intake.take(1000):
                    self.seen.append(arrival)
                    if arrival[3] is Kind.ANSWER and arrival[1].endswith("/instruments"):
                        return arrival


@asynccontextmanager
async def asking(venue: str, *faults: str) -> AsyncIterator[Asked]:
    settings = SimSettings(venues=(venue,), seed=3, assets=10, rate=100, faults=faults)
    async with serve(settings) as simulation:
        clock = ScaledClock(SCALE, simulation.world.now_ns)
        intake = BoundedIntake()
        urls = simulation.urls[venue]
        known = next(v for v in all_venues() if v.id == venue)
        chosen = narrowed(addressed(known, urls.rest, urls.ws), (MARKET[venue],))
        only = msgspec.structs.replace(
            chosen, streams=(), polls=tuple(p for p in chosen.polls if p.name == "instruments")
        )
        settings_of = msgspec.structs.replace(FEEDS, backoff_first_s=5.0, backoff_cap_s=20.0, breaker_open_s=20.0)
        feeds = Feeds([only], intake, clock, settings_of, seed=1)
        work = asyncio.create_task(feeds.run())
        try:
            yield Asked(feeds, intake, simulation, venue)
        finally:
            work.cancel()
            await asyncio.wait({work})


@pytest.mark.parametrize(("venue", "status"), [(v, s) for v in VENUES for s in BANS[v]])
async def test_a_refusal_is_heeded_and_got_over(venue: str, status: int) -> None:
    wait = "20s" if venue == "binance" and status in (418, 429) else "0s"
    async with asking(venue, f"http:*@0s,status={status},times=3,retry_after={wait}") as asked:
        answer = await asked.answer()
        refused = [a for a in asked.seen if a[3] is Kind.FAILED and a[6] == status]
        assert len(refused) == 3
        lab = asked.simulation.venues[venue].lab
        assert lab.listed()[0].hits == 3
        between = [(b[0] - a[0]) * 1e-9 for a, b in zip(refused, [*refused[1:], answer], strict=True)]
        assert min(between) >= BANS[venue][status]
        host = next(h for h in asked.feeds.hosts() if h.what == "rest")
        assert host.bans == (3 if BANS[venue][status] else 0)


@pytest.mark.parametrize("venue", VENUES)
async def test_down_for_long_opens_the_circuit_and_closes_it_again(venue: str) -> None:
    async with asking(venue, "http:*@0s,status=500,times=12") as asked:
        await asked.answer()
        host = next(h for h in asked.feeds.hosts() if h.what == "rest")
        assert host.opened >= 1
        assert host.circuit == "closed"
        assert any(a[4] == b"circuit open" for a in asked.seen)


async def test_nobody_asks_a_venue_that_has_banned_us() -> None:
    """While Binance's 418 holds not one request goes out, whatever wants to."""
    async with asking("binance", "limit:*@0s,times=1,patience=0,for=0s") as asked:
        answer = await asked.answer()
        (ban,) = (a for a in asked.seen if a[6] == 418)
        assert "retry-after: 20" in ban[7].lower()
        assert (answer[0] - ban[0]) * 1e-9 >= 20.0
