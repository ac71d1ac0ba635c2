"""The time machine: what a replay serves is what was live, at any instant, through child and proxy too."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from crosstape.api import ApiSettings, Hub, create_app, serving
from crosstape.app.player import Player
from crosstape.app.replay_server import InMemory, Vitals
from crosstape.app.sessions import Sessions
from crosstape.client import AsyncClient, Refused, topics
from crosstape.client.results import Replay
from crosstape.config import Config, TapeSettings
from crosstape.engine.view import View
from crosstape.model.quality import Quality
from crosstape.tape.summary import summarise
from crosstape.venues import VENUES
from support.recorded import record
from support.served import Notebook, Process, all_views
from support.world import tape_of

BTC = "bybit-linear:BTCUSDT"
PATIENCE_S = 60.0
REPLAYED = Quality.REPLAY.value


class Tape:
    """A tape of 12 s with a checkpoint every 3 s, and the views it was made of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.views = record(folder, tape_of(12.0, rate=400.0), every_ticks=30)

    def at(self, i: int) -> float:
        """Time of the i-th view, ms."""
        return self.views[i].ts / 1e6


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Tape:
    return Tape(tmp_path_factory.mktemp("machine") / "day")


@contextlib.asynccontextmanager
async def played(folder: Path, at: int | None = None) -> AsyncIterator[AsyncClient]:
    """A replay served in this process, and a client of it that is where it was told to begin."""
    hub, summary = Hub(), summarise(folder)
    player = Player(folder, summary, hub, at)
    settings = ApiSettings(host="127.0.0.1", port=0, mode="replay")
    app = create_app(hub, Vitals(folder, summary), VENUES, InMemory(""), settings, player=player.deck)
    async with serving(app, settings) as port, AsyncClient(f"http://127.0.0.1:{port}", timeout_s=60) as client:
        playing = asyncio.create_task(player.run())
        try:
            await until(client, lambda now: now.state == "paused")
            yield client
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)


async def until(client: AsyncClient, done: Callable[[Replay], bool]) -> Replay:
    """Asks where the replay is until that is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not done(now := await client.replay()):
            assert 0.0 <= now.progress <= 1.0
            await asyncio.sleep(0.02)
    return now


async def seek(client: AsyncClient, at: float | str) -> Replay:
    await client.control("seek", at=at)
    return await until(client, lambda now: now.state == "paused")


async def same(client: AsyncClient, view: View) -> None:
    """What is served is this view: digest, every column of every row, quality, boards, books."""
    status = await client.status()
    assert (status.view, status.digest, status.mode) == (view.number, view.digest, "replay")
    markets = await client.markets(fields="all", limit=1000, sort="id")
    assert len(markets) == int(view.rows.alive.sum())
    for row in markets:
        i = view.rows.index[row["id"]]
        assert row["quality"] == [f.name for f in Quality if f & (int(view.quality[i]) | REPLAYED)]
        for name, values in view.columns.items():
            assert row[name] == values[i] or (row[name] is None and math.isnan(values[i])), name
    board = await client.board("turnover_24h", limit=5)
    ids = [view.rows.instruments[r].id for r in view.boards["turnover_24h"].rows[:5]]  # type: ignore[union-attr]
    assert [row["id"] for row in board] == ids


async def test_any_instant_is_what_was_live(tape: Tape) -> None:
    async with played(tape.folder) as client:
        now = await client.replay()
        assert (now.start, now.view, now.state) == (tape.views[0].ts // 10**8 * 100 - 100, 1, "paused")
        for i in (70, 25, 26, 115, 60, 0, 29, 30, 119):
            now = await seek(client, tape.at(i))
            assert now.at == tape.at(i)
            await same(client, tape.views[i])
        between = await seek(client, tape.at(44) + 99)
        assert between.at == tape.at(44)
        await same(client, tape.views[44])


async def test_without_checkpoints_it_folds_from_the_beginning(tmp_path: Path) -> None:
    views = record(tmp_path / "t", tape_of(3.0, rate=300.0))
    async with played(tmp_path / "t") as client:
        for i in (20, 5, 25):
            await seek(client, views[i].ts / 1e6)
            await same(client, views[i])


async def test_a_tape_whose_beginning_is_gone(tape: Tape, tmp_path: Path) -> None:
    for path in sorted(tape.folder.iterdir()):
        if int(path.stem) >= int(sorted(tape.folder.glob("*.ckpt"))[1].stem):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    async with played(tmp_path) as client:
        now = await client.replay()
        assert now.start == tape.at(59)
        await same(client, tape.views[59])
        with pytest.raises(Refused, match="not on the tape"):
            await client.control("seek", at=tape.at(40))
        await seek(client, tape.at(100))
        await same(client, tape.views[100])


async def test_a_damaged_checkpoint_gives_way_to_the_one_before(tape: Tape, tmp_path: Path) -> None:
    for path in tape.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    second = sorted(tmp_path.glob("*.ckpt"))[1]
    damaged = bytearray(second.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    second.write_bytes(bytes(damaged))
    async with played(tmp_path) as client:
        await seek(client, tape.at(70))
        await same(client, tape.views[70])


async def test_a_damaged_tape_says_where_and_other_times_go_on(tape: Tape, tmp_path: Path) -> None:
    for path in tape.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    third = sorted(tmp_path.glob("*.tape"))[2]
    damaged = bytearray(third.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    third.write_bytes(bytes(damaged))
    async with played(tmp_path) as client:
        await client.control("seek", at=tape.at(85))
        failed = await until(client, lambda now: now.state == "failed")
        assert third.name in failed.error
        await seek(client, tape.at(20))
        await same(client, tape.views[20])


async def test_play_pause_step_speed(tape: Tape) -> None:
    async with played(tape.folder) as client:
        for i in (1, 2):
            await client.control("step")
            await until(client, lambda now, n=i + 1: now.view == n)
            await same(client, tape.views[i])
        await client.control("speed", speed=20)
        assert (await client.control("play")).speed == 20
        await until(client, lambda now: now.view > 40)
        await client.control("pause")
        now = await until(client, lambda now: now.state == "paused")
        await same(client, tape.views[now.view - 1])
        await client.control("speed", speed=100)
        await client.control("play")
        await until(client, lambda now: now.state == "ended")
        await same(client, tape.views[-1])
        await client.control("seek", at=tape.at(3))
        assert (await until(client, lambda now: now.state == "paused")).view == 4
        await client.control("play")
        await client.control("seek", at=tape.at(50))
        assert (await until(client, lambda now: now.view > 55)).state in ("playing", "ended")


async def test_wrong_commands_are_refused(tape: Tape) -> None:
    async with played(tape.folder) as client:
        for body, message in (
            ({"op": "sek"}, r"op: Invalid enum value 'sek' \(allowed: play, pause, seek, step, speed\)"),
            ({"op": "seek"}, r"at: a seek needs a time \(allowed: ms since the epoch"),
            ({"op": "seek", "at": "noon"}, "at: 'noon' is no time"),
            ({"op": "seek", "at": 5.0}, r"1970-01-01T00:00:00\.005Z is not on the tape \(allowed: 20"),
            ({"op": "speed"}, r"speed: no speed is given \(allowed: 0\.1 … 100\)"),
            ({"op": "speed", "speed": 1000.0}, r"speed: Expected .* 100"),
        ):
            with pytest.raises(Refused, match=message):
                await client.control(**body)  # type: ignore[arg-type]
        for call in (client.tapes(), client.replays(), client.open_replay("x")):
            with pytest.raises(Refused, match="starts no replays") as refused:
                await call
            assert refused.value.status == 409
        assert (await client.put_prefs({"a": 1})).prefs == (await client.prefs()).prefs


async def test_subscriptions_follow_through_time(tape: Tape) -> None:
    async with played(tape.folder) as client:
        table = client.open(topics.markets(columns=("last", "bid")))
        book, trades = client.open(topics.book(BTC, n=5)), client.open(topics.trades(BTC, n=500))
        for i in (80, 20, 95, 119):
            view = tape.views[i]
            await seek(client, tape.at(i))
            async with asyncio.timeout(PATIENCE_S):
                async for found in table:
                    if int(found.ts_ms) == view.ts // 1_000_000:
                        break
                rows = np.flatnonzero(view.rows.alive)
                np.testing.assert_array_equal(found.columns["last"], view.columns["last"][rows])
                async for levels in book:
                    if int(levels.ts_ms) == view.ts // 1_000_000:
                        break
                assert levels.synced
                assert levels.bids[0][0] == view.columns["bid"][view.rows.index[BTC]]
                async for events in trades:
                    if events.snapshot and int(events.ts_ms) == view.ts // 1_000_000:
                        break
            assert all(trade.ts_ms * 1e6 <= view.ts + 1e6 for trade in events.rows)
        late = client.open(topics.book("bybit-spot:BTCUSDT"))
        async with asyncio.timeout(PATIENCE_S):
            assert (await anext(late)).synced, "a book is had while the replay stands still"


def config(data: Path, **api: Any) -> Config:
    settings = ApiSettings(host="127.0.0.1", port=0, **api)
    return Config(data=str(data), tape=TapeSettings(folder=str(data / "tape")), api=settings)


@contextlib.asynccontextmanager
async def live(config: Config, key: str = "") -> AsyncIterator[AsyncClient]:
    """A server that starts replays, as `serve_live` composes it."""
    hub, sessions = Hub(), Sessions(config)
    hub.publish(all_views()[0])
    app = create_app(hub, Process(), VENUES, Notebook({"see": "viewer"}), config.api, replays=sessions)
    async with serving(app, config.api) as port:
        sweeping = asyncio.create_task(sessions.run())
        try:
            async with AsyncClient(f"http://127.0.0.1:{port}", key, timeout_s=60) as client:
                yield client
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)


@pytest.fixture
def library(tape: Tape, tmp_path: Path) -> Path:
    """A data folder: a recording, and a library of a good and a damaged tape."""
    record(tmp_path / "tape", tape_of(1.0, rate=300.0))
    for name in ("day", "broken"):
        (tmp_path / "tapes" / name).mkdir(parents=True)
        for path in tape.folder.iterdir():
            (tmp_path / "tapes" / name / path.name).write_bytes(path.read_bytes())
    first = sorted((tmp_path / "tapes" / "broken").glob("*.tape"))[0]
    first.write_bytes(b"no tape at all")
    return tmp_path


async def test_a_live_server_lists_opens_and_ends_replays(library: Path, tape: Tape) -> None:
    async with live(config(library, max_replays=1)) as client:
        tapes = {found.name: found for found in await client.tapes()}
        assert set(tapes) == {"recording", "day", "broken"}
        assert (tapes["recording"].state, tapes["day"].state, tapes["broken"].state) == (
            "recording", "sound", "damaged",
        )  # fmt: skip
        assert ".tape:0" in tapes["broken"].problem
        assert str(library) not in tapes["broken"].problem
        assert tapes["day"].markets == ("bybit-inverse", "bybit-linear", "bybit-spot")
        assert tapes["day"].end == tape.at(-1)
        with pytest.raises(Refused, match="nearest: day"):
            await client.open_replay("dayy")
        for name in ("../tape", str(library / "tape"), "tapes/day", ""):
            with pytest.raises(Refused):
                await client.open_replay(name)
        with pytest.raises(Refused, match="is not on the tape"):
            await client.open_replay("day", at=12)
        with pytest.raises(Refused, match="cannot be replayed"):
            await client.open_replay("broken", at=12)
        session = await client.open_replay("day", at=tape.at(50))
        assert session.base == f"/replay/{session.id}"
        with pytest.raises(Refused, match="1 replays run already"):
            await client.open_replay("day")
        async with AsyncClient(client.url + session.base, timeout_s=60) as then:
            await until(then, lambda now: now.state == "paused")
            await same(then, tape.views[50])
            subscription = then.open(topics.board("turnover_24h", n=3))
            await seek(then, tape.at(10))
            await same(then, tape.views[10])
            async with asyncio.timeout(PATIENCE_S):
                async for found in subscription:
                    if int(found.ts_ms) == tape.views[10].ts // 1_000_000:
                        break
            assert found.flags(0)[-1] == "REPLAY"
            with pytest.raises(Refused, match="nearest: gainers_24h"):
                await then.board("gainers_24")
            assert [s.id for s in await client.replays()] == [session.id]
            assert (await client.one_replay(session.id)).tape == "day"
            await client.end_replay(session.id)
            with pytest.raises(Refused, match="no replay"):
                await then.status()
        with pytest.raises(Refused, match="no replay"):
            await client.end_replay(session.id)
        with pytest.raises(Refused, match="this crosstape is no replay"):
            await client.replay()


async def test_idle_and_dead_replays_end(library: Path) -> None:
    async with live(config(library, replay_idle_s=0.001)) as client:
        await client.open_replay("day")
        async with asyncio.timeout(PATIENCE_S):
            while len(await client.replays()):
                await asyncio.sleep(0.1)


async def test_keys_are_asked_for_in_front_of_a_replay(library: Path) -> None:
    async with live(config(library, require_key=True), key="see") as client:
        session = await client.open_replay("day")
        url = client.url + session.base
        async with AsyncClient(url) as stranger:
            with pytest.raises(Refused, match="a key is required here"):
                await stranger.replay()
        async with connect("ws" + url.removeprefix("http") + "/ws") as ws:
            with pytest.raises(ConnectionClosed) as closed:
                await ws.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4001
        async with AsyncClient(url, key="see", timeout_s=60) as then:
            assert (await then.replay()).mode == "replay"
            assert len(await until_table(then)) > 0


async def until_table(client: AsyncClient) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        async for table in client.subscribe(topics.markets(n=2)):
            if len(table):
                return table


async def test_served_from_the_command_line(tape: Tape) -> None:
    command = [sys.executable, "-m", "crosstape", "replay", str(tape.folder), "--serve", "--port", "0"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    wrong = subprocess.run([*command, "--at", "1999-01-01"], capture_output=True, text=True, env=env, check=False)
    assert wrong.returncode == 2
    assert "--at: not on the tape; allowed: 20" in wrong.stderr
    process = subprocess.Popen([*command, "--at", str(tape.at(33))], stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        async with AsyncClient(found[0], timeout_s=60) as client:
            await until(client, lambda now: now.state == "paused")
            await same(client, tape.views[33])
            assert (await client.ready()).status == "ready"
    finally:
        process.terminate()
        assert await asyncio.to_thread(process.wait, 60) == 0
        process.stdout.close()
