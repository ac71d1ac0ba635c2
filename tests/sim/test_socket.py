"""Bybit's public sockets: acks, books, tickers, trades, limits."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from crosstape.sim.server import SimSettings

Levels = dict[str, str]
Running = Callable[..., Any]


def fold(side: Levels, rows: list[list[str]]) -> None:
    for price, size in rows:
        if float(size):
            side[price] = size
        else:
            del side[price]


def best(side: Levels, bids: bool, depth: int) -> list[list[str]]:
    return [[p, side[p]] for p in sorted(side, key=float, reverse=bids)[:depth]]


@pytest.mark.parametrize(
    ("category", "symbol"), [("linear", "BTCUSDT"), ("inverse", "BTCUSD"), ("spot", "ETHUSDT")]
)
async def test_depth_50_rebuilt_from_the_socket_is_the_book_of_rest(
    running: Running, category: str, symbol: str
) -> None:
    async with running() as client, client.socket(category, f"orderbook.50.{symbol}") as socket:
        message = await socket.next("orderbook")
        assert message["type"] == "snapshot"
        bids, asks = dict(message["data"]["b"]), dict(message["data"]["a"])
        u, seen, compared = message["data"]["u"], {}, 0
        for _ in range(400):
            message = await socket.next("orderbook")
            data = message["data"]
            assert message["type"] == "delta"
            assert data["u"] == u + 1
            assert message["cts"] <= message["ts"]
            u = data["u"]
            fold(bids, data["b"])
            fold(asks, data["a"])
            assert len(bids) == len(asks) == 50
            assert max(map(float, bids)) < min(map(float, asks))
            seen[data["seq"]] = (best(bids, True, 50), best(asks, False, 50))
            book = await client.result("/v5/market/orderbook", category=category, symbol=symbol, limit=50)
            if book["seq"] in seen:
                compared += 1
                assert (book["b"], book["a"]) == seen[book["seq"]]
            if compared == 5:
                return
        raise AssertionError("never at the same sequence number")


async def test_depths_agree_at_the_same_sequence_number(running: Running) -> None:
    topics = [f"orderbook.{depth}.ETHUSDT" for depth in (1, 50, 200, 1000)]
    async with running() as client, client.socket("linear", *topics) as socket:
        books: dict[str, tuple[Levels, Levels, int]] = {}
        agreed = set()
        for _ in range(600):
            message = await socket.next("orderbook")
            topic, data = message["topic"], message["data"]
            if message["type"] == "snapshot":
                books[topic] = ({}, {}, 0)
            bids, asks, _ = books[topic]
            fold(bids, data["b"])
            fold(asks, data["a"])
            books[topic] = (bids, asks, data["seq"])
            for other, (b, a, seq) in books.items():
                if seq == data["seq"] and other != topic:
                    agreed.add(frozenset((topic, other)))
                    assert best(b, True, 1) == best(bids, True, 1)
                    assert best(a, False, 1) == best(asks, False, 1)
            if len(agreed) >= 4:
                break
        assert len(agreed) >= 4
        assert len(books[topics[3]][0]) == 1000


async def test_depth_1_is_said_again_after_three_seconds(running: Running) -> None:
    settings = SimSettings(assets=12, rate=1.0, time_scale=10.0)
    async with running(settings) as client, client.socket("linear", "orderbook.1.ETHUSDT") as socket:
        messages = await socket.some(4)
        assert {m["type"] for m in messages} == {"snapshot"}
        again = [(a, b) for a, b in itertools.pairwise(messages) if a["data"]["u"] == b["data"]["u"]]
        assert again
        assert all(a["data"]["b"] == b["data"]["b"] for a, b in again)


async def test_merged_ticker_is_the_ticker_of_rest(running: Running) -> None:
    async with running() as client, client.socket("linear", "tickers.BTCUSDT", "publicTrade.BTCUSDT") as socket:
        merged: dict[str, str] = {}
        kinds, trades, compared = [], [], 0
        for _ in range(300):
            message = await socket.next()
            if message["topic"] == "publicTrade.BTCUSDT":
                trades += message["data"]
                continue
            kinds.append(message["type"])
            changed = {k: v for k, v in message["data"].items() if merged.get(k) != v}
            assert kinds[-1] == "snapshot" or changed.keys() | {"symbol"} == message["data"].keys()
            merged |= message["data"]
            row = (await client.result("/v5/market/tickers", category="linear", symbol="BTCUSDT"))["list"][0]
            same = {k: v for k, v in merged.items() if k in row and k != "deliveryTime"}
            if all(row[k] == v for k, v in same.items()):
                compared += 1
                assert len(same) > 20
            if compared >= 3 and trades:
                break
        assert compared >= 3
        assert kinds[0] == "snapshot"
        assert set(kinds[1:]) == {"delta"}
        assert float(merged["openInterest"]) == pytest.approx(2 * float(merged["singleOpenInterest"]))


async def test_last_price_of_the_ticker_is_the_last_trade(running: Running) -> None:
    async with running() as client, client.socket("linear", "tickers.BTCUSDT", "publicTrade.BTCUSDT") as socket:
        last, checked = None, 0
        while checked < 5:
            message = await socket.next()
            if message["topic"].startswith("publicTrade"):
                last = message["data"][-1]["p"]
                assert all(t["S"] in ("Buy", "Sell") and float(t["v"]) > 0 for t in message["data"])
            elif last and "lastPrice" in message["data"]:
                assert message["data"]["lastPrice"] == last
                checked += 1


async def test_spot_ticker_is_whole_and_has_no_touch(running: Running) -> None:
    async with running() as client, client.socket("spot", "tickers.BTCUSDT") as socket:
        messages = await socket.some(3, "tickers")
        assert {m["type"] for m in messages} == {"snapshot"}
        assert all("usdIndexPrice" in m["data"] and "bid1Price" not in m["data"] for m in messages)


async def test_kline_closes_and_is_the_candle_of_rest(running: Running) -> None:
    settings = SimSettings(assets=12, time_scale=60.0)
    async with running(settings) as client, client.socket("linear", "kline.1.BTCUSDT") as socket:
        while not (candle := (await socket.next("kline"))["data"][0])["confirm"]:
            assert candle["end"] == candle["start"] + 59_999
        query = {"category": "linear", "symbol": "BTCUSDT", "interval": 1, "start": candle["start"], "limit": 1}
        row = (await client.result("/v5/market/kline", **query))["list"][0]
        names = ("open", "high", "low", "close", "volume", "turnover")
        assert row == [str(candle["start"]), *(candle[name] for name in names)]


async def test_a_fast_drop_shows_buy_liquidations(running: Running) -> None:
    async with running() as client, client.socket("linear", "allLiquidation.BTCUSDT") as socket:
        for _ in range(10):
            client.server.world.shock(0, -0.004)
            await asyncio.sleep(0.05)
        rows = (await socket.next("allLiquidation"))["data"]
        assert {r["S"] for r in rows} == {"Buy"}
        assert all(float(r["v"]) > 0 for r in rows)


@pytest.mark.parametrize(
    ("category", "topics"),
    [
        ("linear", ["publicTrade.BTCUSDT", "publicTrade.NOPEUSDT"]),
        ("linear", ["orderbook.50.BTCUSD"]),
        ("inverse", ["tickers.BTCUSDT"]),
        ("linear", ["orderbook.25.BTCUSDT"]),
        ("linear", ["kline.2.BTCUSDT"]),
        ("spot", ["allLiquidation.BTCUSDT"]),
    ],
)
async def test_one_bad_topic_fails_the_whole_request(running: Running, category: str, topics: list[str]) -> None:
    async with running() as client, client.socket(category) as socket:
        ack = await socket.ask("subscribe", *topics, req_id="r1")
        assert not ack["success"]
        assert topics[-1] in ack["ret_msg"]
        assert (ack["req_id"], ack["op"]) == ("r1", "subscribe")
        assert not client.server.stream.topics


async def test_acks_pongs_and_unsubscribe(running: Running) -> None:
    async with running() as client, client.socket("linear", "tickers.BTCUSDT") as socket:
        pong = await socket.ask("ping", req_id="p1")
        assert (pong["ret_msg"], pong["op"], pong["success"], pong["req_id"]) == ("pong", "ping", True, "p1")
        again = await socket.ask("subscribe", "tickers.BTCUSDT")
        assert again["ret_msg"] == "error:already subscribed,topic:tickers.BTCUSDT"
        assert (await socket.ask("unsubscribe", "tickers.BTCUSDT"))["success"]
        assert not client.server.stream.topics
        assert not (await socket.ask("dance"))["success"]


async def test_argument_limits(running: Running) -> None:
    async with running() as client:
        async with client.socket("spot") as socket:
            ack = await socket.ask("subscribe", *[f"tickers.X{i}USDT" for i in range(11)])
            assert ack["ret_msg"] == "args size >10"
        async with client.socket("linear") as socket:
            ack = await socket.ask("subscribe", *["tickers.BTCUSDT"] * 1500)
            assert "21000" in ack["ret_msg"]


async def test_a_silent_client_is_cut(running: Running) -> None:
    settings = SimSettings(assets=3, time_scale=100.0, idle_s=60.0)
    async with running(settings) as client, client.socket("linear") as socket:
        message = await asyncio.wait_for(socket.raw.receive(), 10)
        assert message.type.name in ("CLOSED", "CLOSE", "CLOSING", "ERROR")


async def test_clients_share_a_topic(running: Running) -> None:
    topic = "orderbook.50.BTCUSDT"
    async with running() as client, client.socket("linear", topic) as one:
        await one.some(5)
        async with client.socket("linear", topic) as two:
            first = await two.next("orderbook")
            after = await two.next("orderbook")
            assert (first["type"], after["type"]) == ("snapshot", "delta")
            assert after["data"]["u"] == first["data"]["u"] + 1
        await one.some(5)
    assert not client.server.stream.topics


async def test_activity_follows_subscriptions_unless_steady(running: Running) -> None:
    for steady in (False, True):
        settings = SimSettings(assets=40, rate=2000.0, steady=steady)
        async with running(settings) as client:
            usual = client.server.world.flow.updates_hz.copy()
            symbols = list(client.server.stream.symbols["linear"])[:20]
            topics = [f"{kind}.{s}" for s in symbols for kind in ("orderbook.50", "publicTrade", "tickers")]
            async with client.socket("linear", *topics) as socket:
                await socket.some(300)
                hz = client.server.world.flow.updates_hz
                rows = [client.server.stream.symbols["linear"][s] for s in symbols]
                assert (hz[rows] > usual[rows]).all() != steady
                others = [row for row in range(len(hz)) if row not in rows]
                assert (hz[others] == usual[others]).all()
