"""Binance and Bybit over real sockets at once: two markets' books join, a lost message is repaired, it replays."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from crosstape.app.known import addressed
from crosstape.app.replaying import replay
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.checkpoint import load, save
from crosstape.engine.machine import Machine
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.model.event import Continuity
from crosstape.model.frame import Frame
from crosstape.sim.fault import Drop
from crosstape.sim.server import SimSettings, serve
from crosstape.tape.reader import play
from crosstape.venues.binance import BINANCE
from crosstape.venues.bybit import BYBIT
from crosstape.wire.venue import Venue

SETTINGS = EngineSettings(
    mode="simulated", universe=Universe(top=12, deep=6, min_24h_volume=0), backfill_hours=0.5
)
WORLD = SimSettings(venues=("bybit", "binance"), seed=3, assets=20, rate=1500)
LOST = "btcusdt@depth@100ms"


async def run_until(done: Callable[[Live, View], bool], folder: Path) -> tuple[Live, list[View]]:
    """Runs until a view satisfies, and one more has what came with it; at least five seconds, two minutes at most."""
    views: list[View] = []
    enough = 0
    async with serve(WORLD) as simulation:
        simulation.venues["binance"].faults = (Drop(LOST, 25),)
        venues = [placed(v, simulation.urls[v.id].rest, simulation.urls[v.id].ws) for v in (BYBIT, BINANCE)]
        live = Live(Config(data=str(folder), tape=TapeSettings(folder=str(folder / "tape"))), venues)
        live.open(SETTINGS)
        work = asyncio.create_task(live.run(live.pump(views.append, frozenset)))
        for _ in range(1200):
            await asyncio.wait([work], timeout=0.1)
            if work.done() or (enough and views[-1].number > enough + 1):
                break
            if not enough and len(views) > 50 and done(live, views[-1]):
                enough = views[-1].number
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
    return live, views


def settled(live: Live, view: View) -> bool:
    """Every deep book is synced, the lost message was noticed, and open interest has begun to come in."""
    state = live.machine.state
    books = [state.books[row] for row, tier in enumerate(state.table.tiers) if tier == "A"]
    source = state.sources.get("binance-usdm/0")
    mine = [row for i, row in view.rows.index.items() if i.startswith("binance-usdm:")]
    noticed = source is not None and source.gaps > 0
    known = "oi_usd" in view.columns and np.isfinite(view.columns["oi_usd"][mine]).any()
    return noticed and bool(known) and all(book is not None and book.synced for book in books)


def placed(venue: Venue, rest: str, ws: str) -> Venue:
    """The venue at its simulator, which has all its hosts at one address."""
    moved = addressed(venue, rest, ws)
    return msgspec.structs.replace(moved, others=tuple(msgspec.structs.replace(o, url=rest) for o in moved.others))


async def test_two_venues_live(tmp_path: Path) -> None:
    live, views = await run_until(settled, tmp_path)
    state, last = live.machine.state, views[-1]
    errors = {s.name: (s.errors, s.last_error) for s in state.sources.values() if s.errors}
    assert not errors
    assert {s.name for s in state.sources.values() if s.streams and s.frames > 5} >= {
        "binance-usdm/0", "binance-usdm.market/0", "binance-spot/0", "bybit-linear/0",
    }  # fmt: skip
    rows = last.rows.index
    deep = [row for row, tier in enumerate(last.rows.tiers) if tier == "A"]
    books = [state.books[row] for row in deep]
    assert len(deep) >= 24
    assert all(book is not None and book.synced for book in books)
    said = Counter((e.source, e.what) for v in views for _, e in v.events if isinstance(e, Continuity))
    # One lost message is one gap, in each market's book of that name, and each is repaired over REST.
    assert said["binance-usdm/0", "Gap"] == 1
    assert said["binance-usdm/books", "Resumed"] >= 1
    usdm, spot, bybit = (rows[f"{m}:BTCUSDT"] for m in ("binance-usdm", "binance-spot", "bybit-linear"))
    for name in ("mid", "last", "turnover_usd_24h"):
        assert np.isfinite(last.columns[name][[usdm, spot, bybit]]).all(), name
    for name in ("mark", "index", "funding_8h"):
        if name in last.columns:
            assert np.isfinite(last.columns[name][[usdm, bybit]]).all(), name
    mine = [row for row in deep if last.rows.instruments[row].market == "binance-usdm"]  # type: ignore[union-attr]
    assert np.isfinite(last.columns["oi_usd"][mine]).any(), "a round takes half a minute"
    assert last.columns["mid"][usdm] == pytest.approx(last.columns["mid"][bybit], rel=0.01)
    kept: list[View] = []
    replay(play(tmp_path / "tape"), Machine((BYBIT, BINANCE)), kept.append)
    by_seq = {view.seq: view for view in kept}
    assert continued(list(play(tmp_path / "tape"))) == kept[-1].digest
    assert all(by_seq[view.seq].digest == view.digest for view in views)


def continued(frames: list[Frame]) -> str:
    """The last digest of a machine saved and restored half-way."""
    machine, saved, digest = Machine((BYBIT, BINANCE)), False, ""
    for n, frame in enumerate(frames):
        view, _ = machine.step(frame)
        digest = view.digest if view is not None else digest
        if view is not None and not saved and n > len(frames) // 2:
            saved, sections = True, dict(save(machine))
            machine = Machine((BYBIT, BINANCE))
            load(machine, sections)
    assert saved
    return digest
