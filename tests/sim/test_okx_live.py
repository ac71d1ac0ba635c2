"""The live path against a simulated OKX that loses, repeats and exchanges messages: books recover, tapes replay."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from crosstape.app.known import addressed
from crosstape.app.replaying import replay
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.machine import Machine
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.model.event import Candle, Continuity, Trade
from crosstape.sim.fault import Conn, Out
from crosstape.sim.server import SimSettings, serve
from crosstape.tape.reader import play
from crosstape.venues.okx import OKX

SETTINGS = EngineSettings(
    mode="simulated", universe=Universe(top=12, deep=4, min_24h_volume=0), backfill_hours=0.5
)


class Trouble:
    """Of the book updates on a connection the 20th is lost, the 35th comes twice, the 50th behind the 51st."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.held: dict[int, bytes] = {}

    def __call__(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        if b'"action":"update"' not in payload[:90]:
            return (payload,)
        self.counts[conn.number] += 1
        number = self.counts[conn.number]
        if number == 20:
            return ()
        if number == 35:
            return (payload, payload)
        if number == 50:
            self.held[conn.number] = payload
            return ()
        late = self.held.pop(conn.number, None)
        return (payload,) if late is None else (payload, late)


async def run_for(seconds: float, folder: Path, venue: str = "okx", **faults: object) -> tuple[Live, list[View]]:
    views: list[View] = []
    world = SimSettings(venues=(venue,), seed=3, assets=20, rate=1000)
    async with serve(world, **faults) as simulation:  # type: ignore[arg-type]
        urls = simulation.urls[venue]
        tape = TapeSettings(folder=str(folder / "tape"), segment_frames=800)
        live = Live(Config(data=str(folder), tape=tape), [addressed(OKX, urls.rest, urls.ws)])
        live.open(SETTINGS)
        pump = live.pump(views.append, frozenset)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await live.run(pump)
    return live, views


def replayed(folder: Path) -> dict[int, str]:
    views: list[View] = []
    replay(play(folder / "tape"), Machine((OKX,)), views.append)
    return {view.seq: view.digest for view in views}


@pytest.mark.parametrize("venue", ["okx", "okx-checksums"])
async def test_live_equals_replay(tmp_path: Path, venue: str) -> None:
    live, views = await run_for(6.0, tmp_path, venue)
    recorded = replayed(tmp_path)
    assert len(views) > 40
    assert all(recorded[view.seq] == view.digest for view in views)
    events = [event for view in views for _, event in view.events]
    assert any(isinstance(event, Trade) for event in events)
    assert any(isinstance(event, Candle) and event.repaired for event in events)
    sources = live.machine.state.sources.values()
    assert all(source.errors == source.failed == source.gaps == 0 for source in sources)
    assert {source.market for source in sources if source.streams} == {"okx-swap", "okx-spot", "okx-futures"}
    view = views[-1]
    swap, inverse = (view.rows.index[f"okx-swap:BTC-{quote}-SWAP"] for quote in ("USDT", "USD"))
    assert view.columns["turnover_24h"][inverse] > 1e8
    assert view.columns["turnover_24h"][swap] > 1e9
    assert view.columns["oi_usd"][swap] > view.columns["oi_usd"][inverse] > 1e7
    assert abs(view.columns["basis_bps"][swap]) < 50


async def test_lost_and_exchanged_updates_bring_a_fresh_book(tmp_path: Path) -> None:
    live, views = await run_for(7.0, tmp_path, faults=(Trouble(),))
    said = Counter(event.what for view in views for _, event in view.events if isinstance(event, Continuity))
    assert said["Gap"] >= 3
    assert said["Resumed"] >= 3
    state = live.machine.state
    books = [book for book in state.books if book is not None]
    assert len(books) >= 10
    assert all(book.synced for book in books)
    recorded = replayed(tmp_path)
    assert all(recorded[view.seq] == view.digest for view in views)


async def test_a_restart_goes_on_from_the_decoders_memory(tmp_path: Path) -> None:
    _, first = await run_for(4.0, tmp_path, "okx-checksums")
    assert list((tmp_path / "tape").glob("*.ckpt"))
    live, second = await run_for(4.0, tmp_path, "okx-checksums")
    assert second[0].seq > first[-1].seq
    recorded = replayed(tmp_path)
    both = [view for view in (*first, *second) if view.seq in recorded]
    assert len(both) > 40
    assert all(recorded[view.seq] == view.digest for view in both)
    assert all(source.gaps == 0 for source in live.machine.state.sources.values())
