"""Open interest of the past is there soon after the start, as the venues themselves tell it."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import numpy as np
import pytest

from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.model.event import OpenInterest
from crosstape.sim.server import SimSettings
from crosstape.state.fields import OI
from support.running import one_market, run_until

SETTINGS = EngineSettings(mode="simulated", universe=Universe(top=4, deep=4, min_24h_volume=0))
MARKETS = {"bybit": "bybit-linear", "binance": "binance-usdm", "okx": "okx-swap"}
WINDOWS = ("oi_change_15m", "oi_change_1h", "oi_change_4h", "oi_change_24h")


@pytest.mark.parametrize("name", sorted(MARKETS))
async def test_a_days_open_interest_at_once(tmp_path: Path, name: str) -> None:
    market = MARKETS[name]
    views: list[View] = []
    sim = SimSettings(venues=(name,), seed=5, assets=6, rate=300, time_scale=6)
    async with one_market(tmp_path, market, SETTINGS, sim) as (_, venue, live):

        def deep() -> list[int]:
            rows = live.machine.state.table.by_market.get(market, {}).values()
            return [row for row in rows if live.machine.state.table.tiers[row] == "A"]

        def filled() -> bool:
            return bool(deep()) and all(np.isfinite(views[-1].columns[w][deep()]).all() for w in WINDOWS)

        await run_until(live, views, filled)
        assert filled(), {w: views[-1].columns[w][deep()] for w in WINDOWS}
        row = deep()[0]
        instrument = live.machine.state.table.instruments[row]
        assert instrument is not None
        ts = views[-1].ts - views[-1].ts % 300_000_000_000 - 3600 * 10**9
        request = venue.interest(instrument, ts, ts + 1)[0]
        poll = next(p for p in venue.polls if p.source == f"{market}/interest_past")
        async with aiohttp.ClientSession() as session, session.get(
            venue.rest + request.path, params=request.params
        ) as answer:  # fmt: skip
            body = await answer.read()
        asked = dict(request.params)
        end = "end" if "end" in asked else "endTime"
        later = request.__class__(request.name, request.path, tuple(
            (key, str((ts + 300 * 10**9) // 10**6) if key == end else value) for key, value in request.params
        ))  # fmt: skip
        found = [e for e in poll.decode(later, body) if isinstance(e, OpenInterest) and e.ts_event == ts]
        fold = live.machine.state.table.folds[row]
        size = found[0].size if fold is None else fold.size(1.0, found[0].size)
        ring, second = live.machine.state.rings.five, live.machine.state.second
        back = second // 300 + 1 - ts // 10**9 // 300
        assert ring.oi[ring.at(back), row] == pytest.approx(size, rel=1e-6)
        assert live.machine.state.now[OI, row] > 0
