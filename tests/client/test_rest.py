"""The client against a real server: every endpoint, typed; errors in the server's words; DataFrames."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import math
import sys
from collections.abc import AsyncIterator
from typing import Any

import pandas
import polars
import pytest

from crosstape.api import ApiSettings
from crosstape.api.openapi import document
from crosstape.client import AsyncClient, Client, ClientError, Refused, Unreachable, topics
from crosstape.client import endpoints as of
from crosstape.client.endpoints import Request
from crosstape.client.methods import Method, Methods
from crosstape.model.quality import MEANING
from support.served import Notebook, Stage, staged

BTC = "bybit-linear:BTCUSDT"
METHODS = {name: value for name, value in vars(Methods).items() if isinstance(value, Method)}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged() as stage:
        yield stage


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(f"http://127.0.0.1:{stage.port}") as client:
        yield client


def example(method: Method[Any, Any]) -> Request[Any]:
    """The request of a method, with a name where it needs one."""
    named = {"id": BTC, "name": "gainers_24h", "asset": "BTC", "op": "play", "tape": "x", "replay": "x",
             "stream": "1", "body": b"x", "exchange": "kraken", "symbol": "BTC/USD",
             "timestamp": 1.0, "price": 1.0, "size": 1.0, "ticks": [],
             "venue": "bybit", "key": "k", "secret": "s"}  # fmt: skip
    needed = [p for p in inspect.signature(method.make).parameters.values() if p.default is p.empty]
    given = {p.name: named.get(p.name, {}) for p in needed if p.kind is not p.VAR_KEYWORD}
    return method.make(**given)


def test_every_endpoint_has_a_method() -> None:
    documented = {
        (verb.upper(), path)
        for path, verbs in document("1")["paths"].items()
        for verb in verbs
        if path != "/metrics"
    }
    asked = {(request.method, request.template) for request in map(example, METHODS.values())}
    assert documented - asked == set(), "an endpoint without a method in crosstape.client.methods"
    assert asked - documented == set(), "a method without an endpoint"


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_what_the_endpoint_takes(name: str) -> None:
    request = example(METHODS[name])
    operation = document("1")["paths"][request.template][request.method.lower()]
    known = {p["name"] for p in operation["parameters"] if p["in"] == "query"} - {"format"}
    signature = inspect.signature(METHODS[name].make)
    taken = {p.name for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD}
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        taken |= set(of.Filters.__annotations__)
    body = taken - known if request.method in ("PUT", "POST") else set()
    path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
    assert taken - path - body == known


# Of the time machine in tests/app/test_time_machine.py, of other exchanges in tests/app/test_remote.py,
# of SQL in tests/app/test_asking.py.
ELSEWHERE = {
    *("ready", "tapes", "replay", "control", "replays", "open_replay", "one_replay", "end_replay"),
    *("ohlcv", "ticker", "balance", "sql", "sql_bytes", "sql_boards", "sql_board", "put_sql_board"),
    "delete_sql_board",
    # Of streams in tests/app/test_streams.py.
    *("streams", "one_stream", "stream_trades", "end_stream", "import_file", "preview_file", "fetch_history"),
    # Of ticks in tests/app/test_push.py.
    *("push_tick", "push_ticks"),
    # Of exchange keys in tests/app/test_credentials.py.
    *("credentials", "keep_credential", "try_credential", "remove_credential"),
}


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ELSEWHERE])
async def test_every_method_is_answered(name: str, client: AsyncClient, stage: Stage) -> None:
    async def ticks() -> None:
        while True:
            stage.again()
            await asyncio.sleep(0.05)

    ticking = asyncio.create_task(ticks())
    try:
        answer = await client.send(example(METHODS[name]))
    finally:
        ticking.cancel()
    if hasattr(answer, "mode"):
        assert answer.mode == "simulated"


async def test_typed_answers(client: AsyncClient, stage: Stage) -> None:
    view = stage.hub.view
    assert view is not None
    row = view.rows.index[BTC]
    market = await client.market(BTC)
    assert market.instrument is not None
    assert market.instrument.id == BTC
    assert market.columns["last"] == view.columns["last"][row]
    assert all((value is None) == math.isnan(view.columns[name][row]) for name, value in market.columns.items())
    board = await client.board("turnover_24h", limit=3, kind="PERP")
    assert board.board is not None
    assert board.board.column == "turnover_usd_24h"
    assert [r["rank"] for r in board] == [1, 2, 3]
    trades = await client.trades(BTC, limit=5)
    assert 0 < len(trades) <= 5
    assert trades.rows[0].taker in ("BUY", "SELL")
    assert (await client.columns("spread")).quality == {flag.name: text for flag, text in MEANING.items()}
    assert (await client.put_prefs({"theme": "dark"})).prefs == (await client.prefs()).prefs == {"theme": "dark"}
    found = await client.markets(fields=["last", "bid"], quote=["USDT", "USDC"], limit=2)
    assert found.fields == ("last", "bid")
    assert found.total > len(found) == 2


async def test_dataframes(client: AsyncClient) -> None:
    markets = await client.markets(fields=("last", "change_24h"), limit=5)
    frame = markets.polars()
    assert frame.height == 5
    assert frame["last"].dtype == polars.Float64
    assert frame["quality"].dtype == polars.List(polars.String)
    trades = await client.trades(BTC)
    times = trades.polars()["ts"]
    assert times.dtype == polars.Datetime("us", "UTC")
    first = times.to_list()[0]
    assert first.timestamp() * 1e3 == pytest.approx(trades.rows[0].ts_ms, abs=0.001)
    table = trades.pandas()
    assert isinstance(table, pandas.DataFrame)
    assert table["ts"].iloc[0].to_pydatetime().astimezone(dt.UTC) == first
    assert (await client.liquidations(min_usd=1e15)).polars().is_empty()


async def test_without_pandas_it_says_so(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    answer = await client.boards()
    with pytest.raises(ClientError, match=r"pandas is not installed; \.polars\(\)"):
        answer.pandas()


async def test_refusals_name_the_parameter_and_what_is_allowed(client: AsyncClient) -> None:
    with pytest.raises(Refused, match=r"tf: '7m' is not known here.*allowed: 1m, 3m") as refused:
        await client.candles(BTC, tf="7m")
    assert (refused.value.status, refused.value.code, refused.value.parameter) == (400, "bad_parameter", "tf")
    with pytest.raises(Refused, match="nearest: gainers_24h"):
        await client.board("gainer_24h")
    with pytest.raises(Refused, match=r"no instrument 'x/y\?z'"):
        await client.market("x/y?z")


async def test_nobody_answers() -> None:
    async with AsyncClient("http://127.0.0.1:9") as client:
        with pytest.raises(Unreachable, match=r"no crosstape answers at http://127\.0\.0\.1:9"):
            await client.health()
    with pytest.raises(ClientError, match=r"url: 'desk:8317' is no address.*http://host:port"):
        AsyncClient("desk:8317")


async def test_keys() -> None:
    settings = ApiSettings(port=0, require_key=True)
    async with staged(settings, Notebook({"see": "viewer"})) as stage:
        url = f"http://127.0.0.1:{stage.port}"
        async with AsyncClient(url) as client:
            assert (await client.health()).status == "ok"
            with pytest.raises(Refused, match="a key is required here"):
                await client.boards()
            with pytest.raises(Refused, match="key"):
                await anext(client.subscribe(topics.status()))  # type: ignore[arg-type]
        async with AsyncClient(url, key="see") as client:
            assert len(await client.boards()) > 20
            await stage.tick()
            assert await asyncio.wait_for(anext(client.subscribe(topics.markets(n=1))), 30)  # type: ignore[arg-type]


async def test_the_synchronous_client_is_the_same(stage: Stage) -> None:
    def ask() -> tuple[int, list[str]]:
        with Client(f"http://127.0.0.1:{stage.port}") as client:
            with pytest.raises(Refused, match="gainers_24h"):
                client.board("gainers_24")
            count = len(client.boards())
            values = client.subscribe(topics.markets(n=4, columns=("last",)))
            found = next(table for table in values if len(table))
            values.close()  # type: ignore[attr-defined]
            assert found.polars().columns == ["id", "quality", "last"]
            return count, list(found.ids)

    asking = asyncio.create_task(asyncio.to_thread(ask))
    while not asking.done():
        stage.again()
        await asyncio.sleep(0.05)
    count, ids = await asking
    assert count > 20
    assert len(ids) == 4
