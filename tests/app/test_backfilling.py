"""Backfill against simulated venues: complete, exact, once, and going on after a refusal."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from crosstape.app.backfilling import Backfill, a_request
from crosstape.app.known import addressed
from crosstape.feeds.settings import FeedSettings
from crosstape.model.errors import ConfigError, RemoteError
from crosstape.sim.server import SimSettings, Simulation, serve
from crosstape.store.history.files import History
from crosstape.store.history.resample import longer
from crosstape.venues import VENUES
from crosstape.wire.venue import Refusal, Venue

MINUTE = 60_000_000_000
NAMES = ("bybit", "binance", "okx", "hyperliquid")
MARKETS = {"bybit-linear": "BTCUSDT", "binance-usdm": "BTCUSDT", "okx-swap": "BTC-USDT-SWAP", "hyperliquid": "BTC"}


def placed(simulation: Simulation) -> list[Venue]:
    found = []
    for venue in VENUES:
        if venue.id in NAMES:
            urls = simulation.urls[venue.id]
            moved = addressed(venue, urls.rest, urls.ws)
            others = tuple(msgspec.structs.replace(o, url=urls.rest) for o in moved.others)
            found.append(msgspec.structs.replace(moved, others=others))
    return found


async def test_every_venue_gives_its_past_once(tmp_path: Path) -> None:
    history, told = History(tmp_path), list[tuple[str, int, int]]()
    async with serve(SimSettings(venues=NAMES, seed=3, assets=12, rate=50)) as simulation:
        venues = placed(simulation)
        until = time.time_ns() // MINUTE * MINUTE - 2 * MINUTE
        since = until - 700 * MINUTE
        for market, symbol in MARKETS.items():
            backfill = Backfill(venues, market, history, FeedSettings(), lambda *step: told.append(step))
            new = await backfill.run([symbol], since, until, ["candles"])
            assert new["candles_1m"] == 700, market
            minutes = history.read("candles_1m", market)
            assert minutes["ts"].to_pylist() == list(range(since, until, MINUTE))
            assert set(minutes["origin"].to_pylist()) == {"backfill"}
            assert all(
                low <= close <= high
                for low, close, high in zip(
                    *(minutes[n].to_pylist() for n in ("low", "close", "high")), strict=True
                )
            )
            hours = history.read("candles_1h", market)
            assert 10 <= hours.num_rows <= 11
            whole = {row["ts"]: row["close"] for row in longer(minutes, "1h").to_pylist()}
            assert all(whole[row["ts"]] == row["close"] for row in hours.to_pylist())
            again = await Backfill(venues, market, history, FeedSettings()).run(
                [symbol], since, until, ["candles"]
            )
            assert again == {"candles_1m": 0}
    assert told[-1][1] == told[-1][2] > 0


async def test_trades_come_once_with_their_ids(tmp_path: Path) -> None:
    history = History(tmp_path)
    async with serve(SimSettings(venues=("bybit",), seed=3, assets=12, rate=400)) as simulation:
        venues = [v for v in VENUES if v.id == "bybit"]
        urls = simulation.urls["bybit"]
        venues = [
            msgspec.structs.replace(
                addressed(v, urls.rest, urls.ws),
                others=tuple(msgspec.structs.replace(o, url=urls.rest) for o in v.others),
            )
            for v in venues
        ]
        since, new = time.time_ns() // MINUTE * MINUTE - 5 * MINUTE, 0
        async with asyncio.timeout(60):
            # Twice at least, the second time over what the first has fetched already.
            while new <= 5:
                new += (
                    await Backfill(venues, "bybit-linear", history, FeedSettings()).run(
                        ["BTCUSDT"], since, time.time_ns(), ["trades"]
                    )
                )["trades"]
                await asyncio.sleep(0.2)
    trades = history.read("trades")
    ids = trades["trade_id"].to_pylist()
    assert len(ids) == len(set(ids)) == new > 0
    assert set(trades["side"].to_pylist()) <= {"buy", "sell"}
    assert set(trades["origin"].to_pylist()) == {"backfill"}


async def test_a_refusal_leaves_what_came_and_the_next_run_goes_on(tmp_path: Path) -> None:
    history = History(tmp_path)
    async with serve(SimSettings(venues=("bybit",), seed=3, assets=12, rate=50)) as simulation:
        urls = simulation.urls["bybit"]
        bybit = next(v for v in VENUES if v.id == "bybit")
        venues = [addressed(bybit, urls.rest, urls.ws)]
        until = time.time_ns() // MINUTE * MINUTE
        since, asked = until - 3_000 * MINUTE, 0

        def refuse_the_third(status: int, headers: str, body: bytes) -> Refusal | None:
            nonlocal asked
            asked += b'"list":[["' in body
            return Refusal("no more", retry=False) if asked == 3 else bybit.refusal(status, headers, body)

        failing = [msgspec.structs.replace(venues[0], refusal=refuse_the_third)]
        with pytest.raises(RemoteError, match="refused /v5/market/kline"):
            await Backfill(failing, "bybit-linear", history, FeedSettings()).run(
                ["BTCUSDT"], since, until, ["candles"]
            )
        kept = history.read("candles_1m").num_rows
        assert 0 < kept < 3_000
        new = await Backfill(venues, "bybit-linear", history, FeedSettings()).run(
            ["BTCUSDT"], since, until, ["candles"]
        )
        assert new["candles_1m"] == 3_000 - kept
        assert history.read("candles_1d").num_rows >= 1


async def test_what_there_is_not_is_named(tmp_path: Path) -> None:
    history = History(tmp_path)
    now = time.time_ns()
    with pytest.raises(ConfigError, match="'bybit' is no market; allowed: binance-"):
        Backfill(VENUES, "bybit", history, FeedSettings())
    backfill = Backfill(VENUES, "bybit-linear", history, FeedSettings())
    with pytest.raises(ConfigError, match="'x' is not fetched; allowed: candles, trades"):
        await backfill.run(["BTCUSDT"], now - MINUTE, now, ["x"])
    with pytest.raises(ConfigError, match="--since"):
        await backfill.run(["BTCUSDT"], now, now - MINUTE)
    async with serve(SimSettings(venues=("bybit",), seed=3, assets=12, rate=50)) as simulation:
        bybit = next(v for v in VENUES if v.id == "bybit")
        venues = [addressed(bybit, simulation.rest_url, simulation.ws_url)]
        with pytest.raises(ConfigError, match="lists no 'NONE'; such as"):
            await Backfill(venues, "bybit-linear", history, FeedSettings()).run(["NONE"], now - 5 * MINUTE, now)


def test_how_far_a_request_reaches() -> None:
    from crosstape.model.instrument import Instrument, InstrumentKind

    reach = {}
    for venue in VENUES:
        for stream in venue.streams:
            if stream.market in MARKETS:
                one = Instrument(stream.market, MARKETS[stream.market], InstrumentKind.PERP, "BTC", "USDT", "USDT")
                reach[stream.market] = a_request(venue, one)
    assert reach == {"bybit-linear": 1000, "binance-usdm": 499, "okx-swap": 300, "hyperliquid": 5000}


async def test_funding_and_open_interest_of_the_past(tmp_path: Path) -> None:
    history = History(tmp_path)
    async with serve(SimSettings(venues=NAMES, seed=3, assets=12, rate=50)) as simulation:
        venues = placed(simulation)
        until = time.time_ns() // MINUTE * MINUTE - 2 * MINUTE
        month, hours = until - 30 * 24 * 60 * MINUTE, until - 6 * 60 * MINUTE
        for market, symbol in MARKETS.items():
            backfill = Backfill(venues, market, history, FeedSettings())
            new = await backfill.run([symbol], month, until, ["funding"])
            rates = history.read("funding", market).to_pylist()
            (every,) = {row["interval_hours"] for row in rates}
            assert every == (1.0 if market == "hyperliquid" else 8.0)
            assert new["funding"] == len(rates) == pytest.approx(30 * 24 / every, abs=1)
            assert all(row["ts"] % (every * 60 * MINUTE) == 0 and abs(row["rate"]) < 0.01 for row in rates)
            assert await backfill.run([symbol], month, until, ["funding"]) == {"funding": 0}
            if market == "hyperliquid":
                assert await backfill.run([symbol], hours, until, ["open_interest"]) == {}
                continue
            await backfill.run([symbol], hours, until, ["candles"])
            assert await backfill.run([symbol], hours, until, ["open_interest"]) == {"open_interest": 72}
            marks = history.read("open_interest", market).to_pylist()
            assert {b["ts"] - a["ts"] for a, b in pairwise(marks)} == {5 * MINUTE}
            assert all(row["oi"] > 0 and row["oi_usd"] / row["oi"] > 10_000 for row in marks)
            assert await backfill.run([symbol], hours, until, ["open_interest"]) == {"open_interest": 0}
