"""The live path against a simulated OKX that loses, repeats and exchanges messages: books recover, tapes replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
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
from support.running import run_until

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


Done = Callable[[Live, list[View]], bool]


async def run(done: Done, folder: Path, venue: str = "okx", **faults: object) -> tuple[Live, list[View]]:
    views: list[View] = []
    world = SimSettings(venues=(venue,), seed=3, assets=20, rate=1000)
    async with serve(world, **faults) as simulation:  # type: ignore[arg-type]
        urls = simulation.urls[venue]
        tape = TapeSettings(folder=str(folder / "tape"), segment_frames=800)
        live = Live(Config(data=str(folder), tape=tape), [addressed(OKX, urls.rest, urls.ws)])
        live.open(SETTINGS)
        await run_until(live, views, lambda: done(live, views))
    return live, views


def replayed(folder: Path) -> dict[int, str]:
    views: list[View] = []
    replay(play(folder / "tape"), Machine((OKX,)), views.append)
    return {view.seq: view.digest for view in views}


def swaps(view: View) -> tuple[int, int]:
    """Rows of bitcoin's linear and inverse perpetual."""
    return view.rows.index["okx-swap:BTC-USDT-SWAP"], view.rows.index["okx-swap:BTC-USD-SWAP"]


def known(view: View) -> bool:
    """Both perpetuals have their figures."""
    if not {"okx-swap:BTC-USD-SWAP", "okx-swap:BTC-USDT-SWAP"} <= view.rows.index.keys():
        return False
    figures = [view.columns[name][row] for name in ("turnover_24h", "oi_usd", "basis_bps") for row in swaps(view)]
    return all(figure == figure for figure in figures)


@pytest.mark.parametrize("venue", ["okx", "okx-checksums"])
async def test_live_equals_replay(tmp_path: Path, venue: str) -> None:
    def done(live: Live, views: list[View]) -> bool:
        events = [event for view in views for _, event in view.events]
        kinds = {type(event) for event in events} | {
            "repaired" for e in events if isinstance(e, Candle) and e.repaired
        }
        return len(views) > 40 and kinds >= {Trade, "repaired"} and known(views[-1])

    live, views = await run(done, tmp_path, venue)
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
    swap, inverse = swaps(view)
    assert view.columns["turnover_24h"][inverse] > 1e8
    assert view.columns["turnover_24h"][swap] > 1e9
    assert view.columns["oi_usd"][swap] > view.columns["oi_usd"][inverse] > 1e7
    assert abs(view.columns["basis_bps"][swap]) < 50


def said(views: list[View]) -> Counter[str]:
    return Counter(event.what for view in views for _, event in view.events if isinstance(event, Continuity))


def in_sync(live: Live) -> int:
    """How many books there are, 0 while one of them is not the venue's."""
    books = [book for book in live.machine.state.books if book is not None]
    return len(books) if all(book.synced for book in books) else 0


async def test_lost_and_exchanged_updates_bring_a_fresh_book(tmp_path: Path) -> None:
    def done(live: Live, views: list[View]) -> bool:
        return min(said(views)["Gap"], said(views)["Resumed"]) >= 3 and in_sync(live) >= 10

    live, views = await run(done, tmp_path, faults=(Trouble(),))
    assert said(views)["Gap"] >= 3
    assert said(views)["Resumed"] >= 3
    assert in_sync(live) >= 10
    recorded = replayed(tmp_path)
    assert all(recorded[view.seq] == view.digest for view in views)


async def test_a_restart_goes_on_from_the_decoders_memory(tmp_path: Path) -> None:
    def checkpointed(live: Live, views: list[View]) -> bool:
        return len(views) > 20 and any((tmp_path / "tape").glob("*.ckpt")) and in_sync(live) > 0

    _, first = await run(checkpointed, tmp_path, "okx-checksums")
    assert list((tmp_path / "tape").glob("*.ckpt"))
    live, second = await run(lambda live, views: len(views) > 30 and in_sync(live) > 0, tmp_path, "okx-checksums")
    assert second[0].seq > first[-1].seq
    recorded = replayed(tmp_path)
    both = [view for view in (*first, *second) if view.seq in recorded]
    assert len(both) > 30
    assert all(recorded[view.seq] == view.digest for view in both)
    assert all(source.gaps == 0 for source in live.machine.state.sources.values())
