"""Streams over the API: sent files and fetched histories, seen again as candles and rows, and forgotten whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from crosstape.api import ApiSettings, Hub, create_app
from crosstape.app.inflow import Inflow
from crosstape.client import endpoints
from crosstape.client import streams as of
from crosstape.client.endpoints import Request
from crosstape.config import Config
from crosstape.feeds.exchanges import Exchanges, ExchangeSettings
from crosstape.sim.server import SimSettings, serve
from crosstape.store.history.files import History
from crosstape.store.ledger import Ledger
from support.served import Notebook, Process, all_views

MS = 1_767_225_600_000
NAME = "BTCUSDT-trades-2026-01.csv"
FILE = "\n".join(
    ["id,price,qty,quote_qty,time,is_buyer_maker"]
    + [f"{n},{100 + n % 7},2,1,{MS + n * 20_000},{'true' if n % 2 else 'false'}" for n in range(30)]
).encode()
FILLS = b"""symbol,orderId,side,execPrice,execQty,execFee,feeCurrency,execId,isMaker,execTime
BTCUSDT,o-1,Buy,90000.5,0.1,4.95,USDT,e-1,false,1767225600000
BTCUSDT,o-2,Sell,90001.5,0.1,4.95,USDT,e-2,true,1767225601000
"""


class Asking:
    """The API as a client sees it, over a ledger and a history that can be looked into."""

    def __init__(self, http: httpx.AsyncClient, history: History, folder: Path) -> None:
        self.http, self.history, self.folder = http, history, folder

    async def __call__(self, request: Request[Any]) -> Any:
        answer = await self.http.request(request.method, request.target, content=request.body)
        assert answer.status_code == 200, answer.text
        return request.read(answer.content)

    async def refused(self, request: Request[Any]) -> tuple[int, str, str]:
        answer = await self.http.request(request.method, request.target, content=request.body)
        error = answer.json()["error"]
        return answer.status_code, error.get("parameter", ""), error["message"]


Make = Callable[..., Asking]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    opened: list[Any] = []

    def make(exchanges: Any = None, **api: Any) -> Asking:
        config = Config(data=str(tmp_path), api=ApiSettings(**api))
        ledger, history = Ledger.open("", tmp_path), History(config.history_folder)
        hub = Hub()
        hub.publish(all_views()[-1])
        app = create_app(hub, Process(), (), Notebook(), config.api, exchanges=exchanges,
                         streams=Inflow(config, ledger, history))  # fmt: skip
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8317", timeout=60.0)
        opened.append((http, ledger))
        return Asking(http, history, tmp_path)

    yield make
    for http, ledger in opened:
        await http.aclose()
        ledger.close()


@pytest.fixture
def ask(make: Make) -> Asking:
    return make()


async def test_a_sent_file_is_an_instrument_like_any_other(ask: Asking) -> None:
    seen = await ask(of.preview_file(FILE, NAME))
    assert (seen["layout"], seen["unsure"], len(seen["rows"])) == ("Binance futures trades", [], 10)
    assert (await ask(of.streams())).total == 0, "a preview keeps nothing"
    done = await ask(of.import_file(FILE, NAME))
    assert (done.rows, done.new, done.bad) == (30, 30, 0)
    assert (await ask(of.import_file(FILE, NAME))).new == 0
    kept = await ask(of.streams())
    (stream,) = kept.streams
    assert kept.date_range == {"from": MS, "to": MS + 580_000}
    assert (stream.source, stream.symbol, stream.count) == ("file", "binance-usdm:BTCUSDT", 30)
    assert await ask(of.one_stream(stream.id)) == stream
    rows = await ask(of.stream_trades(stream.id, limit=3, since_ms=MS + 1))
    assert [(row["trade_id"], row["side"]) for row in rows] == [("1", "sell"), ("2", "buy"), ("3", "sell")]
    candles = await ask.http.get(f"/api/v1/markets/{stream.symbol}/candles", params={"tf": "5m"})
    bars = candles.json()["rows"]
    assert [(bar["ts_ms"], bar["trades"], bar["volume"]) for bar in bars] == [(MS, 15, 30), (MS + 300_000, 15, 30)]
    assert (bars[0]["open"], bars[0]["high"], bars[0]["low"], bars[0]["close"]) == (100, 106, 100, 100)
    odd = await ask.http.get(f"/api/v1/markets/{stream.symbol}/candles", params={"tf": "3m"})
    assert [bar["trades"] for bar in odd.json()["rows"]] == [9, 9, 9, 3]


async def test_an_instrument_of_the_history_is_found_and_opened(ask: Asking) -> None:
    before = (await ask.http.get("/api/v1/markets")).json()["total"]
    (stream,) = (await ask(of.import_file(FILE, NAME))).streams
    (found,) = (await ask(of.history("btcusdt binance"))).rows
    assert (found.id, found.sources, found.kinds, found.live) == (stream.symbol, ("file",), ("trades",), False)
    assert (found.rows, found.from_ms, found.to_ms) == (30, MS, MS + 580_000)
    assert (await ask(of.history("btcusdt kraken"))).rows == ()

    record = await ask(endpoints.market(stream.symbol))
    assert record.quality == ("STALE", "UNDESCRIBED")
    assert record.columns.pop("last") == 100 + 29 % 7
    assert set(record.columns.values()) == {None}
    assert record.history.streams[0]["name"] == NAME
    assert (record.instrument.status, record.instrument.described) == ("history", False)
    newest = (await ask(endpoints.trades(stream.symbol, limit=3))).rows
    assert [(row.id, row.taker, row.notional) for row in newest] == [
        ("29", "SELL", 2 * 101), ("28", "BUY", 2 * 100), ("27", "SELL", 2 * 106),
    ]  # fmt: skip
    assert [row.id for row in (await ask(endpoints.trades(stream.symbol, since_ms=MS + 560_000))).rows] == ["29"]
    assert (await ask(endpoints.candles(stream.symbol, "1m", limit=2))).rows[-1].ts_ms == MS + 540_000
    assert (await ask(endpoints.series(stream.symbol))).rows == ()
    status, _, message = await ask.refused(endpoints.book(stream.symbol))
    assert (status, "in the history only" in message) == (404, True)

    # What is not live is nowhere among what is.
    markets = (await ask.http.get("/api/v1/markets", params={"q": "binance"})).json()
    assert markets["rows"] == []
    assert (await ask.http.get("/api/v1/markets")).json()["total"] == before
    assert (await ask.refused(endpoints.market("binance-usdm:NOBODY")))[0] == 404


async def test_candles_and_a_live_instrument_of_the_history(ask: Asking) -> None:
    day = 86_400_000
    rows = [
        f"{MS + n * day},{n}.5,{n + 3},{n},{n + 1},10,{MS + (n + 1) * day - 1},11,4,5,6,0" for n in range(1, 41)
    ]
    name = "ETHUSDT-1d-2026.csv"
    (stream,) = (await ask(of.import_file("\n".join(rows).encode(), name))).streams
    assert (stream.kind, stream.symbol) == ("candles", "binance-usdm:ETHUSDT")
    bars = (await ask(endpoints.candles(stream.symbol, "1d", limit=3))).rows
    assert [(bar.ts_ms, bar.open, bar.close) for bar in bars] == [
        (MS + n * day, n + 0.5, n + 1) for n in (38, 39, 40)
    ]
    assert (await ask(endpoints.market(stream.symbol))).columns["last"] == 41
    assert (await ask(endpoints.candles(stream.symbol, "1h"))).rows == (), "no candle is made of a longer one"
    assert (await ask(endpoints.trades(stream.symbol))).rows == ()

    live = (await ask.http.get("/api/v1/markets", params={"limit": 1})).json()["rows"][0]["id"]
    market, _, native = live.partition(":")
    await ask(of.import_file(FILE, "x.csv", symbol=native, market=market))
    (mine,) = (await ask(of.history(live))).rows
    assert (mine.id, mine.live) == (live, True)
    record = await ask(endpoints.market(live))
    assert (record.history, record.instrument.status) == (None, "trading")


async def test_rows_that_two_streams_brought_stay_until_both_are_gone(ask: Asking) -> None:
    lines = FILE.decode().splitlines()
    halves = ["\n".join([lines[0], *lines[1:21]]).encode(), "\n".join([lines[0], *lines[11:]]).encode()]
    (first,) = (await ask(of.import_file(halves[0], NAME, into="first"))).streams
    (second,) = (await ask(of.import_file(halves[1], NAME, into="second"))).streams
    (same,) = (await ask(of.import_file(halves[0], NAME, into="same"))).streams
    assert (first.count, second.count, same.count) == (20, 10, 0)
    assert (same.from_ms, same.to_ms) == (first.from_ms, first.to_ms)
    await ask(of.end_stream(first.id))
    assert ask.history.read("trades").num_rows == 30, "both others hold what it had"
    await ask(of.end_stream(same.id))
    left = sorted(map(int, ask.history.read("trades")["trade_id"].to_pylist()))
    assert left == list(range(10, 30)), "the second holds the last twenty"
    await ask(of.end_stream(second.id))
    assert ask.history.read("trades").num_rows == 0


async def test_own_fills_are_exact_and_forgotten_with_their_stream(ask: Asking) -> None:
    done = await ask(of.import_file(FILLS, "fills.csv", into="june"))
    (stream,) = done.streams
    assert (stream.name, stream.kind, stream.count) == ("june", "executions", 2)
    rows = (await ask(of.stream_trades(stream.id))).rows
    assert [(r["side"], r["price"], r["fee"], r["liquidity"]) for r in rows] == [
        ("buy", "90000.5", "4.95", "taker"), ("sell", "90001.5", "4.95", "maker"),
    ]  # fmt: skip
    await ask(of.end_stream(stream.id))
    assert (await ask.refused(of.one_stream(stream.id)))[0] == 404
    assert (await ask(of.import_file(FILLS, "fills.csv", into="june"))).new == 2, "nothing of it was left"


async def test_a_stream_takes_its_rows_along_and_no_others(ask: Asking) -> None:
    import pyarrow as pa

    id = "binance-usdm:BTCUSDT"
    live = [{"ts": MS * 1_000_000 + 5, "id": id, "price": 1.0, "size": 1.0, "trade_id": "live", "origin": "live"}]
    other = [{"ts": MS * 1_000_000 + 5, "id": "binance-usdm:ETHUSDT", "price": 1.0, "size": 1.0, "trade_id": "e"}]
    ask.history.append("trades", "binance-usdm", pa.Table.from_pylist(live))
    ask.history.append("trades", "binance-usdm", pa.Table.from_pylist(other))
    (stream,) = (await ask(of.import_file(FILE, NAME))).streams
    assert ask.history.read("trades").num_rows == 32
    await ask(of.end_stream(stream.id))
    assert sorted(ask.history.read("trades")["trade_id"].to_pylist()) == ["e", "live"]
    assert (await ask(of.import_file(FILE, NAME))).new == 30


async def test_what_cannot_be_imported_says_why(make: Make, tmp_path: Path) -> None:
    ask = make(max_upload=2_000)
    unsure = b"time,cost,size\n1767225600000,5,1\n"
    status, parameter, message = await ask.refused(of.import_file(unsure, "XY-1.csv"))
    assert (status, parameter) == (409, "price")
    assert "say --map price=COLUMN" in message
    assert (await ask(of.import_file(unsure, "XY-1.csv", map="price=cost"))).new == 1
    assert (await ask.refused(of.import_file(unsure, map="price")))[:2] == (400, "map")
    assert (await ask.refused(of.import_file(b"x" * 2_001, NAME)))[0] == 413
    for name in ("../crosstape.toml", ".hidden", "absent.csv", "/etc/passwd"):
        assert (await ask.refused(of.import_file(b"", name)))[:2] == (409, "file")


async def test_the_import_folder_gives_its_own_files_only(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "dropped"
    folder.mkdir()
    (folder / NAME).write_bytes(FILE)
    (tmp_path / "beside.csv").write_bytes(FILE)
    ask = make(import_folder=str(folder))
    assert (await ask(of.import_file(b"", NAME))).new == 30
    for name in ("../beside.csv", str(tmp_path / "beside.csv"), "..", ".", ""):
        assert (await ask.refused(of.import_file(b"", name or "file")))[:2] == (409, "file")


@pytest.mark.filterwarnings("ignore")
async def test_contracts_of_another_exchange_are_kept_in_base_units(make: Make) -> None:
    async with serve(SimSettings(venues=("okx", "bybit"), seed=3, assets=10, rate=300.0)) as simulation:
        exchanges = Exchanges({
            name: ExchangeSettings(rest=simulation.urls[name].rest, timeout_s=10.0) for name in ("okx", "bybit")
        })  # fmt: skip
        ask = make(exchanges)
        try:
            for name, symbol, of_native in (("okx", "BTC/USDT:USDT", 0.01), ("bybit", "BTC/USD:BTC", None)):
                client, both = await exchanges._client(name), set[str]()
                async with asyncio.timeout(120):
                    # So young a world has not traded much.
                    while len(both) < 5:
                        await ask(of.fetch_history(name, symbol, "", limit=50))
                        rows = ask.history.read("trades", "ccxt").to_pylist()
                        kept = {row["trade_id"]: row for row in rows if row["id"] == f"ccxt:{name}:{symbol}"}
                        native = {row["id"]: row for row in await client.fetch_trades(symbol, None, 50)}
                        both = kept.keys() & native.keys()
                for key in both:
                    scale = of_native or 1.0 / native[key]["price"]
                    assert kept[key]["size"] == pytest.approx(native[key]["amount"] * scale)
        finally:
            await exchanges.close()


@pytest.mark.filterwarnings("ignore")
async def test_another_exchange_fills_the_history(make: Make) -> None:
    async with serve(SimSettings(seed=3, assets=10, rate=300.0)) as simulation:
        url = simulation.urls["bybit"].rest
        exchanges = Exchanges({"bybit": ExchangeSettings(rest=url, timeout_s=10.0)})
        ask = make(exchanges)
        try:
            for timeframe, kind in (("1m", "candles"), ("", "trades")):
                async with asyncio.timeout(120):
                    # So young a world may not have traded yet.
                    while not (
                        done := await ask(of.fetch_history("bybit", "BTC/USDT:USDT", timeframe, limit=50))
                    ).rows:
                        await asyncio.sleep(0.1)
                assert done.stream.kind == kind
                assert done.rows > (10 if timeframe else 0)
                assert done.new == done.rows == done.stream.count
            bars = await ask.http.get("/api/v1/markets/ccxt:bybit:BTC%2FUSDT:USDT/candles", params={"tf": "5m"})
            assert len(bars.json()["rows"]) >= 10
            missing = await ask.refused(of.fetch_history("bybit", "BTC/NOTHING"))
            assert missing[0] == 404
        finally:
            await exchanges.close()


async def test_only_a_trader_brings_things_in(make: Make) -> None:
    ask = make(require_key=True)
    ask.http.headers["x-api-key"] = "see"
    answer = await ask.http.post("/api/v1/streams/file", content=FILE)
    assert answer.status_code in (401, 403)
    assert ask.history.read("trades").num_rows == 0


def test_a_stream_has_the_fields_that_were_asked_for() -> None:
    names = {field.encode_name for field in msgspec.structs.fields(of.Stream)}
    assert {"id", "name", "source", "symbol", "count", "from", "to"} <= names
