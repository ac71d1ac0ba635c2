"""ccxt.pro's Binance is a client of the simulator by URL alone."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Any

import aiohttp
import pytest

from crosstape.sim.account import KEY, SECRET
from crosstape.sim.server import SimSettings, Urls, serve

SETTINGS = SimSettings(venues=("binance",), seed=3, assets=12, rate=1500.0)


def pointed(exchange: Any, urls: Urls) -> Any:
    """The client at the simulator. It knows spot sockets by "/stream" in their address."""
    rest, ws = urls.rest, urls.ws
    roots = {"public": "/api/v3", "fapiPublic": "/fapi/v1", "fapiPublicV2": "/fapi/v2", "fapiPublicV3": "/fapi/v3",
             "fapiData": "/futures/data", "dapiPublic": "/dapi/v1"}  # fmt: skip
    api = {name: rest + root for name, root in roots.items()}
    exchange.urls["api"] = {**exchange.urls["api"], **api, "ws": {"spot": f"{ws}/stream", "linear": f"{ws}/ws"}}
    return exchange


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["binance", "binanceusdm"])
async def test_ccxt_pro(name: str) -> None:
    pro = pytest.importorskip("ccxt.pro")
    kinds = ["spot", "linear"] if name == "binance" else ["linear"]
    symbols = ["BTC/USDT:USDT", "ETH/USDC:USDC"] + (["ETH/USDT"] if name == "binance" else [])
    async with serve(SETTINGS) as simulation:
        made = getattr(pro, name)({"enableRateLimit": False, "options": {"fetchMarkets": {"types": kinds}}})
        exchange = pointed(made, simulation.urls["binance"])
        try:
            markets = await exchange.load_markets()
            assert set(symbols) <= set(markets)
            assert "1000PEPE/USDT:USDT" in markets
            for symbol in symbols:
                trade = (await exchange.watch_trades(symbol))[-1]
                assert trade["side"] in ("buy", "sell")
                for _ in range(20):
                    book = await exchange.watch_order_book(symbol)
                    assert book["bids"][0][0] < book["asks"][0][0]
                ticker = await exchange.watch_ticker(symbol)
                assert ticker["last"] == pytest.approx(trade["price"], rel=0.01)
            perp = "BTC/USDT:USDT"
            assert (await exchange.fetch_funding_rate(perp))["markPrice"] > 0
            assert (await exchange.fetch_open_interest(perp))["openInterestAmount"] > 0
            assert len(await exchange.fetch_ohlcv(perp, "1h", limit=5)) == 5
            rates = await exchange.fetch_funding_rate_history(perp, limit=20)
            assert [r["timestamp"] for r in rates] == sorted(r["timestamp"] for r in rates)
            assert len(rates) == 20
        finally:
            await exchange.close()


@pytest.mark.filterwarnings("ignore")
async def test_ccxt_pro_sees_the_account() -> None:
    pro = pytest.importorskip("ccxt.pro")
    async with serve(SETTINGS) as simulation:
        own = simulation.venues["binance"].stream.own  # type: ignore[attr-defined]
        watch = {"fetchBalanceSnapshot": False, "awaitBalanceSnapshot": False}
        made = pro.binanceusdm({"enableRateLimit": False, "apiKey": KEY, "secret": SECRET,
                                "options": {"fetchMarkets": {"types": ["linear"]}, "watchBalance": watch}})  # fmt: skip
        exchange = pointed(made, simulation.urls["binance"])
        rest = simulation.urls["binance"].rest
        private = {"fapiPrivate": "/fapi/v1", "fapiPrivateV2": "/fapi/v2", "fapiPrivateV3": "/fapi/v3"}
        exchange.urls["api"] |= {name: rest + root for name, root in private.items()}
        exchange.has["fetchCurrencies"] = False
        try:
            async with asyncio.timeout(40):
                trades = await exchange.watch_my_trades()
                orders = await exchange.watch_orders()
                balance = await exchange.watch_balance()
                past = await exchange.fetch_my_trades(trades[-1]["symbol"])
                waiting = await exchange.fetch_open_orders("BTC/USDT:USDT")
        finally:
            await exchange.close()
        known = {str(own.id(fill.number)) for fill in own.account.fills}
        assert {trade["id"] for trade in trades} <= {trade["id"] for trade in past} <= known
        assert {order["status"] for order in (*orders, *waiting)} <= {"open", "closed", "canceled"}
        assert balance["USDT"]["total"] == pytest.approx(float(own.account.wallet), abs=1_000)


@pytest.mark.filterwarnings("ignore")
async def test_ccxt_pro_sees_the_spot_account() -> None:
    pro = pytest.importorskip("ccxt.pro")
    async with serve(SETTINGS) as simulation:
        spot, urls = simulation.venues["binance"].stream.spot, simulation.urls["binance"]  # type: ignore[attr-defined]
        watch = {"fetchBalanceSnapshot": False, "awaitBalanceSnapshot": False}
        made = pro.binance({"enableRateLimit": False, "apiKey": KEY, "secret": SECRET,
                            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False,
                                        "watchBalance": watch}})  # fmt: skip
        exchange = pointed(made, urls)
        exchange.urls["api"] |= {"private": f"{urls.rest}/api/v3"}
        exchange.urls["api"]["ws"] |= {"ws-api": {"spot": f"{urls.ws}/ws-api/v3"}}
        exchange.has["fetchCurrencies"] = False
        try:
            async with asyncio.timeout(40):
                trades = await exchange.watch_my_trades()
                orders = await exchange.watch_orders()
                balance = await exchange.watch_balance()
                past = await exchange.fetch_my_trades(trades[-1]["symbol"])
                waiting = await exchange.fetch_open_orders("BTC/USDT")
                held = await exchange.fetch_balance()
        finally:
            await exchange.close()
        known = {str(spot.id(fill.number)): spot.commission(fill) for fill in spot.account.fills}
        assert {trade["id"] for trade in trades} <= {trade["id"] for trade in past} <= set(known)
        for trade in past:
            fee, asset = known[trade["id"]]
            assert (trade["fee"]["cost"], trade["fee"]["currency"]) == (pytest.approx(float(fee)), asset)
        assert {order["status"] for order in (*orders, *waiting)} <= {"open", "closed", "canceled"}
        assert balance["USDT"]["total"] == pytest.approx(float(spot.held["USDT"]), abs=10_000)
        assert set(held["total"]) == set(spot.held)


def signed(params: dict[str, str]) -> dict[str, str]:
    text = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    return params | {"signature": hmac.new(SECRET.encode(), text.encode(), "sha256").hexdigest()}


async def test_the_websocket_api_refuses_in_the_venues_words_and_subscribes_once() -> None:
    async with serve(SETTINGS) as simulation, aiohttp.ClientSession() as http:
        urls, now = simulation.urls["binance"], str(int(time.time() * 1e3))
        good = signed({"apiKey": KEY, "timestamp": now})
        subscribe, listed = "userDataStream.subscribe.signature", "session.subscriptions"
        wrong: list[tuple[str, dict[str, str], int]] = [
            (subscribe, good | {"apiKey": "other"}, -2015), (subscribe, good | {"signature": "00"}, -1022),
            (subscribe, signed({"apiKey": KEY, "timestamp": "1"}), -1021), (subscribe, {}, -2015), ("order.x", {}, -1102),
        ]  # fmt: skip
        async with http.ws_connect(f"{urls.ws}/ws-api/v3") as ws:

            async def said(method: str, params: dict[str, str]) -> dict[str, Any]:
                await ws.send_json({"id": "7", "method": method, "params": params})
                async with asyncio.timeout(10):
                    while (told := await ws.receive_json()).get("id") != "7":
                        assert told["event"]["e"] in ("executionReport", "outboundAccountPosition")
                return told  # type: ignore[no-any-return]

            for method, params, code in wrong:
                told = await said(method, params)
                assert (told["status"] >= 400, told["error"]["code"]) == (True, code)
            assert (await said(listed, {}))["result"] == []
            assert (await said(subscribe, good))["result"] == {"subscriptionId": 0}
            assert (await said(listed, {}))["result"] == [{"subscriptionId": 0}]
            assert (await said(subscribe, good))["error"]["code"] == -2035
        trades = f"{urls.rest}/api/v3/myTrades"
        for query, code in (({"symbol": "NEVER"}, -1121), ({}, -1102)):
            asked = "&".join(f"{name}={value}" for name, value in (query | {"timestamp": now}).items())
            mark = hmac.new(SECRET.encode(), asked.encode(), "sha256").hexdigest()
            async with http.get(f"{trades}?{asked}&signature={mark}", headers={"X-MBX-APIKEY": KEY}) as answer:
                assert (answer.status, (await answer.json())["code"]) == (400, code)


async def test_a_listen_key_is_asked_for_with_the_key_alone_and_ends() -> None:
    async with serve(SETTINGS) as simulation, aiohttp.ClientSession() as http:
        urls, own = simulation.urls["binance"], simulation.venues["binance"].stream.own  # type: ignore[attr-defined]
        address, headers = f"{urls.rest}/fapi/v1/listenKey", {"X-MBX-APIKEY": KEY}
        async with http.post(address, headers={"X-MBX-APIKEY": "other"}) as refused:
            assert (refused.status, (await refused.json())["code"]) == (401, -2015)
        async with http.put(address, headers=headers) as none:
            assert (await none.json())["code"] == -1125
        async with http.post(address, headers=headers) as first, http.post(address, headers=headers) as again:
            key = (await first.json())["listenKey"]
            assert (await again.json())["listenKey"] == key
        async with (
            http.ws_connect(f"{urls.ws}/private/ws?listenKey={key}&events=listenKeyExpired") as good,
            http.ws_connect(f"{urls.ws}/private/ws?listenKey=other") as silent,
        ):
            own.until_ns = 0
            told = await asyncio.wait_for(good.receive_json(), 10)
            assert (told["e"], told["listenKey"]) == ("listenKeyExpired", key)
            assert not silent.closed, "a key that is none is let in, and hears nothing"
