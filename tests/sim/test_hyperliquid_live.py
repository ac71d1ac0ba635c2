"""The live path against a simulated Hyperliquid: what an address may have is kept, tapes replay, memory goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from crosstape.app.known import addressed
from crosstape.app.replaying import replay
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.machine import Machine
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.model.event import AnyEvent, Candle, Continuity, Trade
from crosstape.sim.fault import Close
from crosstape.sim.server import SimSettings, Simulation, serve
from crosstape.tape.reader import play
from crosstape.venues.hyperliquid import HYPERLIQUID
from support.running import brisk, run_until

SETTINGS = EngineSettings(mode="simulated", universe=Universe(top=8, deep=3, min_24h_volume=0), backfill_hours=0.5)


Done = Callable[[Live, list[View], Simulation], bool]


def events(views: list[View]) -> list[AnyEvent]:
    return [event for view in views for _, event in view.events]


def said(views: list[View]) -> Counter[str]:
    return Counter(event.what for event in events(views) if isinstance(event, Continuity))


def listeners(simulation: Simulation) -> Counter[str]:
    """How many clients each topic has."""
    venue = simulation.venues["hyperliquid"]
    return Counter({topic: len(clients) for (_, topic), clients in venue.listeners.items()})


def cut(simulation: Simulation) -> None:
    """End every connection."""
    for connection in list(simulation.venues["hyperliquid"].connections.values()):
        connection.cut(Close(1006))


async def run(done: Done, folder: Path) -> tuple[Live, list[View], Counter[str]]:
    """Also how many clients each topic had when it was done."""
    views: list[View] = []
    held: Counter[str] = Counter()
    world = SimSettings(venues=("hyperliquid",), seed=3, assets=20, rate=1000)
    async with serve(world) as simulation:
        urls = simulation.urls["hyperliquid"]
        tape = TapeSettings(folder=str(folder / "tape"), segment_frames=500)
        live = Live(Config(data=str(folder), tape=tape), [brisk(addressed(HYPERLIQUID, urls.rest, urls.ws))])
        live.open(SETTINGS)

        def over() -> bool:
            held.clear()
            held.update(listeners(simulation))
            return done(live, views, simulation)

        await run_until(live, views, over)
    return live, views, held


def replayed(folder: Path) -> dict[int, str]:
    views: list[View] = []
    replay(play(folder / "tape"), Machine((HYPERLIQUID,)), views.append)
    return {view.seq: view.digest for view in views}


# 8 perpetuals and the 4 spot pairs, 3 of each with books, and everybody's figures once.
TOPICS = {"trades": 12, "bbo": 12, "l2Book": 6, "l2Book.fast": 6, "allDexsAssetCtxs": 1}
FIGURES = ("funding_8h", "oi_usd", "turnover_24h", "basis_bps", "bid", "ask")


def whole(live: Live, views: list[View], simulation: Simulation) -> bool:
    """Everything was asked for and has come: topics, books, figures, history, trades."""
    view, kinds = views[-1], Counter(topic.partition(":")[0] for topic in listeners(simulation))
    coins = ("BTC", "kPEPE", "hyna:BTC")
    rows = [view.rows.index.get(f"hyperliquid:{coin}", -1) for coin in coins]
    figures = [view.columns[name][row] for name in FIGURES for row in rows[:1]] if min(rows) >= 0 else [np.nan]
    funding = [view.columns["funding_8h"][row] for row in rows] if min(rows) >= 0 else [np.nan]
    own = [view.columns["ask"][rows[2]], view.columns["oi_usd"][rows[1]]] if min(rows) >= 0 else [np.nan]
    heard = {type(event) for event in events(views)} >= {Trade, Candle} and said(views)["Snapshot"] >= 6
    return len(views) > 80 and kinds == TOPICS and heard and not np.isnan(figures + funding + own).any()


async def test_live_equals_replay(tmp_path: Path) -> None:
    live, views, held = await run(whole, tmp_path)
    recorded = replayed(tmp_path)
    assert len(views) > 80
    assert all(recorded[view.seq] == view.digest for view in views)
    trades = [event for event in events(views) if isinstance(event, Trade)]
    assert trades
    assert all(trade.counterparties is not None for trade in trades)
    assert any(isinstance(event, Candle) and event.repaired for event in events(views))
    sources = live.machine.state.sources.values()
    assert all(source.errors == source.failed == source.gaps == 0 for source in sources), sources
    assert set(held.values()) == {1}
    assert Counter(topic.partition(":")[0] for topic in held) == TOPICS
    view = views[-1]
    btc, pepe, own = (view.rows.index[f"hyperliquid:{coin}"] for coin in ("BTC", "kPEPE", "hyna:BTC"))
    assert np.all(view.columns["funding_8h"][[btc, pepe, own]] == view.columns["funding_8h"][[btc, pepe, own]])
    assert view.columns["oi_usd"][btc] > 1e8
    assert view.columns["oi_usd"][pepe] > 1e6
    assert view.columns["turnover_24h"][btc] > 1e9
    assert view.columns["bid"][own] < view.columns["ask"][own], "no stream of its own: the impact prices"
    assert abs(view.columns["basis_bps"][btc]) < 50
    assert said(views)["Snapshot"] == 6, "a whole book is news only where there was none"


def trade_ids(views: list[View]) -> Counter[str]:
    return Counter(event.id for event in events(views) if isinstance(event, Trade))


async def test_what_comes_again_after_a_cut_is_counted_once(tmp_path: Path) -> None:
    was_cut: list[int] = []

    def done(live: Live, views: list[View], simulation: Simulation) -> bool:
        if not was_cut and whole(live, views, simulation):
            cut(simulation)
            was_cut.append(len(events(views)))
        told = said(views)
        again = told["Closed"] >= 2 and told["Resumed"] >= 6
        return (
            bool(was_cut)
            and again
            and len(trade_ids(views)) > 100
            and Trade in {type(event) for event in events(views[-20:])}
        )

    live, views, _ = await run(done, tmp_path)
    assert said(views)["Closed"] >= 2
    assert said(views)["Resumed"] == 6
    ids = trade_ids(views)
    assert len(ids) > 100
    assert set(ids.values()) == {1}
    assert all(book.synced for book in live.machine.state.books if book is not None)
    recorded = replayed(tmp_path)
    assert all(recorded[view.seq] == view.digest for view in views)


async def test_a_restart_goes_on_from_the_decoders_memory(tmp_path: Path) -> None:
    def checkpointed(live: Live, views: list[View], simulation: Simulation) -> bool:
        return whole(live, views, simulation) and any((tmp_path / "tape").glob("*.ckpt"))

    _, first, _ = await run(checkpointed, tmp_path)
    assert list((tmp_path / "tape").glob("*.ckpt"))
    live, second, _ = await run(lambda live, views, simulation: len(views) > 40, tmp_path)
    assert second[0].seq > first[-1].seq
    recorded = replayed(tmp_path)
    both = [view for view in (*first, *second) if view.seq in recorded]
    assert len(both) > 40
    assert all(recorded[view.seq] == view.digest for view in both)
    assert all(source.errors == 0 for source in live.machine.state.sources.values())
