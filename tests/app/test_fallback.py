"""The primary venue goes down: assets, boards and candles go on from another one, and say so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from crosstape.app.known import addressed, narrowed
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.model.quality import Quality
from crosstape.sim.fault import Hangup, Refuse
from crosstape.sim.server import SimSettings, Simulation, serve
from crosstape.venues.bybit import BYBIT
from crosstape.venues.okx import OKX

SETTINGS = EngineSettings(mode="simulated", universe=Universe(top=10, deep=6, min_24h_volume=0), backfill_hours=0)
WORLD = SimSettings(venues=("bybit", "okx"), seed=3, assets=15, rate=1200)


async def until(views: list[View], found: Callable[[View], bool]) -> View:
    async with asyncio.timeout(120.0):
        while not (views and found(views[-1])):
            await asyncio.sleep(0.1)
    return views[-1]


def price_from(view: View) -> str:
    assets = view.assets
    row = int(assets.columns["price_row"][assets.names.index("BTC")]) if "BTC" in assets.names else -1
    instrument = view.rows.instruments[row] if row >= 0 else None
    return instrument.market if instrument is not None else ""


def fallback(view: View) -> bool:
    return bool(view.assets.columns["fallback"][view.assets.names.index("BTC")] == 1.0)


def markets(view: View, board: str) -> set[str]:
    """Whose instruments stand on a board."""
    found = (view.rows.instruments[row] for row in view.boards[board].rows.tolist())
    return {instrument.market for instrument in found if instrument is not None}


def take_down(simulation: Simulation) -> None:
    bybit = simulation.venues["bybit"]
    bybit.faults, bybit.rest_faults = (Hangup("", 1),), (Refuse("/", 503),)


async def test_an_asset_goes_on_without_its_first_choice(tmp_path: Path) -> None:
    views: list[View] = []
    async with serve(WORLD) as simulation:
        urls = simulation.urls
        okx = narrowed(addressed(OKX, urls["okx"].rest, urls["okx"].ws), ("okx-swap",))
        bybit = narrowed(addressed(BYBIT, urls["bybit"].rest, urls["bybit"].ws), ("bybit-linear",))
        live = Live(Config(data=str(tmp_path), tape=TapeSettings(record=False)), (bybit, okx))
        live.open(SETTINGS)
        running = asyncio.ensure_future(live.run(live.pump(views.append, frozenset)))
        try:
            await until(views, lambda v: price_from(v) == "bybit-linear" and not fallback(v) and v.number > 60)
            take_down(simulation)
            view = await until(views, lambda v: price_from(v) == "okx-swap")
            assert fallback(view)
            row = view.rows.index["bybit-linear:BTCUSDT"]
            await until(views, lambda v: Quality.STALE in Quality(int(v.quality[row])))
            view = await until(views, lambda v: markets(v, "deepest") == {"okx-swap"})
            simulation.venues["bybit"].faults, simulation.venues["bybit"].rest_faults = (), ()
            view = await until(views, lambda v: price_from(v) == "bybit-linear")
            assert not fallback(view)
        finally:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
