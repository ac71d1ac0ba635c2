"""Other exchanges over the API: a simulated one through ccxt, cached, its account behind verified signatures."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import ClientSession, web

from crosstape.api import ApiSettings, Hub, create_app
from crosstape.app.accounts import open_vault
from crosstape.app.others import with_keys
from crosstape.client import remote
from crosstape.config import Config
from crosstape.feeds.exchanges import Exchanges, ExchangeSettings, moved
from crosstape.model.credential import Credential
from crosstape.sim.server import SimSettings, serve
from crosstape.store.cache.cache import open_cache
from crosstape.store.cache.settings import CacheSettings
from support.served import Notebook, Process

KEY, SECRET = "reader", "of-the-test"
PERP = {"exchange": "bybit", "symbol": "BTC/USDT:USDT"}


class Front:
    """In front of the simulated Bybit: counts requests, and answers for an account whose signature is right."""

    def __init__(self, rest: str) -> None:
        self.rest, self.asked, self.signed, self.refused, self.down = rest, list[str](), 0, 0, False

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.down:
            return web.json_response({"retCode": 10016, "retMsg": "Server error"}, status=500)
        if "X-BAPI-API-KEY" in request.headers:
            return self._account(request)
        async with ClientSession() as http, http.get(f"{self.rest}{request.path_qs}") as answer:
            return web.Response(body=await answer.read(), status=answer.status, content_type="application/json")

    def _account(self, request: web.Request) -> web.Response:
        head = request.headers
        text = head["X-BAPI-TIMESTAMP"] + KEY + head["X-BAPI-RECV-WINDOW"] + request.query_string
        right = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        if head["X-BAPI-API-KEY"] != KEY or not hmac.compare_digest(right, head["X-BAPI-SIGN"]):
            self.refused += 1
            return web.json_response({"retCode": 10004, "retMsg": "error sign!", "result": {}})
        self.signed += 1
        coins = [{"coin": "BTC", "walletBalance": "0.75", "locked": "0.25", "equity": "0.75"},
                 {"coin": "ETH", "walletBalance": "0", "locked": "0", "equity": "0"}]  # fmt: skip
        result = {"list": [{"accountType": "UNIFIED", "coin": coins}]} if "balance" in request.path else {}
        return web.json_response({"retCode": 0, "retMsg": "OK", "result": result, "time": 1_795_000_000_000})


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with serve(SimSettings(seed=3, assets=10, rate=300.0)) as simulation:
        front = Front(simulation.urls["bybit"].rest)
        runner = web.ServerRunner(web.Server(front), handle_signals=False)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        front.url = site.name
        yield front
        await runner.cleanup()


@pytest.fixture
async def client(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(front, SECRET) as client:
        yield client


def _client(front: Front, secret: str) -> Any:
    settings = ExchangeSettings(rest=front.url, api_key=KEY, secret=secret, timeout_s=10.0)
    exchanges, cache = Exchanges({"bybit": settings}), open_cache(CacheSettings())
    app = create_app(Hub(), Process(), (), Notebook(), ApiSettings(), cache=cache, exchanges=exchanges)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    class Client(httpx.AsyncClient):
        async def aclose(self) -> None:
            await super().aclose()
            await cache.close()
            await exchanges.close()

        async def __aexit__(self, *_: Any) -> None:
            await self.aclose()

    return Client(transport=transport, base_url="http://127.0.0.1:8317/api/v1", timeout=60.0)


@pytest.mark.filterwarnings("ignore")
async def test_candles_and_tickers_are_asked_for_once_and_then_come_from_the_cache(
    client: httpx.AsyncClient, front: Front
) -> None:
    first = await client.get("/ohlcv", params={**PERP, "timeframe": "5m", "limit": 20})
    assert first.status_code == 200, first.text
    rows = remote.ohlcv(**PERP, timeframe="5m").read(first.content).rows
    starts = [row[0] for row in rows]
    assert len(rows) == 20
    assert [b - a for a, b in pairwise(starts)] == [300_000] * 19
    assert all(low <= min(o, c) <= max(o, c) <= high for _, o, high, low, c, _ in rows)
    ticker = remote.ticker(**PERP).read((await client.get("/ticker", params=PERP)).content).ticker
    assert ticker["last"] == pytest.approx(rows[-1][4], rel=0.02)
    asked = len(front.asked)
    for _ in range(5):
        again = await client.get("/ohlcv", params={**PERP, "timeframe": "5m", "limit": 20})
        assert again.content == first.content
    assert len(front.asked) == asked, "the exchange was asked again"
    stats = (await client.get("/cache/stats")).json()
    assert stats["kinds"] == {"ohlcv": {"hits": 5, "misses": 1}, "ticker": {"hits": 0, "misses": 1}}
    assert stats["total_entries"] == 2


@pytest.mark.filterwarnings("ignore")
async def test_a_balance_needs_a_right_signature(client: httpx.AsyncClient, front: Front) -> None:
    answer = await client.get("/balance", params={"exchange": "bybit"})
    assert answer.status_code == 200, answer.text
    held = remote.balance("bybit").read(answer.content).rows
    assert held == (remote.Holding("BTC", 0.5, 0.25, 0.75),)
    assert front.signed
    assert not front.refused
    async with _client(front, "another") as wrong:
        refused = await wrong.get("/balance", params={"exchange": "bybit"})
    assert refused.status_code == 502
    assert "AuthenticationError" in refused.json()["error"]["message"]
    assert "another" not in refused.text
    assert KEY not in refused.text


@pytest.mark.filterwarnings("ignore")
async def test_what_cannot_be_asked_is_named(client: httpx.AsyncClient, front: Front) -> None:
    for path, given, parameter in (
        ("/ohlcv", {"exchange": "nowhere"}, "exchange"),
        ("/ohlcv", {**PERP, "symbol": "BTC/XYZ"}, "symbol"),
        ("/ohlcv", {**PERP, "timeframe": "7m"}, "timeframe"),
        ("/balance", {"exchange": "kraken"}, "exchange"),
    ):
        answer = await client.get(path, params=given)
        assert (answer.status_code, answer.json()["error"]["parameter"]) == (404, parameter)
    front.down = True
    down = await client.get("/ticker", params=PERP)
    assert (down.status_code, down.json()["error"]["code"]) == (502, "remote")


def test_addresses_move_and_keep_their_paths() -> None:
    given = {
        "public": "https://api.x.com/v1",
        "ws": {"a": "wss://x.com/ws"},
        "v": {"p": "https://{hostname}/v2/p"},
    }
    assert moved(given, "http://127.0.0.1:1") == {
        "public": "http://127.0.0.1:1/v1", "ws": {"a": "wss://x.com/ws"}, "v": {"p": "http://127.0.0.1:1/v2/p"},
    }  # fmt: skip


def test_the_vaults_keys_are_used_where_the_configuration_has_none(tmp_path: Path) -> None:
    passphrase = {"CROSSTAPE_PASSPHRASE": "a long enough passphrase of the test"}
    own = ExchangeSettings(api_key="configured", secret="as well")
    config = Config(data=str(tmp_path), ccxt={"kraken": own, "bybit": ExchangeSettings(timeout_s=7.0)})
    assert with_keys(config, passphrase) == config.ccxt
    vault = open_vault(config, environment=passphrase)
    for name, venue in (("one", "bybit"), ("two", "bybit"), ("three", "kraken"), ("four", "kucoin")):
        vault.add(
            Credential(name, venue, f"key of {name}", f"secret of {name}", "third" if venue == "kucoin" else "")
        )
    found = with_keys(config, passphrase)
    first = vault.all()
    bybit = next(one for one in first if one.venue == "bybit")
    assert found["bybit"] == ExchangeSettings(timeout_s=7.0, api_key=bybit.key, secret=bybit.secret)
    assert found["kraken"] == own
    assert (found["kucoin"].api_key, found["kucoin"].password) == ("key of four", "third")
    assert with_keys(config, {}) == config.ccxt, "shut without its passphrase"
