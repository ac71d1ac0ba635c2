"""The live path against a simulated Hyperliquid: what an address may have is kept, tapes replay, memory goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from crosstape.app.known import addressed
from crosstape.app.replaying import replay
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.machine import Machine
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.model.event import Candle, Continuity, Trade
from crosstape.sim.fault import Close
from crosstape.sim.server import SimSettings, Simulation, serve
from crosstape.tape.reader import play
from crosstape.venues.hyperliquid import HYPERLIQUID

SETTINGS = EngineSettings(mode="simulated", universe=Universe(top=8, deep=3, min_24h_volume=0), backfill_hours=0.5)


async def trouble(simulation: Simulation, seconds: float, cut_after_s: float, held: Counter[str]) -> None:
    """Ends every connection once, and counts each topic's clients shortly before the end."""
    server = simulation.venues["hyperliquid"]
    if cut_after_s:
        await asyncio.sleep(cut_after_s)
        for connection in list(server.connections.values()):
            connection.cut(Close(1006))
    await asyncio.sleep(seconds - cut_after_s - 0.5)
    held.update({topic: len(clients) for (_, topic), clients in server.listeners.items()})


async def run_for(seconds: float, folder: Path, cut_after_s: float = 0.0) -> tuple[Live, list[View], Counter[str]]:
    """Also how many clients each topic had at the end."""
    views: list[View] = []
    held: Counter[str] = Counter()
    world = SimSettings(venues=("hyperliquid",), seed=3, assets=20, rate=1000)
    async with serve(world) as simulation:
        urls = simulation.urls["hyperliquid"]
        tape = TapeSettings(folder=str(folder / "tape"), segment_frames=500)
        live = Live(Config(data=str(folder), tape=tape), [addressed(HYPERLIQUID, urls.rest, urls.ws)])
        live.open(SETTINGS)
        pump = live.pump(views.append, frozenset)
        watching = asyncio.create_task(trouble(simulation, seconds, cut_after_s, held))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await live.run(pump)
        await watching
    return live, views, held


def replayed(folder: Path) -> dict[int, str]:
    views: list[View] = []
    replay(play(folder / "tape"), Machine((HYPERLIQUID,)), views.append)
    return {view.seq: view.digest for view in views}


async def test_live_equals_replay(tmp_path: Path) -> None:
    live, views, held = await run_for(14.0, tmp_path)
    recorded = replayed(tmp_path)
    assert len(views) > 80
    assert all(recorded[view.seq] == view.digest for view in views)
    events = [event for view in views for _, event in view.events]
    trades = [event for event in events if isinstance(event, Trade)]
    assert trades
    assert all(trade.counterparties is not None for trade in trades)
    assert any(isinstance(event, Candle) and event.repaired for event in events)
    sources = live.machine.state.sources.values()
    assert all(source.errors == source.failed == source.gaps == 0 for source in sources), sources
    kinds = Counter(topic.partition(":")[0] for topic in held)
    assert set(held.values()) == {1}
    # 8 perpetuals and the 4 spot pairs, 3 of each with books, and everybody's figures once.
    assert kinds == {"trades": 12, "bbo": 12, "l2Book": 6, "l2Book.fast": 6, "allDexsAssetCtxs": 1}
    view = views[-1]
    btc, pepe, own = (view.rows.index[f"hyperliquid:{coin}"] for coin in ("BTC", "kPEPE", "hyna:BTC"))
    assert np.all(view.columns["funding_8h"][[btc, pepe, own]] == view.columns["funding_8h"][[btc, pepe, own]])
    assert view.columns["oi_usd"][btc] > 1e8
    assert view.columns["oi_usd"][pepe] > 1e6
    assert view.columns["turnover_24h"][btc] > 1e9
    assert view.columns["bid"][own] < view.columns["ask"][own], "no stream of its own: the impact prices"
    assert abs(view.columns["basis_bps"][btc]) < 50
    said = Counter(event.what for event in events if isinstance(event, Continuity))
    assert said["Snapshot"] == 6, "a whole book is news only where there was none"


async def test_what_comes_again_after_a_cut_is_counted_once(tmp_path: Path) -> None:
    live, views, _ = await run_for(14.0, tmp_path, cut_after_s=7.0)
    events = [event for view in views for _, event in view.events]
    said = Counter(event.what for event in events if isinstance(event, Continuity))
    assert said["Closed"] >= 2
    assert said["Resumed"] == 6
    ids = Counter(event.id for event in events if isinstance(event, Trade))
    assert len(ids) > 100
    assert set(ids.values()) == {1}
    assert all(book.synced for book in live.machine.state.books if book is not None)
    recorded = replayed(tmp_path)
    assert all(recorded[view.seq] == view.digest for view in views)


async def test_a_restart_goes_on_from_the_decoders_memory(tmp_path: Path) -> None:
    _, first, _ = await run_for(6.0, tmp_path)
    assert list((tmp_path / "tape").glob("*.ckpt"))
    live, second, _ = await run_for(6.0, tmp_path)
    assert second[0].seq > first[-1].seq
    recorded = replayed(tmp_path)
    both = [view for view in (*first, *second) if view.seq in recorded]
    assert len(both) > 40
    assert all(recorded[view.seq] == view.digest for view in both)
    assert all(source.errors == 0 for source in live.machine.state.sources.values())
