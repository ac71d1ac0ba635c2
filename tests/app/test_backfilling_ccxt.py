"""Backfill through ccxt, from simulated venues by URL: complete, exact, once, holes kept, going on after a failure."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web

from crosstape.app.backfilling_ccxt import BackfillCcxt
from crosstape.feeds.ccxt_past import CcxtPast
from crosstape.feeds.clock import ScaledClock, WallClock
from crosstape.feeds.exchanges import Exchanges, ExchangeSettings
from crosstape.feeds.settings import FeedSettings
from crosstape.model.errors import ConfigError, RemoteError
from crosstape.model.ports import Clock
from crosstape.sim.server import SimSettings, serve
from crosstape.store.history.files import History
from crosstape.store.history.removal import remove_rows
from crosstape.store.history.resample import longer

MINUTE, HOUR, MS = 60_000_000_000, 3_600_000_000_000, 1_000_000
PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
QUICK = FeedSettings(retries=2, retry_first_s=0.01)
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.asyncio(loop_scope="module")]


class Front:
    """In front of simulated venues: notes what is asked, and answers otherwise when told to."""

    def __init__(self, rest: dict[str, str]) -> None:
        self.rest, self.asked = rest, list[web.Request]()
        self.change: Callable[[web.Request, Any], Any] = lambda request, found: found

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        _, venue, path = request.path_qs.split("/", 2)
        async with ClientSession() as http, http.get(f"{self.rest[venue]}/{path}") as answer:
            found, status = await answer.json(content_type=None), answer.status
        if status == 200 and (found := self.change(request, found)) is None:
            found, status = {"retCode": 10016, "retMsg": "Server error"}, 503
        return web.json_response(found, status=status)

    def of(self, what: str) -> int:
        return sum(what in request.path for request in self.asked)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[tuple[dict[str, str], int]]:
    async with serve(SimSettings(venues=("bybit", "binance"), seed=3, assets=10, rate=4_000.0)) as simulation:
        yield {name: simulation.urls[name].rest for name in ("bybit", "binance")}, time.time_ns()


@pytest_asyncio.fixture(loop_scope="module")
async def front(world: tuple[dict[str, str], int]) -> AsyncIterator[Front]:
    front = Front(world[0])
    runner = web.ServerRunner(web.Server(front), handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    front.url = site.name
    yield front
    await runner.cleanup()


class Once:
    """A backfill of its own, as the command line makes one."""

    def __init__(self, front: Front, folder: Path, exchange: str = "bybit", clock: Clock | None = None) -> None:
        settings = ExchangeSettings(rest=f"{front.url}/{exchange}", timeout_s=10.0)
        self.exchanges, self.steps = Exchanges({exchange: settings}), list[tuple[str, int, int]]()
        clock = clock or WallClock()
        past = CcxtPast(self.exchanges, exchange, QUICK, clock)
        self._backfill = BackfillCcxt(past, History(folder), clock, lambda *step: self.steps.append(step))

    async def run(self, *told: Any) -> dict[str, int]:
        try:
            return await self._backfill.run(*told)
        finally:
            await self.exchanges.close()


def span(minutes: int) -> tuple[int, int]:
    until = time.time_ns() // MINUTE * MINUTE - 5 * MINUTE
    return until - minutes * MINUTE, until


@pytest.mark.parametrize("exchange", ["bybit", "binance"])
async def test_the_past_comes_once_into_the_history_of_the_live_source(
    exchange: str, front: Front, tmp_path: Path
) -> None:
    since, until = span(1_500)
    once = Once(front, tmp_path, exchange)
    new = await once.run([PERP, SPOT], since, until, ["candles", "funding"])
    assert new["candles_1m"] == 3_000
    history = History(tmp_path)
    for symbol in (PERP, SPOT):
        id = f"ccxt:{exchange}:{symbol}"
        minutes = history.read("candles_1m", "ccxt", ids=(id,))
        assert minutes["ts"].to_pylist() == list(range(since, until, MINUTE))
        assert set(minutes["origin"].to_pylist()) == {"backfill"}
        rows = minutes.to_pylist()
        assert all(0 < row["low"] <= min(row["open"], row["close"]) for row in rows)
        assert all(max(row["open"], row["close"]) <= row["high"] and row["volume"] >= 0 for row in rows)
        hours = history.read("candles_1h", "ccxt", ids=(id,)).to_pylist()
        whole = {row["ts"]: row["close"] for row in longer(minutes, "1h").to_pylist()}
        assert len(hours) in (24, 25)
        assert all(whole[row["ts"]] == row["close"] for row in hours)
    rates = history.read("funding", "ccxt").to_pylist()
    assert {row["id"] for row in rates} == {f"ccxt:{exchange}:{PERP}"}, "spot has no funding"
    assert len(rates) == new["funding"] == pytest.approx(1_500 / 480, abs=1)
    assert all(row["interval_hours"] == 8.0 and row["ts"] % (8 * HOUR) == 0 for row in rates)
    assert once.steps[-1][1] == once.steps[-1][2] > 0
    asked = front.of("line")
    again = await Once(front, tmp_path, exchange).run([PERP, SPOT], since, until, ["candles", "funding"])
    assert again == {"candles_1m": 0, "funding": 0}
    assert front.of("line") == asked, "what was asked before is not asked again"


async def traded(front: Front, until: int) -> list[str]:
    """Ids of the simulated Binance's newest trades before a time."""
    path = f"{front.rest['binance']}/fapi/v1/aggTrades?symbol=BTCUSDT&limit=1000"
    async with ClientSession() as http, http.get(path) as answer:
        return [str(one["a"]) for one in await answer.json() if one["T"] * MS < until]


async def test_trades_come_page_by_page_each_once(front: Front, tmp_path: Path) -> None:
    """Pages of six, or of one whole millisecond: others are cut in the middle of one."""

    def few(request: web.Request, found: Any) -> Any:
        if "aggTrades" not in request.path:
            return found
        return found[: max(6, sum(one["T"] == found[0]["T"] for one in found))]

    front.change = few
    async with asyncio.timeout(60):
        while len(await traded(front, time.time_ns())) < 14:
            await asyncio.sleep(1.0)
    # Two minutes on, when what is traded now is no news.
    late = ScaledClock(1.0, time.time_ns() + 2 * MINUTE)
    since, until = time.time_ns() - HOUR, time.time_ns() // MS * MS
    new = await Once(front, tmp_path, "binance", late).run([PERP], since, until, ["trades"])
    rows = History(tmp_path).read("trades", "ccxt", ids=(f"ccxt:binance:{PERP}",)).to_pylist()
    assert [row["trade_id"] for row in rows] == await traded(front, until)
    assert new == {"trades": len(rows)}
    assert {row["side"] for row in rows} == {"buy", "sell"}
    pages = front.of("aggTrades")
    assert len(rows) / 6 < pages < len(rows)
    again = await Once(front, tmp_path, "binance", late).run([PERP], since, until, ["trades"])
    assert (again, front.of("aggTrades")) == ({"trades": 0}, pages)


async def test_an_exchange_that_tells_only_the_newest_trades_is_asked_once(front: Front, tmp_path: Path) -> None:
    late = ScaledClock(1.0, time.time_ns() + 2 * MINUTE)
    until = time.time_ns()
    new = await Once(front, tmp_path, "bybit", late).run([PERP], until - 5 * HOUR, until, ["trades"])
    assert new["trades"] == History(tmp_path).read("trades", "ccxt").num_rows > 0
    assert front.of("recent-trade") <= 3, "not each hour, each trade"


async def test_a_failure_leaves_what_came_and_the_next_run_goes_on(front: Front, tmp_path: Path) -> None:
    since, until = span(3_000)
    calls = 0

    def fail(request: web.Request, found: Any) -> Any:
        nonlocal calls
        calls += "kline" in request.path
        return found if calls < 3 else None

    front.change = fail
    with pytest.raises(RemoteError, match="bybit did not answer: ExchangeError"):
        await Once(front, tmp_path).run([PERP], since, until, ["candles"])
    assert calls == 2 + 1 + QUICK.retries, "a line that broke is tried again, and not for ever"
    kept = History(tmp_path).read("candles_1m").num_rows
    assert 1_000 < kept < 3_000
    front.change, front.asked = lambda request, found: found, []
    new = await Once(front, tmp_path).run([PERP], since, until, ["candles"])
    assert new["candles_1m"] == 3_000 - kept
    assert front.of("kline") == 1, "only what was missing is asked for"
    minutes = History(tmp_path).read("candles_1m")
    assert minutes["ts"].to_pylist() == list(range(since, until, MINUTE))


async def test_one_that_stumbles_is_asked_again(front: Front, tmp_path: Path) -> None:
    since, until = span(900)
    calls = 0

    def stumble(request: web.Request, found: Any) -> Any:
        nonlocal calls
        calls += "kline" in request.path
        return None if "kline" in request.path and calls == 1 else found

    front.change = stumble
    assert (await Once(front, tmp_path).run([PERP], since, until, ["candles"]))["candles_1m"] == 900


async def test_holes_stay_holes_and_are_not_asked_for_again(front: Front, tmp_path: Path) -> None:
    """Minutes without trades are no bars at most exchanges; a bar that contradicts itself is not taken."""
    since, until = span(2_400)
    hole = (since + 100 * MINUTE, since + 1_900 * MINUTE)
    mad = since + 50 * MINUTE

    def changed(request: web.Request, found: Any) -> Any:
        if "kline" in request.path:
            rows = found["result"]["list"]
            found["result"]["list"] = [row for row in rows if not hole[0] <= int(row[0]) * MS < hole[1]]
            for row in found["result"]["list"]:
                if int(row[0]) * MS == mad:
                    row[2] = str(float(row[3]) / 2)
        return found

    front.change = changed
    new = await Once(front, tmp_path).run([PERP], since, until, ["candles"])
    assert new["candles_1m"] == 100 - 1 + 500
    found = set(History(tmp_path).read("candles_1m")["ts"].to_pylist())
    assert not any(hole[0] <= ts < hole[1] or ts == mad for ts in found)
    five = set(History(tmp_path).read("candles_5m")["ts"].to_pylist())
    assert not any(hole[0] + 5 * MINUTE <= ts < hole[1] - 5 * MINUTE for ts in five)
    front.asked = []
    assert await Once(front, tmp_path).run([PERP], since, until, ["candles"]) == {"candles_1m": 0}
    assert front.of("kline") == 0


async def test_what_was_removed_is_asked_for_again(front: Front, tmp_path: Path) -> None:
    since, until = span(300)
    assert (await Once(front, tmp_path).run([PERP], since, until, ["candles"]))["candles_1m"] == 300
    remove_rows(History(tmp_path), "candles_1m", "ccxt", f"ccxt:bybit:{PERP}", since, until, "backfill")
    assert History(tmp_path).read("candles_1m").num_rows == 0
    assert (await Once(front, tmp_path).run([PERP], since, until, ["candles"]))["candles_1m"] == 300


async def test_what_there_is_not_is_named(front: Front, tmp_path: Path) -> None:
    now = time.time_ns()
    with pytest.raises(ConfigError, match="'x' is not fetched; allowed: candles, trades"):
        await Once(front, tmp_path).run([PERP], now - HOUR, now, ["x"])
    with pytest.raises(ConfigError, match="--since"):
        await Once(front, tmp_path).run([PERP], now, now + HOUR)
    with pytest.raises(ConfigError, match="bybit lists no 'BTC/XYZ'; such as"):
        await Once(front, tmp_path).run(["BTC/XYZ"], now - HOUR, now)


async def test_the_command(front: Front, tmp_path: Path) -> None:
    config = tmp_path / "crosstape.toml"
    config.write_text(f'data = {json.dumps(str(tmp_path))}\n[ccxt.bybit]\nrest = "{front.url}/bybit"\n')
    since = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 3 * 3600))
    command = [
        sys.executable,
        "-m",
        "crosstape",
        "-c",
        str(config),
        "backfill",
        "ccxt:bybit",
        PERP,
        "--since",
        since,
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    async def told(*more: str) -> tuple[int, str, str]:
        made = await asyncio.create_subprocess_exec(
            *command, *more, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, errors = await made.communicate()
        return made.returncode or 0, out.decode(), errors.decode()

    code, out, errors = await told("--kind", "candles", "--kind", "open_interest")
    assert code == 0, errors
    assert "candles_1m: 17" in out
    assert "candles_1h: 2 new rows" in out
    assert "open_interest: ccxt:bybit tells none" in out
    assert History(tmp_path / "history").read("candles_1m", "ccxt").num_rows > 170
