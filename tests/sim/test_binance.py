"""Simulated Binance: native protocol, books that join, and what it says read back by crosstape's own decoder."""

from __future__ import annotations

import asyncio
import itertools
import json
from functools import partial
from typing import Any

import aiohttp
import pytest

from crosstape.model.event import (
    BookDelta,
    BookSnapshot,
    Funding,
    Index,
    Liquidation,
    Listed,
    Mark,
    OpenInterest,
    Quote,
    Side,
    Ticker,
    Trade,
)
from crosstape.sim.binance import BINANCE as DIALECT
from crosstape.sim.binance.native import SHOWN
from crosstape.sim.binance.voice import BinanceVoice
from crosstape.sim.dialect import Ask
from crosstape.sim.server import SimSettings, make_world, serve
from crosstape.state.book import Applied, Book
from crosstape.venues.binance.rest import (
    decode_book,
    decode_days,
    decode_instruments,
    decode_interest,
    decode_intervals,
    decode_klines,
)
from crosstape.venues.binance.stream import CM, decode
from crosstape.wire.request import Request
from crosstape.wire.venue import BookRule

START_NS = 1_795_000_000_000_000_000
SETTINGS = SimSettings(venues=("binance",), seed=3, assets=12, rate=3000.0, start_ns=START_NS)
STEP_NS = 10_000_000
RULES = {"usdm/public": BookRule.JOIN, "spot": BookRule.SPAN}


def voice() -> BinanceVoice:
    world = make_world(SETTINGS)
    world.flow.pace(world.rows.weights(), 30_000.0, world.flow.usual_hz[None].repeat(3, 0))
    return BinanceVoice(world)


def ask(sim: BinanceVoice, path: str, **query: str) -> Any:
    answer = sim.answer(Ask("GET", path, query))
    assert answer.status == 200, answer
    return json.loads(answer.body)


def run(sim: BinanceVoice, keys: list[tuple[str, str]], steps: int) -> list[tuple[tuple[str, str], bytes]]:
    for key in keys:
        assert sim.known(key), key
        assert sim.open(key) is None
    return [said for _ in range(steps) for said in sim.publish(sim.world.step(STEP_NS))]


@pytest.mark.parametrize("route", ["usdm/public", "spot"])
def test_books_join_their_snapshots_and_equal_the_world(route: str) -> None:
    sim, book = voice(), Book()
    root = "/api/v3" if route == "spot" else "/fapi/v1"
    key = (route, "btcusdt@depth@100ms")
    quotes: dict[int, tuple[float, ...]] = {}
    run(sim, [key, (route, "btcusdt@bookTicker")], 0)
    compared = 0
    for step in range(600):
        for _, text in sim.publish(sim.world.step(STEP_NS)):
            (event,) = decode(CM, text)
            if isinstance(event, Quote):
                assert text.count(b'"u":') == 1
                update = json.loads(text)["data"]["u"]
                quotes[update] = (event.bid, event.bid_size, event.ask, event.ask_size)
                continue
            assert isinstance(event, BookDelta)
            applied = book.update(event, RULES[route])
            assert applied is (Applied.YES if book.synced else Applied.WAITING)
            if book.synced and book.last in quotes:
                compared += 1
                assert book.top() == quotes[book.last]
        if step == 95:
            request = Request("books", f"{root}/depth", (("symbol", "BTCUSDT"), ("limit", "500")))
            answer = sim.answer(Ask("GET", request.path, dict(request.params)))
            (snapshot,) = decode_book(request, answer.body)
            assert isinstance(snapshot, BookSnapshot)
            assert len(snapshot.bids) == SHOWN
            assert book.replace(snapshot) is Applied.YES
    assert compared > 20
    row = sim.symbols["spot" if route == "spot" else "usdm"]["BTCUSDT"]
    assert book.last <= sim.world.trading.seq[row]


def test_what_is_encoded_is_decoded() -> None:
    """Every number of the world comes back from the decoder as it is there."""
    sim = voice()
    world = sim.world
    perp, names = sim.symbols["usdm"]["ETHUSDT"], sim.symbols["usdm"]
    keys = [
        ("usdm/market", n) for n in ("ethusdt@aggTrade", "!markPrice@arr@1s", "!ticker@arr", "!forceOrder@arr")
    ]
    keys.append(("usdm/public", "ethusdt@trade"))
    contract = world.rows.contracts[perp]
    seen = {Trade: 0, Mark: 0, Ticker: 0, Liquidation: 0}
    run(sim, keys, 0)
    world.shock(world.rows.asset[perp], -0.03)
    for _ in range(500):
        happened = world.step(STEP_NS)
        fills = [t for t in happened.trades if t.row == perp]
        orders = {names_of(sim, x.row): x for x in happened.liquidations}
        read: list[Trade] = []
        for key, text in sim.publish(happened):
            for event in decode(CM, text):
                if isinstance(event, Trade) and "aggTrade" in key[1]:
                    read.append(event)
                elif isinstance(event, Mark):
                    seen[Mark] += 1
                    assert event.price == pytest.approx(float(world.mark[names[event.symbol]]), abs=1e-8)
                elif isinstance(event, Index):
                    assert event.price == pytest.approx(float(world.index[names[event.symbol]]), abs=1e-8)
                elif isinstance(event, Funding):
                    carry = world.trading.carry[names[event.symbol]]
                    assert (event.rate, event.next_ts) == (carry.rate, carry.next_ns // 10**6 * 10**6)
                elif isinstance(event, Ticker):
                    seen[Ticker] += 1
                    row = names[event.symbol]
                    assert event.last == float(world.rows.contracts[row].price_text(world.trading.last[row]))
                elif isinstance(event, Liquidation):
                    seen[Liquidation] += 1
                    if (
                        order := orders.get(event.symbol)
                    ) is not None and event.ts_event == order.ts_ns // 10**6 * 10**6:
                        assert event.side is (Side.SELL if order.long else Side.BUY)
        seen[Trade] += len(read)
        assert [(e.price, e.size, e.taker, e.id) for e in read] == [
            (float(contract.price_text(t.price)), float(contract.size_text(t.lots)),
             Side.BUY if t.buy else Side.SELL, str(t.number))
            for t in fills
        ]  # fmt: skip
    assert min(seen[kind] for kind in (Trade, Mark, Ticker)) > 20


def names_of(sim: BinanceVoice, row: int) -> str:
    return sim.world.rows.contracts[row].symbol


def test_forced_orders_are_at_most_one_a_second_and_symbol() -> None:
    sim = voice()
    run(sim, [("usdm/market", "!forceOrder@arr")], 0)
    times: dict[str, list[int]] = {}
    for _ in range(1500):
        if sim.world.now_ns % 10**9 < STEP_NS:
            sim.world.shock(0, -0.01)
        for _, text in sim.publish(sim.world.step(STEP_NS)):
            said = json.loads(text)["data"]
            times.setdefault(said["o"]["s"], []).append(said["E"])
    assert times
    for said_at in times.values():
        assert all(later - sooner >= 1000 for sooner, later in itertools.pairwise(said_at))


def test_rest_reads_back() -> None:
    sim = voice()
    run(sim, [("usdm/public", "btcusdt@trade")], 200)
    for market, root in (("usdm", "/fapi/v1"), ("spot", "/api/v3")):
        body = sim.answer(Ask("GET", f"{root}/exchangeInfo", {})).body
        listed = {e.symbol: e.instrument for e in decode_instruments(f"binance-{market}", Request("i", "/"), body)
                  if isinstance(e, Listed)}  # fmt: skip
        assert list(listed) == list(sim.symbols[market])
        for symbol, row in sim.symbols[market].items():
            contract, found = sim.world.rows.contracts[row], listed[symbol]
            ticker = sim.world.rows.assets[contract.asset].ticker
            assert (found.base, found.multiplier, found.quote) == (ticker, contract.multiplier, contract.quote)
            assert found.tick_size == pytest.approx(contract.tick)
            assert found.expiry_ts == contract.expiry_ns // 10**6 * 10**6
        days = decode_days(Request("t", "/"), sim.answer(Ask("GET", f"{root}/ticker/24hr", {})).body)
        assert {e.symbol for e in days if isinstance(e, Ticker)} == set(sim.symbols[market])
        request = Request("k", "/", (("symbol", "BTCUSDT"), ("endTime", str(START_NS // 10**6))))
        query = {"symbol": "BTCUSDT", "interval": "1m", "limit": "100"}
        candles = decode_klines(request, sim.answer(Ask("GET", f"{root}/klines", query)).body)
        assert len(candles) >= 99
    interest = sim.answer(Ask("GET", "/fapi/v1/openInterest", {"symbol": "BTCUSDT"})).body
    (oi,) = decode_interest(Request("o", "/"), interest)
    assert isinstance(oi, OpenInterest)
    row = sim.symbols["usdm"]["BTCUSDT"]
    assert oi.size == pytest.approx(sim.world.trading.carry[row].oi * sim.world.rows.contracts[row].lot)
    hours = decode_intervals(Request("f", "/"), sim.answer(Ask("GET", "/fapi/v1/fundingInfo", {})).body)
    for event in hours:
        assert isinstance(event, Funding)
        assert event.interval_hours == sim.world.rows.contracts[sim.symbols["usdm"][event.symbol]].funding_hours
    assert ask(sim, "/fapi/v1/premiumIndex", symbol="BTCUSDT")["symbol"] == "BTCUSDT"
    assert len(ask(sim, "/futures/data/openInterestHist", symbol="BTCUSDT", period="5m", limit="10")) == 10
    assert ask(sim, "/fapi/v1/aggTrades", symbol="BTCUSDT")[-1]["a"] == sim.world.trading.numbers[row]


def test_errors_are_native() -> None:
    sim = voice()
    for path, query, code in (
        ("/fapi/v1/depth", {"symbol": "NOPE"}, -1121),
        ("/fapi/v1/depth", {}, -1102),
        ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": "x"}, -1100),
    ):
        answer = sim.answer(Ask("GET", path, query))
        assert (answer.status, json.loads(answer.body)["code"]) == (400, code)
    assert sim.answer(Ask("GET", "/api/v3/premiumIndex", {})).status == 404


def test_weights_run_out_and_going_on_is_a_ban() -> None:
    sim = voice()
    get = partial(sim.answer, Ask("GET", "/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "1000"}))
    answers = [get() for _ in range(121)]
    assert [a.status for a in answers] == [200] * 120 + [429]
    assert answers[119].headers["X-MBX-USED-WEIGHT-1M"] == "2400"
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert [get().status for _ in range(60)][-1] == 418
    assert sim.answer(Ask("GET", "/api/v3/ping", {})).status == 200, "spot has a budget of its own"


async def test_sockets_speak_both_forms_and_a_wrong_route_is_silent() -> None:
    settings = SimSettings(venues=("binance",), seed=3, assets=6, rate=1500.0)
    async with serve(settings) as simulation, aiohttp.ClientSession() as http:
        url = simulation.urls["binance"].ws
        async with http.ws_connect(f"{url}/public/stream?streams=btcusdt@bookTicker/btcusdt@aggTrade") as socket:
            streams = {(await next_of(socket))["stream"] for _ in range(20)}
            assert streams == {"btcusdt@bookTicker"}, "aggTrade is on the other route"
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 3})
            while "id" not in (message := await next_of(socket)):
                pass
            assert message == {"result": ["btcusdt@bookTicker"], "id": 3}
        async with http.ws_connect(f"{url}/market/ws") as socket:
            params = ["btcusdt@aggTrade", "btcusdt@depth"]
            await socket.send_json({"method": "SUBSCRIBE", "params": params, "id": "a"})
            assert await next_of(socket) == {"result": None, "id": "a"}
            assert (await next_of(socket))["e"] == "aggTrade"
            await socket.send_json({"method": "DANCE", "id": 1})
            while "id" not in (message := await next_of(socket)):
                pass
            assert message["error"]["code"] == 2
        async with http.ws_connect(f"{url}/ws/ethusdt@trade") as socket:
            assert (await next_of(socket))["s"] == "ETHUSDT"


async def next_of(socket: aiohttp.ClientWebSocketResponse) -> Any:
    return json.loads(await asyncio.wait_for(socket.receive_str(), 10))


async def test_venues_share_the_latent_price() -> None:
    settings = SimSettings(venues=("bybit", "binance"), seed=3, assets=12, rate=1000.0)
    async with serve(settings) as simulation, aiohttp.ClientSession() as http:
        assert set(simulation.urls) == {"bybit", "binance"}
        urls = simulation.urls
        async with http.get(f"{urls['bybit'].rest}/v5/market/tickers?category=linear") as answer:
            rows = (await answer.json())["result"]["list"]
            bybit = {row["symbol"]: float(row["lastPrice"]) for row in rows}
        async with http.get(f"{urls['binance'].rest}/fapi/v1/ticker/24hr") as answer:
            binance = {row["symbol"]: float(row["lastPrice"]) for row in await answer.json()}
        both = [s for s in bybit if s in binance]
        assert len(both) >= 8
        for symbol in both:
            assert binance[symbol] == pytest.approx(bybit[symbol], rel=0.02)
        with pytest.raises(ValueError, match="too many values"):
            _ = simulation.rest_url


def test_the_same_seed_gives_the_same_bytes() -> None:
    keys = [("usdm/public", "btcusdt@depth@100ms"), ("usdm/market", "!ticker@arr"), ("spot", "ethusdt@trade")]
    assert run(voice(), keys, 150) == run(voice(), keys, 150)
    assert DIALECT.name == "binance"
