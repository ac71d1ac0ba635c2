"""ccxt.pro's Binance is a client of the simulator by URL alone."""

from __future__ import annotations

from typing import Any

import pytest

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
