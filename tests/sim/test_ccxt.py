"""ccxt.pro is a client of the simulator by URL alone."""

from collections.abc import Callable
from typing import Any

import pytest

Running = Callable[..., Any]


@pytest.mark.filterwarnings("ignore")
async def test_ccxt_pro(running: Running) -> None:
    pro = pytest.importorskip("ccxt.pro")
    async with running() as client:
        kinds = ("spot", "linear", "inverse")
        exchange = pro.bybit({"enableRateLimit": False, "options": {"fetchMarkets": {"types": list(kinds)}}})
        rest = dict.fromkeys(("spot", "futures", "v2", "public", "private"), client.server.rest_url)
        public = {kind: f"{client.server.ws_url}/v5/public/{kind}" for kind in kinds}
        exchange.urls["api"] = {**rest, "ws": {"public": public}}
        try:
            markets = await exchange.load_markets()
            assert {"BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC", "BTC/USDC:USDC"} <= set(markets)
            for symbol in ("BTC/USDT:USDT", "BTC/USD:BTC", "ETH/USDT"):
                trade = (await exchange.watch_trades(symbol))[-1]
                book = await exchange.watch_order_book(symbol)
                ticker = await exchange.watch_ticker(symbol)
                assert trade["side"] in ("buy", "sell")
                assert book["bids"][0][0] < book["asks"][0][0]
                assert ticker["last"] == pytest.approx(trade["price"], rel=0.01)
            perp = "BTC/USDT:USDT"
            assert (await exchange.fetch_open_interest(perp))["openInterestAmount"] > 0
            rates = await exchange.fetch_funding_rate_history(perp, limit=20)
            assert len(rates) == 20
            assert [r["timestamp"] for r in rates] == sorted(r["timestamp"] for r in rates)
            assert len(await exchange.fetch_ohlcv(perp, "1h", limit=5)) == 5
        finally:
            await exchange.close()
