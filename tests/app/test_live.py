"""The whole over real sockets: what was live replays to the same digest, also after a kill -9."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from crosstape.app.known import addressed
from crosstape.app.replaying import open_tape, replay
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.model.event import Candle, Continuity, Trade
from crosstape.model.quality import Quality
from crosstape.sim.fault import Drop, Fault
from crosstape.sim.server import SimSettings, serve
from crosstape.tape.inspection import verify
from crosstape.venues import VENUES
from crosstape.venues.bybit import BYBIT
from support.running import run_until

SETTINGS = EngineSettings(
    mode="simulated", universe=Universe(top=12, deep=6, min_24h_volume=0), backfill_hours=0.5
)
WORLD = SimSettings(seed=3, assets=20, rate=800)


def config(folder: Path, **tape: object) -> Config:
    return Config(data=str(folder), tape=TapeSettings(folder=str(folder / "tape"), **tape))  # type: ignore[arg-type]


Done = Callable[[Live, list[View]], bool]


async def run(done: Done, folder: Path, faults: Sequence[Fault] = (), **tape: object) -> tuple[Live, list[View]]:
    views: list[View] = []
    async with serve(WORLD, faults=faults) as server:
        venues = [addressed(BYBIT, server.rest_url, server.ws_url)]
        live = Live(config(folder, **tape), venues)
        live.open(SETTINGS)
        await run_until(live, views, lambda: done(live, views))
    return live, views


def events(views: list[View]) -> list[object]:
    return [event for view in views for _, event in view.events]


def replayed(folder: Path) -> list[View]:
    views: list[View] = []
    frames, machine = open_tape([folder])
    replay(frames, machine, views.append)
    return views


def all_rows_said(view: View) -> bool:
    """Every row says that it comes from the simulator."""
    return sum(int(flags) & Quality.SIMULATED > 0 for flags in view.quality) == len(view.rows.instruments)


async def test_live_equals_replay(tmp_path: Path) -> None:
    def done(live: Live, views: list[View]) -> bool:
        return len(views) > 40 and {type(e) for e in events(views)} >= {Trade, Candle} and all_rows_said(views[-1])

    live, views = await run(done, tmp_path)
    recorded = replayed(tmp_path / "tape")
    by_seq = {view.seq: view for view in recorded}
    assert len(views) > 40
    for view in views:
        assert by_seq[view.seq].digest == view.digest
    assert verify(tmp_path / "tape").sound
    last = views[-1]
    assert any(isinstance(event, Trade) for event in events(views))
    assert any(isinstance(event, Candle) and event.repaired for event in events(views))
    assert all_rows_said(last)
    assert live.recorder is not None
    assert live.recorder.failed == ""


def covered(view: View) -> float:
    """Share of the last minute in which bitcoin's stream was live, 0 before it is listed."""
    row = view.rows.index.get("bybit-linear:BTCUSDT")
    return 0.0 if row is None else float(view.columns["coverage_1m"][row])


async def test_restart_goes_on_from_checkpoint_and_tail(tmp_path: Path) -> None:
    def checkpointed(live: Live, views: list[View]) -> bool:
        return covered(views[-1]) > 3.0 / 60 and any((tmp_path / "tape").glob("*.ckpt"))

    _, first = await run(checkpointed, tmp_path, segment_frames=500)
    assert list((tmp_path / "tape").glob("*.ckpt"))
    live, second = await run(lambda live, views: len(views) > 20, tmp_path, segment_frames=500)
    assert second[0].number > first[-1].number - 2
    assert second[0].seq > first[-1].seq
    assert covered(second[-1]) > 3.0 / 60
    by_seq = {view.seq: view for view in replayed(tmp_path / "tape")}
    assert all(by_seq[view.seq].digest == view.digest for view in (*first, *second) if view.seq in by_seq)
    assert second[-1].seq in by_seq
    closed = [s for s in live.machine.state.sources.values() if s.streams and s.opens >= 2]
    assert closed, "connections of the run before were closed on the tape and opened anew"


OTHERS_OFF = "".join(f"\n[venues.{venue.id}]\nenabled = false\n" for venue in VENUES if venue.id != "bybit")


def start(folder: Path, rest: str, ws: str) -> subprocess.Popen[str]:
    text = (
        f"""
    data = "{folder}"
    [engine]
    mode = "simulated"
    backfill_hours = 0
    [engine.universe]
    top = 8
    min_24h_volume = 0
    [tape]
    segment_frames = 1500
    [api]
    port = 0
    [venues.bybit]
    rest = "{rest}"
    stream = "{ws}"
    """
        + OTHERS_OFF
    )
    path = folder / "crosstape.toml"
    path.write_text(text)
    command = [sys.executable, "-m", "crosstape", "-c", str(path), "up"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True, env=environment)


def wait_for_tape(folder: Path, frames: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if sum(f.stat().st_size for f in (folder / "tape").glob("*.tape")) > frames:
            return
        time.sleep(0.2)
    raise AssertionError("nothing was recorded")


async def test_killed_and_restarted(tmp_path: Path) -> None:
    async with serve(WORLD) as server:
        process = start(tmp_path, server.rest_url, server.ws_url)
        try:
            await asyncio.to_thread(wait_for_tape, tmp_path, 120_000)
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
            before = replayed(tmp_path / "tape")[-1]
            process = start(tmp_path, server.rest_url, server.ws_url)
            size = sum(f.stat().st_size for f in (tmp_path / "tape").glob("*.tape"))
            await asyncio.to_thread(wait_for_tape, tmp_path, size + 60_000)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 60) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert verify(tmp_path / "tape").sound
    after = replayed(tmp_path / "tape")[-1]
    assert after.number > before.number
    assert after.seq > before.seq


def crosstape(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crosstape", *arguments]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)


def test_no_venue_reachable_says_so_and_exits_2(tmp_path: Path) -> None:
    path = tmp_path / "crosstape.toml"
    path.write_text(
        f'data = "{tmp_path}"\n[api]\nport = 0\n[venues.bybit]\nrest = "http://127.0.0.1:9"\nstream = "ws://127.0.0.1:9"\n'
        + OTHERS_OFF
    )
    done = crosstape("-c", str(path), "up", "--once")
    assert done.returncode == 2
    assert "no venue is reachable" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_lost_message_is_repaired_without_touching_the_others(tmp_path: Path) -> None:
    def told(views: list[View]) -> list[tuple[str, str, str]]:
        found = [event for event in events(views) if isinstance(event, Continuity)]
        return [(event.source.partition("/")[0], event.symbol, event.what) for event in found]

    def done(live: Live, views: list[View]) -> bool:
        return {market for market, symbol, what in told(views) if (symbol, what) == ("BTCUSDT", "Resumed")} == hit

    hit = {"bybit-linear", "bybit-spot"}
    _, views = await run(done, tmp_path, (Drop("orderbook.200.BTCUSDT", 20),))
    said = told(views)
    for market in hit:
        assert (market, "BTCUSDT", "Gap") in said
        assert said.index((market, "BTCUSDT", "Resumed")) > said.index((market, "BTCUSDT", "Gap"))
    assert {symbol for _, symbol, what in said if what == "Gap"} == {"BTCUSDT"}
    row = views[-1].rows.index["bybit-linear:BTCUSDT"]
    flags = Quality(int(views[-1].quality[row]))
    assert Quality.GAP in flags
    assert Quality.RESYNCING not in flags
    # The tick it was stopped in may be on the tape and yet have given no view.
    again = {view.seq: view.digest for view in replayed(tmp_path / "tape")}
    assert all(again[view.seq] == view.digest for view in views)
