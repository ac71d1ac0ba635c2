"""Pushed ticks: acknowledged when they are on the disk, kept once, folded live, and all there after a kill."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from crosstape.api import ApiSettings, Hub, create_app
from crosstape.app.pushing import MOST_WAITING, Pusher
from crosstape.app.replaying import replay
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.machine import Machine
from crosstape.engine.settings import EngineSettings
from crosstape.engine.view import View
from crosstape.model.push import PushBusy, Tick
from crosstape.sim.server import SimSettings, serve
from crosstape.store.history.files import History
from crosstape.store.ledger import Ledger
from crosstape.tape.reader import play
from crosstape.venues import READ
from support.process import Process
from support.running import run_until
from support.served import Notebook
from support.served import Process as Vitals

OLD = 1_767_225_600_000


def given(n: int, **more: Any) -> dict[str, Any]:
    return {"symbol": "GOLD", "timestamp": OLD + n, "price": 100 + n, "size": 1, "id": f"t{n}"} | more


class Counter:
    """A live path, a history, and the API over both."""

    def __init__(self, folder: Path) -> None:
        tape = TapeSettings(folder=str(folder / "tape"))
        self.config = Config(data=str(folder), tape=tape)
        self.ledger, self.history = Ledger.open("", folder), History(folder / "history")
        self.live = Live(self.config, ())
        self.pusher = Pusher(self.live, self.history, self.ledger)
        self.views: list[View] = []
        app = create_app(Hub(), Vitals(), (), Notebook(), ApiSettings(), pushes=self.pusher)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8317/api/v1")

    async def send(self, body: Any, path: str = "/ticks") -> httpx.Response:
        return await self.http.post(path, content=json.dumps(body))

    def kept(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.history.read("trades", "push").sort_by("ts").to_pylist()
        return rows


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    counter = Counter(tmp_path)
    running = asyncio.create_task(counter.pusher.run())
    yield counter
    running.cancel()
    await counter.http.aclose()
    counter.ledger.close()


async def test_an_acknowledged_tick_is_on_the_disk_once(counter: Counter) -> None:
    first = await counter.send(given(1, side="sell"))
    assert (first.status_code, first.json()) == (200, {"accepted": 1, "new": 1, "live": 0})
    (row,) = counter.kept()
    assert (row["id"], row["ts"], row["price"], row["side"], row["origin"]) == (
        "push:GOLD", (OLD + 1) * 1_000_000, 101.0, "sell", "push",
    )  # fmt: skip
    assert (await counter.send(given(1, side="sell"))).json()["new"] == 0
    many = await counter.send({"ticks": [given(n) for n in (1, 2, 3, 3)]}, "/ticks/batch")
    assert many.json() == {"accepted": 4, "new": 2, "live": 0}
    assert len(counter.kept()) == 3
    nameless = {"ticks": [given(9, id="")] * 2}
    assert (await counter.send(nameless, "/ticks/batch")).json()["new"] == 2, (
        "without an id each is one of its own"
    )
    (stream,) = counter.ledger.streams.all()
    assert (stream.source, stream.symbol, stream.count) == ("push", "push:GOLD", 5)


async def test_what_is_no_tick_says_why(counter: Counter) -> None:
    for body, word in (
        ({"symbol": "GOLD"}, "timestamp"), (given(1, price=-1), "price"), (given(1, symbol="a b"), "symbol"),
        (given(1, side="up"), "side"), (given(1, timestamp=5), "timestamp"), (given(1, timestamp="soon"), "timestamp"),
        (given(1, timestamp=time.time() + 3_600), "timestamp"), ([], "object"), (given(1, extra=1), "extra"),
    ):  # fmt: skip
        answer = await counter.send(body)
        assert answer.status_code == 400
        assert word in answer.json()["error"]["message"]
    assert (await counter.send({"ticks": [given(1), given(2, size=0)]}, "/ticks/batch")).status_code == 400
    assert not counter.kept(), "all of a batch, or nothing"


@pytest.mark.parametrize(
    "stamp", [OLD / 1e3, OLD, OLD * 1_000, OLD * 1_000_000, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"]
)
async def test_times_are_known_by_their_size(counter: Counter, stamp: Any) -> None:
    assert (await counter.send(given(1, timestamp=stamp))).status_code == 200
    assert counter.kept()[0]["ts"] == OLD * 1_000_000


async def test_without_room_ticks_are_refused_whole(tmp_path: Path) -> None:
    counter = Counter(tmp_path)
    tick = Tick("GOLD", OLD * 1_000_000, 1.0, 1.0)
    try:
        waiting = [asyncio.create_task(counter.pusher.push([tick] * 5_000)) for _ in range(MOST_WAITING // 5_000)]
        await asyncio.sleep(0)
        with pytest.raises(PushBusy):
            await counter.pusher.push([tick])
        refused = await counter.send(given(1))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        for task in waiting:
            task.cancel()
    finally:
        await counter.http.aclose()
        counter.ledger.close()


async def test_ticks_of_this_minute_are_folded_and_replay_to_the_same_view(counter: Counter) -> None:
    live = counter.live
    live.open(EngineSettings(mode="simulated"), counter.views.append)

    def seen(price: float) -> bool:
        row = counter.views[-1].rows.index.get("push:GOLD")
        return row is not None and counter.views[-1].columns["last"][row] == price

    async def feed() -> None:
        now = time.time_ns()
        for n, price in enumerate((100.0, 101.0, 100.5)):
            body = given(n, timestamp=now + n * 1_000_000, price=price)
            assert (await counter.send(body)).json() == {"accepted": 1, "new": 1, "live": 1}
            assert (await counter.send(body)).json() == {"accepted": 1, "new": 0, "live": 0}

    feeding = asyncio.create_task(feed())
    await run_until(live, counter.views, lambda: feeding.done() and seen(100.5))
    await feeding
    assert seen(100.5)
    trades = [e for view in counter.views for row, e in view.events if row >= 0 and type(e).__name__ == "Trade"]
    assert [(t.price, int(t.taker)) for t in trades] == [(100.0, 1), (101.0, 1), (100.5, -1)], (
        "each once; tick rule"
    )
    again: list[View] = []
    replay(play(counter.config.tape_folder), Machine(READ), again.append)
    digests = {view.number: view.digest for view in again}
    assert all(digests[view.number] == view.digest for view in counter.views)


async def test_a_kill_loses_nothing_acknowledged_and_keeps_nothing_twice(tmp_path: Path) -> None:
    async with serve(SimSettings(seed=3, assets=10, rate=200.0)) as simulation:
        urls = simulation.urls["bybit"]
        acknowledged: list[str] = []
        for life in range(2):
            process = Process(tmp_path, urls.rest, urls.ws)
            try:
                await process.ready()
                async with asyncio.timeout(60):
                    await _push_until_killed(process, life, acknowledged)
            finally:
                process.close()
        kept = History(tmp_path / "history").read("trades", "push")["trade_id"].to_pylist()
        assert len(kept) == len(set(kept)), "something is there twice"
        assert set(acknowledged) <= set(kept), "something acknowledged is lost"
        assert len(acknowledged) > 40


async def _push_until_killed(process: Process, life: int, acknowledged: list[str]) -> None:
    """Over a socket, the last unanswered ticks of the life before again; the kill comes while a message is under way."""
    url = process.address.replace("http", "ws") + "ws/push"
    async with websockets.connect(url) as socket:
        for n in range(20 if life == 0 else 15, 40 * (life + 1)):
            now = time.time_ns()
            ticks = [given(0, id=f"k{n}-{part}", timestamp=now) for part in range(3)]
            await socket.send(json.dumps(ticks))
            if n == 40 * (life + 1) - 1:
                await process.end(signal.SIGKILL)
                return
            answer = json.loads(await socket.recv())
            assert "error" not in answer, answer
            acknowledged += [tick["id"] for tick in ticks]


async def test_a_socket_answers_every_message(tmp_path: Path) -> None:
    from crosstape.api import serving

    counter = Counter(tmp_path)
    app = create_app(Hub(), Vitals(), (), Notebook(), ApiSettings(port=0), pushes=counter.pusher)
    running = asyncio.create_task(counter.pusher.run())
    try:
        async with serving(app, ApiSettings(port=0)) as port:
            async with websockets.connect(f"ws://127.0.0.1:{port}/ws/push") as socket:
                for message in (given(1), [given(1), given(2)], {"symbol": "x"}, []):
                    await socket.send(json.dumps(message))
                answers = [json.loads(await socket.recv()) for _ in range(4)]
            assert [answer["n"] for answer in answers] == [1, 2, 3, 4]
            assert [answer.get("new") for answer in answers] == [1, 1, None, None]
            assert answers[2]["error"]["code"] == answers[3]["error"]["code"] == "bad_body"
    finally:
        running.cancel()
        await counter.http.aclose()
        counter.ledger.close()


async def test_a_viewer_pushes_nothing(tmp_path: Path) -> None:
    from crosstape.api import serving

    counter = Counter(tmp_path)
    notebook, settings = Notebook({"see": "viewer", "rule": "admin"}), ApiSettings(port=0, require_key=True)
    app = create_app(Hub(), Vitals(), (), notebook, settings, pushes=counter.pusher)
    try:
        async with serving(app, settings) as port, httpx.AsyncClient() as http:
            url = f"127.0.0.1:{port}"
            for key, status in (("", 401), ("see", 403)):
                headers = {"x-api-key": key} if key else {}
                answer = await http.post(f"http://{url}/api/v1/ticks", json=given(1), headers=headers)
                assert answer.status_code == status
                async with websockets.connect(f"ws://{url}/ws/push?key={key}") as socket:
                    with pytest.raises(websockets.ConnectionClosed):
                        await socket.recv()
    finally:
        await counter.http.aclose()
        counter.ledger.close()
    assert not counter.kept()
