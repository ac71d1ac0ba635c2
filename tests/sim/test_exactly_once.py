"""Every venue: connections are cut, and each trade of the time before, during and after is counted exactly once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.model.event import Continuity, Trade
from crosstape.model.instrument import Instrument
from crosstape.sim.fault import Close
from crosstape.sim.server import SimSettings, Simulation
from crosstape.wire.venue import Venue
from support.running import one_market, run_until

SETTINGS = EngineSettings(mode="simulated", universe=Universe(top=6, deep=3, min_24h_volume=0), backfill_hours=0.0)
MARKETS = {
    "bybit": "bybit-linear", "binance": "binance-usdm", "okx": "okx-swap", "hyperliquid": "hyperliquid",
}  # fmt: skip
Ids = dict[int, Counter[str]]


class Watch:
    """Ids of trades by row, and how often each thing was said, as the views come."""

    def __init__(self) -> None:
        self.views: list[View] = []
        self.ids: Ids = {}
        self.times: dict[int, list[int]] = {}
        self.said: Counter[str] = Counter()
        self.read = 0

    def take(self) -> None:
        for view in self.views[self.read :]:
            for row, event in view.events:
                if isinstance(event, Trade):
                    self.ids.setdefault(row, Counter())[event.id] += 1
                    self.times.setdefault(row, []).append(event.ts_event)
                elif isinstance(event, Continuity):
                    self.said[event.what] += 1
        self.read = len(self.views)


async def asked(venue: Venue, instrument: Instrument, since: int, until: int) -> list[Trade]:
    """What the venue says over REST about the instrument's trades of a time; some know the newest only."""
    stream = next(s for s in venue.streams if s.market == instrument.market and s.past is not None)
    poll = next(p for p in venue.polls if p.market == instrument.market and p.name == "trades")
    assert stream.past is not None
    request = stream.past(instrument, since, until)
    method, url = ("POST" if request.body else "GET"), venue.rest + request.path
    data, kind = (request.body.encode() or None), {"content-type": "application/json"} if request.body else None
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, params=request.params, data=data, headers=kind) as response,
    ):
        return [event for event in poll.decode(request, await response.read()) if isinstance(event, Trade)]


def cut(simulation: Simulation, venue: str) -> None:
    """From now on no connection lives for longer than one message."""
    simulation.venues[venue].faults = (lambda conn, payload: (Close(1006),),)


@pytest.mark.parametrize("name", sorted(MARKETS))
async def test_every_trade_once_across_a_cut(tmp_path: Path, name: str) -> None:
    market, watch = MARKETS[name], Watch()
    sim = SimSettings(venues=(name,), seed=5, assets=8, rate=400)
    async with one_market(tmp_path, market, SETTINGS, sim) as (simulation, venue, live):
        cuts: list[int] = []
        answered: list[int] = []

        def done() -> bool:
            watch.take()
            holes = live.machine.state.holes.values()
            if not cuts and sum(len(ids) > 5 for ids in watch.ids.values()) >= 4:
                cut(simulation, name)
                cuts.append(watch.views[-1].ts)
            elif cuts and watch.views[-1].ts > cuts[0] + 3 * 10**9:
                simulation.venues[name].faults = ()
            mended = sum(bool(hole.asked_ts and hole.until) for hole in holes) >= 4 and watch.said["Repaired"] >= 4
            if not (mended and all(hole.answered for hole in holes)):
                return False
            # What was answered leaves with the next view.
            answered.append(watch.views[-1].number)
            return watch.views[-1].number > answered[0] + 1

        await run_until(live, watch.views, done)
        watch.take()
        assert watch.said["Repaired"] > 0
        repaired, compared = 0, 0
        for row, ids in watch.ids.items():
            assert set(ids.values()) == {1}, "twice"
            instrument = watch.views[-1].rows.instruments[row]
            assert instrument is not None
            first, last = min(watch.times[row]), max(watch.times[row])
            told = await asked(venue, instrument, max(first, cuts[0] - 10 * 10**9), watch.views[-1].ts)
            whole = {trade.id for trade in told if first < trade.ts_event < last}
            assert not whole - set(ids), f"{instrument.id} lacks trades"
            # It says something where the venue's answer reaches back to before the cut.
            compared += bool(whole) and min(trade.ts_event for trade in told) < cuts[0]
        repaired = sum(source.repaired for source in live.machine.state.sources.values())
        assert compared >= 3
        assert repaired > 0
