"""The simulated account over native private sockets and signed REST: refused like the venue, read by another's client."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import numpy as np
import pytest

from crosstape.sim.account import KEY, SECRET, START, Account
from crosstape.sim.server import SimSettings, make_world

Running = Callable[..., Any]
SETTINGS = SimSettings(seed=3, assets=12, rate=600.0)


def auth(key: str = KEY, secret: str = SECRET, ahead_ms: int = 10_000) -> list[Any]:
    expires = int(time.time() * 1e3) + ahead_ms
    return [key, expires, hmac.new(secret.encode(), f"GET/realtime{expires}".encode(), "sha256").hexdigest()]


async def _said(ws: aiohttp.ClientWebSocketResponse, op: str, args: list[Any]) -> dict[str, Any]:
    await ws.send_json({"op": op, "args": args, "req_id": "7"})
    async with asyncio.timeout(10):
        while (told := await ws.receive_json()).get("op") != op:
            pass
    return told  # type: ignore[no-any-return]


@pytest.fixture
async def private(running: Running) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with running(SETTINGS) as client, client.http.ws_connect(f"{client.server.ws_url}/v5/private") as ws:
        yield ws


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"key": "other"}, "API key is invalid."),
        ({"secret": "other"}, "Error sign"),
        ({"ahead_ms": -1_000}, "expires is over"),
        (None, "Params Error"),
    ],
)
async def test_a_bad_key_is_refused_and_gets_nothing(
    private: aiohttp.ClientWebSocketResponse, given: dict[str, Any] | None, said: str
) -> None:
    told = await _said(private, "auth", [KEY] if given is None else auth(**given))
    assert (told["success"], said in told["ret_msg"]) == (False, True)
    refused = await _said(private, "subscribe", ["order"])
    assert (refused["success"], refused["ret_msg"]) == (False, "Request not authorized")


async def test_a_good_key_gets_the_topics_there_are(private: aiohttp.ClientWebSocketResponse) -> None:
    assert (await _said(private, "auth", auth()))["success"]
    wrong = await _said(private, "subscribe", ["order", "nothing"])
    assert wrong["ret_msg"] == "error:handler not found,topic:nothing"
    assert (await _said(private, "subscribe", ["order", "execution", "position", "wallet"]))["success"]
    topics = set()
    async with asyncio.timeout(20):
        while topics < {"order", "execution", "position", "wallet"}:
            topics.add((await private.receive_json()).get("topic"))


def test_the_account_adds_up_and_is_the_same_each_time() -> None:
    """Money that came in is what went out: the wallet and what is held are worth the start, less fees, plus profit."""
    wallets = []
    for _ in range(2):
        world = make_world(SimSettings(seed=3, assets=12, rate=600.0, start_ns=1_790_000_000_000_000_000))
        account = Account(world, "bybit", "linear")
        for _ in range(1_200):
            account.step(world.step(100_000_000))
        fees = sum(fill.fee for fill in account.fills)
        assert account.wallet == START + sum(fill.profit for fill in account.fills) - fees
        for row in account.rows:
            mine = [fill for fill in account.fills if fill.order.row == row]
            lots = sum(fill.lots if fill.order.buy else -fill.lots for fill in mine)
            cash = sum(account.worth(row, f.price, f.lots) * (-1 if f.order.buy else 1) for f in mine)
            held = account.positions[row]
            assert held.lots == lots
            assert np.isclose(float(cash + held.cost), float(sum(fill.profit for fill in mine)), atol=1e-5)
        wallets.append((account.wallet, len(account.fills), len(account.open)))
    assert wallets[0] == wallets[1]
    assert wallets[0][1] > 50


def pointed(pro: Any, server: Any, secret: str = SECRET) -> Any:
    kinds = ("spot", "linear", "inverse")
    exchange = pro.bybit({"enableRateLimit": False, "apiKey": KEY, "secret": secret,
                          "options": {"fetchMarkets": {"types": list(kinds)}}})  # fmt: skip
    rest = dict.fromkeys(("spot", "futures", "v2", "public", "private"), server.rest_url)
    public = {kind: f"{server.ws_url}/v5/public/{kind}" for kind in kinds}
    private = dict.fromkeys(("spot", "contract", "usdc", "trade"), f"{server.ws_url}/v5/private")
    exchange.urls["api"] = {**rest, "ws": {"public": public, "private": private}}
    exchange.has["fetchCurrencies"] = False
    return exchange


@pytest.mark.filterwarnings("ignore")
async def test_ccxt_pro_sees_the_account(running: Running) -> None:
    pro = pytest.importorskip("ccxt.pro")
    async with running(SETTINGS) as client:
        exchange, account = pointed(pro, client.server), client.server.stream.own.account
        try:
            async with asyncio.timeout(40):
                trades = await exchange.watch_my_trades()
                orders = await exchange.watch_orders()
                balance = await exchange.watch_balance()
                positions = await exchange.fetch_positions()
                wallet = await exchange.fetch_balance()
                past = await exchange.fetch_my_trades("BTC/USDT:USDT")
        finally:
            await exchange.close()
        known = {client.server.stream.own.id(2, fill.number) for fill in account.fills}
        assert {trade["id"] for trade in (*trades, *past)} <= known
        assert {trade["takerOrMaker"] for trade in trades} <= {"maker", "taker"}
        assert {order["status"] for order in orders} <= {"open", "closed", "canceled"}
        for told in (balance, wallet):
            assert told["USDT"]["total"] == pytest.approx(float(account.wallet), abs=1_000)
        assert {p["symbol"] for p in positions} <= {f"{s}/USDT:USDT" for s in ("BTC", "ETH", "SOL")}


@pytest.mark.filterwarnings("ignore")
async def test_ccxt_pro_is_told_of_a_wrong_secret(running: Running) -> None:
    pro = pytest.importorskip("ccxt.pro")
    import ccxt

    async with running(SETTINGS) as client:
        exchange = pointed(pro, client.server, secret="wrong")
        try:
            with pytest.raises(ccxt.AuthenticationError, match="Error sign"):
                async with asyncio.timeout(20):
                    await exchange.watch_my_trades()
        finally:
            await exchange.close()
