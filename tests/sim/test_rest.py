"""Bybit's REST: paging, candles, histories, refusals."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from crosstape.sim.bybit.rest import answer
from crosstape.sim.bybit.stream import Stream
from crosstape.sim.fault import Refuse
from crosstape.sim.prerender import START_NS, instrument_pages
from crosstape.sim.server import SimSettings, make_world

Running = Callable[..., Any]


async def pages(client: Any, path: str, **query: Any) -> list[list[Any]]:
    found, cursor = [], {}
    while True:
        result = await client.result(path, **query, **cursor)
        found.append(result["list"])
        if not result["nextPageCursor"]:
            return found
        cursor = {"cursor": result["nextPageCursor"]}


async def test_instruments_come_in_pages(running: Running) -> None:
    async with running() as client:
        path = "/v5/market/instruments-info"
        whole = await pages(client, path, category="linear")
        parts = await pages(client, path, category="linear", limit=7)
        assert len(whole) == 1
        assert len(parts) > 2
        assert [x for part in parts for x in part] == whole[0]
        rows = {r["symbol"]: r for r in whole[0]}
        assert rows["BTCUSDT"]["contractType"] == "LinearPerpetual"
        assert rows["BTCPERP"]["settleCoin"] == "USDC"
        assert any(r["contractType"] == "LinearFutures" and r["deliveryTime"] != "0" for r in whole[0])
        assert rows["1000PEPEUSDT"]["baseCoin"] == "1000PEPE"
        spot = await client.result(path, category="spot")
        assert "nextPageCursor" not in spot
        assert {"USDCUSDT", "ETHBTC", "BTCUSDC"} <= {r["symbol"] for r in spot["list"]}
        inverse = {r["symbol"]: r["contractType"] for r in (await client.result(path, category="inverse"))["list"]}
        assert inverse["BTCUSD"] == "InversePerpetual"
        assert "InverseFutures" in inverse.values()
        assert (await client.result(path, category="option", baseCoin="BTC"))["list"] == []


def test_five_hundred_rows_need_a_second_page() -> None:
    world = make_world(SimSettings(assets=520, start_ns=START_NS))
    found = instrument_pages(Stream(world), "linear")
    assert len(found) == 2
    assert b"%3D" in found[0]
    symbols = [c.symbol for c in world.rows.contracts if c.market == "linear"]
    assert {"SHIB1000USDT", "10000SATSUSDT", "1INCHUSDT"} <= set(symbols)
    assert len(symbols) == len(set(symbols)) > 550


async def test_candles_are_newest_first_and_consistent(running: Running) -> None:
    async with running() as client:
        ask = {"category": "linear", "symbol": "ETHUSDT"}
        minutes = (await client.result("/v5/market/kline", **ask, interval=1, limit=1000))["list"]
        times = [int(row[0]) for row in minutes]
        assert times == sorted(times, reverse=True)
        assert len(set(times)) == 1000
        for newer, older in itertools.pairwise(minutes):
            assert float(newer[3]) <= min(float(newer[1]), float(newer[4]))
            assert float(newer[2]) >= max(float(newer[1]), float(newer[4]))
            assert newer[1] == older[4]
        hours = (await client.result("/v5/market/kline", **ask, interval=60, limit=5))["list"]
        start = int(hours[2][0])
        inside = [row for row in minutes if start <= int(row[0]) < start + 3_600_000]
        assert len(inside) == 60
        assert hours[2][1:5] == [
            inside[-1][1],
            max((r[2] for r in inside), key=float),
            min((r[3] for r in inside), key=float),
            inside[0][4],
        ]
        assert float(hours[2][5]) == pytest.approx(sum(float(r[5]) for r in inside))
        from_start = await client.result("/v5/market/kline", **ask, interval=60, start=start - 36_000_000, limit=3)
        assert [int(r[0]) for r in from_start["list"]] == [start - 36_000_000 + i * 3_600_000 for i in (2, 1, 0)]
        for interval in ("D", "W", "M"):
            rows = (await client.result("/v5/market/kline", **ask, interval=interval, limit=4))["list"]
            assert len(rows) == 4


async def test_volume_of_the_day_is_the_sum_of_its_minutes(running: Running) -> None:
    world = make_world(SimSettings(assets=5, start_ns=START_NS))
    stream = Stream(world)
    for _ in range(100):
        list(stream.publish(world.step(50_000_000)))
    ask = {"category": "linear", "symbol": "BTCUSDT", "interval": "1", "limit": "1000"}
    now = START_NS // 1_000_000
    bodies = [
        answer(stream, "/v5/market/kline", ask).body,
        answer(stream, "/v5/market/kline", ask | {"end": str(now - 60_000_000 - 1), "limit": "440"}).body,
    ]
    rows = {row[0]: row for body in bodies for row in msgspec.json.decode(body)["result"]["list"]}
    ticker = msgspec.json.decode(
        answer(stream, "/v5/market/tickers", {"category": "linear", "symbol": "BTCUSDT"}).body
    )["result"]["list"][0]
    first = (world.now_ns // 60_000_000_000 - 1439) * 60_000
    day = [row for row in rows.values() if int(row[0]) >= first]
    assert len(day) == 1440
    assert sum(float(r[5]) for r in day) == pytest.approx(float(ticker["volume24h"]))
    assert sum(float(r[6]) for r in day) == pytest.approx(float(ticker["turnover24h"]))
    assert max(float(r[2]) for r in day) == float(ticker["highPrice24h"])
    assert min(float(r[3]) for r in day) == float(ticker["lowPrice24h"])


async def test_inverse_sizes_are_dollars(running: Running) -> None:
    async with running() as client:
        row = (await client.result("/v5/market/tickers", category="inverse", symbol="BTCUSD"))["list"][0]
        price = float(row["lastPrice"])
        assert float(row["volume24h"]) / float(row["turnover24h"]) == pytest.approx(price, rel=0.2)
        value = float(row["singleOpenInterest"]) / float(row["markPrice"])
        assert float(row["singleOpenInterestValue"]) == pytest.approx(value, rel=1e-4)


async def test_funding_history(running: Running) -> None:
    async with running() as client:
        ask = {"category": "linear", "symbol": "BTCUSDT"}
        path = "/v5/market/funding/history"
        assert (await client.get(path, **ask, startTime=1))["retCode"] == 10001
        rows = (await client.result(path, **ask, limit=50))["list"]
        times = [int(r["fundingRateTimestamp"]) for r in rows]
        assert [a - b for a, b in itertools.pairwise(times)] == [8 * 3_600_000] * 49
        older = (await client.result(path, **ask, limit=50, endTime=times[-1] - 1))["list"]
        assert int(older[0]["fundingRateTimestamp"]) == times[-1] - 8 * 3_600_000


@pytest.mark.parametrize(
    ("path", "name"), [("/v5/market/open-interest", "intervalTime"), ("/v5/market/account-ratio", "period")]
)
async def test_marks_come_in_pages(running: Running, path: str, name: str) -> None:
    async with running() as client:
        ask = {"category": "linear", "symbol": "BTCUSDT", name: "1h"}
        one = await client.result(path, **ask, limit=10)
        two = await client.result(path, **ask, limit=10, cursor=one["nextPageCursor"])
        times = [int(r["timestamp"]) for r in one["list"] + two["list"]]
        assert [a - b for a, b in itertools.pairwise(times)] == [3_600_000] * 19


async def test_the_other_endpoints_answer(running: Running) -> None:
    async with running() as client:
        ask = {"category": "linear", "symbol": "BTCUSDT"}
        for kind in ("mark", "index", "premium-index"):
            rows = (await client.result(f"/v5/market/{kind}-price-kline", **ask, interval=5, limit=3))["list"]
            assert [len(r) for r in rows] == [5, 5, 5]
        async with client.socket("linear", "publicTrade.BTCUSDT") as socket:
            heard = (await socket.next("publicTrade"))["data"][0]
            trades = (await client.result("/v5/market/recent-trade", **ask, limit=1000))["list"]
            assert heard["i"] in {t["execId"] for t in trades}
        limits = await client.result("/v5/market/risk-limit", category="linear")
        assert len({r["symbol"] for r in limits["list"]}) == 15
        assert limits["nextPageCursor"]
        assert "timeNano" in await client.result("/v5/market/time")
        assert (await client.result("/v5/system/status"))["list"] == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v5/market/tickers", {"category": "nope"}),
        ("/v5/market/kline", {"category": "linear", "symbol": "NOPE", "interval": "1"}),
        ("/v5/market/kline", {"category": "linear", "symbol": "BTCUSDT", "interval": "2"}),
        ("/v5/market/kline", {"category": "linear", "symbol": "BTCUSDT", "interval": "1", "limit": "5000"}),
        ("/v5/market/orderbook", {"category": "spot"}),
        ("/v5/market/open-interest", {"category": "linear", "symbol": "BTCUSDT"}),
        ("/v5/market/instruments-info", {"category": "linear", "cursor": "rubbish"}),
    ],
)
async def test_bad_parameters_are_10001(running: Running, path: str, query: dict[str, str]) -> None:
    async with running() as client:
        body = await client.get(path, **query)
        assert body["retCode"] == 10001
        assert set(body) == {"retCode", "retMsg", "result", "retExtInfo", "time"}


async def test_too_many_requests_are_403(running: Running) -> None:
    async with running() as client:
        client.server.requests.limit = 20
        statuses = []
        for _ in range(25):
            async with client.http.get(client.server.rest_url + "/v5/market/time") as response:
                statuses.append(response.status)
        assert statuses == [200] * 20 + [403] * 5


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_rest_faults(running: Running, status: int) -> None:
    refuse = Refuse("/v5/market/kline", status, {"Retry-After": "7"}, times=1)
    async with running(rest_faults=(refuse,)) as client:
        async with client.http.get(client.server.rest_url + "/v5/market/kline") as response:
            assert (response.status, response.headers["Retry-After"]) == (status, "7")
        ask = {"category": "linear", "symbol": "BTCUSDT", "interval": 1}
        assert (await client.result("/v5/market/kline", **ask))["list"]
