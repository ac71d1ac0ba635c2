"""Every kind of fault does what it says at every venue, to what it names and to nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from crosstape.sim.connection import framed
from crosstape.sim.fault import Out, through
from crosstape.sim.server import SimSettings, Simulation, serve
from crosstape.sim.venue import Server

# Category, symbol, another symbol, the name of a book's topic.
VENUES = {
    "bybit": ("linear", "BTCUSDT", "ETHUSDT", "orderbook.50.{}"),
    "binance": ("usdm/public", "BTCUSDT", "ETHUSDT", "{}@depth@100ms"),
    "okx": ("public", "BTC-USDT-SWAP", "ETH-USDT-SWAP", "books:{}"),
    "hyperliquid": ("ws", "BTC", "ETH", "l2Book:{}"),
}
EVERY = pytest.mark.parametrize("venue", VENUES)
BOUND_S = 30.0


@dataclass
class Conn:
    number: int = 1
    category: str = "linear"
    topic: str = ""
    first: bool = False


@dataclass
class Stage:
    """A venue without sockets, and what goes out of it."""

    name: str
    server: Server = field(init=False)
    sent: list[tuple[str, Out]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.category, self.symbol, self.other, self.form = VENUES[self.name]
        settings = SimSettings(
            venues=(self.name,), seed=3, assets=10, rate=500, start_ns=1_795_000_000_000_000_000
        )
        self.server = Simulation(settings, (), ()).venues[self.name]
        self.conn = Conn(category=self.category)

    def topic(self, symbol: str) -> str:
        return self.form.format(symbol.lower() if self.name == "binance" else symbol)

    def say(self, text: str, symbol: str, first: bool = False) -> list[Out]:
        self.conn.topic, self.conn.first = self.topic(symbol), first
        return through(self.server.lab.faults(()), self.conn, text.encode())

    def messages(self, symbol: str, count: int, **more: Any) -> list[Out]:
        return [out for i in range(count) for out in self.say(f'{{"n":"{i}"}}', symbol, **more)]

    def later(self, seconds: float) -> None:
        self.server.world.now_ns += int(seconds * 1e9)


def numbers(found: Iterable[Out]) -> list[str]:
    return [json.loads(out)["n"] for out in found if isinstance(out, bytes)]


@EVERY
@pytest.mark.parametrize(
    ("kind", "seen"),
    [("gap", "01345"), ("duplicate", "0122345"), ("reorder", "013245")],
)
def test_the_order_of_messages(venue: str, kind: str, seen: str) -> None:
    stage = Stage(venue)
    stage.server.lab.add(f"{kind}:{stage.symbol}@#3")
    assert "".join(numbers(stage.messages(stage.symbol, 6))) == seen
    assert "".join(numbers(stage.messages(stage.other, 6))) == "012345"
    assert stage.server.lab.listed()[0].hits == 1


@EVERY
def test_by_time_once_for_all_clients_and_again(venue: str) -> None:
    stage = Stage(venue)
    stage.server.lab.add(f"gap:{stage.symbol}@10s,every=10s,times=2")
    assert len(stage.messages(stage.symbol, 5)) == 5
    for _ in range(2):
        stage.later(10)
        assert numbers(stage.messages(stage.symbol, 5)) == ["2", "3", "4"]
    stage.later(10)
    payload = b'{"n":"7"}'
    stage.conn.topic = stage.topic(stage.symbol)
    for number in (1, 2, 3):
        stage.conn.number = number
        assert through(stage.server.lab.faults(()), stage.conn, payload) == []


@EVERY
def test_whichever_speaks_next(venue: str) -> None:
    stage = Stage(venue)
    stage.server.lab.add("gap:?@0s")
    assert numbers(stage.messages(stage.other, 2)) == ["1"]
    assert numbers(stage.messages(stage.symbol, 2)) == ["0", "1"]


@EVERY
def test_freeze_holds_for_its_time_and_leaves_acks(venue: str) -> None:
    stage = Stage(venue)
    stage.server.lab.add(f"freeze:{stage.symbol}@5s,for=10s")
    assert len(stage.messages(stage.symbol, 3)) == 3
    stage.later(5)
    assert stage.messages(stage.symbol, 3) == []
    assert stage.server.lab.listed()[0].state == "active"
    assert len(stage.messages(stage.other, 3)) == 3
    stage.conn.topic = ""
    assert through(stage.server.lab.faults(()), stage.conn, b"pong") == [b"pong"]
    stage.later(10)
    assert len(stage.messages(stage.symbol, 3)) == 3
    assert stage.server.lab.listed()[0].state == "over"


@EVERY
def test_damaged_messages(venue: str) -> None:
    stage = Stage(venue)
    lab = stage.server.lab
    real = '{"p":"1.5","l":[["2","3"]],"s":"x"}'
    lab.add(f"malformed:{stage.symbol}@#1")
    assert stage.say(real, stage.symbol) == [real[: len(real) // 2].encode()]
    lab.clear()
    lab.add(f"wrong-types:{stage.symbol}@#1")
    (said,) = stage.say(real, stage.symbol)
    assert json.loads(said) == {"p": ["1.5"], "l": [[["2"], ["3"]]], "s": "x"}
    lab.clear()
    lab.add(f"drift:{stage.symbol}@0s,add=more,drop=p")
    (said,) = stage.say(real, stage.symbol)
    assert json.loads(said) == {"l": [["2", "3"]], "s": "x", "more": "1"}
    lab.clear()
    lab.add(f"giant:{stage.symbol}@#1,bytes=100000")
    (said,) = stage.say(real, stage.symbol)
    assert len(said) == 100_000
    assert json.loads(said) == json.loads(real)


@EVERY
def test_an_old_snapshot_is_overtaken_by_deltas(venue: str) -> None:
    stage = Stage(venue)
    stage.server.lab.add(f"old-snapshot:{stage.symbol}@0s,after=2")
    assert stage.say('{"n":"S"}', stage.symbol, first=True) == []
    assert numbers(stage.messages(stage.symbol, 3)) == ["0", "1", "S", "2"]


async def test_an_old_book_is_answered_again_over_rest() -> None:
    async with open_venue("binance") as (server, http):

        async def book(symbol: str) -> int:
            async with http.get(
                f"{server.rest_url}/fapi/v1/depth", params={"symbol": symbol, "limit": 5}
            ) as answer:
                return json.loads(await answer.read())["lastUpdateId"]

        server.lab.add("old-snapshot:BTCUSDT@0s,times=2")
        first = await book("BTCUSDT")
        await asyncio.sleep(0.3)
        assert [await book("BTCUSDT"), await book("BTCUSDT")] == [first, first]
        assert await book("BTCUSDT") > first


def test_skew_moves_every_time_and_no_other_number() -> None:
    stage = Stage("bybit")
    stage.server.lab.add("skew:*@0s,by=-2s")
    said = stage.say(
        '{"ts":1795000000123,"u":179500000012,"p":"1795000000123.5","T":"1795000000999"}', stage.symbol
    )
    assert said == [b'{"ts":1794999998123,"u":179500000012,"p":"1795000000123.5","T":"1794999998999"}']


def test_a_market_narrows() -> None:
    stage = Stage("bybit")
    stage.server.lab.add("gap:BTCUSDT@#1,market=spot")
    assert len(stage.messages("BTCUSDT", 2)) == 2
    stage.conn = Conn(2, "spot")
    assert len(stage.messages("BTCUSDT", 2)) == 1


@asynccontextmanager
async def open_venue(name: str, **settings: Any) -> AsyncIterator[tuple[Server, aiohttp.ClientSession]]:
    chosen = SimSettings(venues=(name,), seed=3, assets=10, rate=500, **settings)
    async with serve(chosen) as simulation, aiohttp.ClientSession() as http:
        yield simulation.venues[name], http


ADDRESS = {"bybit": "/v5/public/linear", "binance": "/public/stream", "okx": "/ws/v5/public", "hyperliquid": "/ws"}
READ = {
    "bybit": "/v5/market/time",
    "binance": "/fapi/v1/time",
    "okx": "/api/v5/public/time",
    "hyperliquid": "/info",
}


def subscribe(name: str, *symbols: str) -> str:
    topics = [Stage(name).topic(symbol) for symbol in symbols]
    if name == "bybit":
        return json.dumps({"op": "subscribe", "args": topics})
    if name == "binance":
        return json.dumps({"method": "SUBSCRIBE", "params": topics, "id": 1})
    if name == "okx":
        return json.dumps({"op": "subscribe", "args": [{"channel": "books", "instId": s} for s in symbols]})
    return json.dumps({"method": "subscribe", "subscription": {"type": "l2Book", "coin": symbols[0]}})


async def heard(socket: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage:
    return await asyncio.wait_for(socket.receive(), BOUND_S)


async def speak(http: aiohttp.ClientSession, server: Server, name: str) -> aiohttp.ClientWebSocketResponse:
    """A subscribed socket that has brought data."""
    socket = await http.ws_connect(server.ws_url + ADDRESS[name])
    await socket.send_str(subscribe(name, VENUES[name][1]))
    for _ in range(2):
        assert (await heard(socket)).type is aiohttp.WSMsgType.TEXT
    return socket


async def ending(socket: aiohttp.ClientWebSocketResponse) -> tuple[int, str]:
    """The code a connection ends with, 1006 without one, and what was said until then."""
    said = ""
    while (message := await heard(socket)).type is aiohttp.WSMsgType.TEXT:
        said += message.data
    return (message.data if message.type is aiohttp.WSMsgType.CLOSE else 1006), said


@EVERY
async def test_connections_are_cut(venue: str) -> None:
    async with open_venue(venue) as (server, http):
        socket = await speak(http, server, venue)
        server.lab.add("cut:*@0s,code=1013")
        assert (await ending(socket))[0] == 1013
        socket = await speak(http, server, venue)
        server.lab.clear()
        server.lab.add("lifetime:*@0s,seconds=500ms")
        assert (await ending(socket))[0] == 1006


@EVERY
async def test_maintenance_says_so_closes_and_is_over(venue: str) -> None:
    codes = {"bybit": 1012, "binance": 1001, "okx": 4004, "hyperliquid": 1006}
    notices = {"binance": "serverShutdown", "okx": "64008"}
    async with open_venue(venue, time_scale=4) as (server, http):
        socket = await speak(http, server, venue)
        server.lab.add("maintenance:*@0s,notice=1s,for=8s")
        code, said = await ending(socket)
        assert code == codes[venue]
        assert notices.get(venue, "") in said
        async with http.get(server.rest_url + READ[venue]) as answer:
            assert answer.status in (502, 503)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(server.ws_url + ADDRESS[venue])
        async with asyncio.timeout(BOUND_S):
            while server.lab.listed()[0].state != "over":
                await asyncio.sleep(0.05)
        await (await speak(http, server, venue)).close()


async def silent(socket: aiohttp.ClientWebSocketResponse, seconds: float) -> bool:
    """Whether nothing comes for so long; what was on its way before is read first."""
    while True:
        try:
            await asyncio.wait_for(socket.receive(), seconds)
        except TimeoutError:
            return True


async def test_half_open_neither_speaks_nor_answers_nor_closes() -> None:
    async with open_venue("bybit") as (server, http):
        socket = await speak(http, server, "bybit")
        server.lab.add("half-open:*@0s")
        async with asyncio.timeout(BOUND_S):
            while not next(iter(server.connections.values())).dead:
                await asyncio.sleep(0.01)
        assert await asyncio.wait_for(silent(socket, 0.5), BOUND_S)
        await socket.send_str('{"op":"ping"}')
        assert await asyncio.wait_for(silent(socket, 0.3), BOUND_S)
        assert not socket.closed
        await (await speak(http, server, "bybit")).close()


async def test_a_dripping_line_loses_nothing() -> None:
    async with open_venue("bybit") as (server, http):
        server.lab.add("drip:*@0s,times=2,bytes_per_s=8000,for=0s")
        socket = await speak(http, server, "bybit")
        ids = []
        while len(ids) < 5:
            message = await heard(socket)
            assert message.type is aiohttp.WSMsgType.TEXT
            if "data" in (decoded := json.loads(message.data)):
                ids.append(decoded["data"]["u"])
        assert ids == list(range(ids[0], ids[0] + 5))


def test_frames_of_every_length() -> None:
    assert framed(b"x" * 5)[:2] == bytes((0x81, 5))
    assert framed(b"x" * 200)[:4] == bytes((0x81, 126, 0, 200))
    assert framed(b"x" * 70_000)[:10] == bytes((0x81, 127)) + (70_000).to_bytes(8, "big")


@EVERY
async def test_refusals_wear_the_venues_clothes(venue: str) -> None:
    async with open_venue(venue) as (server, http):
        for status in (403, 418, 429, 451, 500, 503):
            server.lab.clear()
            server.lab.add(f"http:{READ[venue]}@0s,status={status},retry_after=7s,times=1")
            async with http.get(server.rest_url + READ[venue]) as answer:
                assert answer.status == status
                assert answer.headers["Retry-After"] == "7"
                assert await answer.read() == server.dialect.manners.bodies.get(status, b"refused")
            async with http.post(server.rest_url + READ[venue], json={"type": "meta"}) as answer:
                assert answer.status != status
        server.lab.clear()
        server.lab.add("limit:*@0s,patience=2")
        seen = []
        for _ in range(4):
            async with http.get(server.rest_url + READ[venue]) as answer:
                seen.append((answer.status, await answer.read()))
        manners = server.dialect.manners
        assert (
            seen
            == [(manners.limited.status, manners.limited.body)] * 2
            + [(manners.banned.status, manners.banned.body)] * 2
        )


async def test_sockets_can_be_refused_and_answers_slow() -> None:
    async with open_venue("bybit") as (server, http):
        server.lab.add("http:connect@0s,status=451,times=1")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(server.ws_url + ADDRESS["bybit"])
        assert refused.value.status == 451
        server.lab.add("slow:/v5/market/time@0s,seconds=600ms")
        began = asyncio.get_running_loop().time()
        async with http.get(server.rest_url + READ["bybit"]) as answer:
            assert answer.status == 200
        assert asyncio.get_running_loop().time() - began > 0.5


@EVERY
async def test_an_instrument_is_mute_or_refused_in_a_batch(venue: str) -> None:
    _, symbol, other, _ = VENUES[venue]
    async with open_venue(venue) as (server, http):
        server.lab.add(f"mute:{symbol}@0s")
        async with http.ws_connect(server.ws_url + ADDRESS[venue]) as socket:
            await socket.send_str(subscribe(venue, symbol))
            said = (await heard(socket)).data
            assert "error" not in said
            connection = next(iter(server.connections.values()))
            assert not connection.held
        server.lab.clear()
        server.lab.add(f"bad-subscribe:{symbol}@0s")
        async with http.ws_connect(server.ws_url + ADDRESS[venue]) as socket:
            await socket.send_str(subscribe(venue, symbol, other))
            said = (await heard(socket)).data
            # Binance acknowledges what it does not know, and never serves it.
            if venue != "binance":
                assert "false" in said or "error" in said


@EVERY
async def test_instruments_come_and_go(venue: str) -> None:
    symbol, other = VENUES[venue][1:3]
    fresh = symbol.replace("BTC", "NEWCOIN")
    async with open_venue(venue) as (server, http):
        server.lab.add(f"delist:{symbol}@0s")
        server.lab.add(f"list:{fresh}@0s,like={other}")
        async with asyncio.timeout(BOUND_S):
            while symbol in server.lab.symbols() or fresh not in server.lab.symbols():
                await asyncio.sleep(0.02)
            assert [fault.hits for fault in server.lab.listed()] == [1, 1]
            server.stream.refresh()
        topic = Stage(venue).topic
        category = VENUES[venue][0]
        assert server.stream.known((category, topic(fresh)))
        assert not server.stream.known((category, topic(symbol)))
        socket = await http.ws_connect(server.ws_url + ADDRESS[venue])
        await socket.send_str(subscribe(venue, fresh))
        found = ""
        while fresh.lower() not in found.lower() or len(found) < 300:
            found += str((await heard(socket)).data)
        await socket.close()


async def test_faults_are_controlled_over_http() -> None:
    async with open_venue("okx") as (server, http):
        where = f"{server.rest_url}/chaos/faults"
        async with http.post(where, json={"fault": "gap:BTC-USDT-SWAP@1h"}) as answer:
            assert answer.status == 201
            number = (await answer.json())["id"]
        async with http.get(where) as answer:
            (only,) = (await answer.json())["faults"]
        assert only == {"id": number, "fault": "gap:BTC-USDT-SWAP@1h", "hits": 0, "state": "waiting"}
        for body, said in (
            ('{"fault": "gap:BTC@1h"}', "okx has no instrument 'BTC'"),
            ('{"foult": "x"}', "the body is not a JSON object such as"),
            ("gap", "the body is not"),
        ):
            async with http.post(where, data=body) as answer:
                assert answer.status == 400
                assert said in (await answer.json())["error"]
        async with http.delete(f"{where}/99") as answer:
            assert answer.status == 404
            assert f"allowed: {number}" in (await answer.json())["error"]
        async with http.delete(f"{where}/{number}") as answer:
            assert (await answer.json())["faults"] == []
        async with http.get(f"{server.rest_url}/chaos/kinds") as answer:
            kinds = (await answer.json())["kinds"]
        assert {"gap", "half-open", "maintenance"} < {kind["kind"] for kind in kinds}
        async with http.put(where) as answer:
            assert answer.status == 405
        async with http.get(f"{server.rest_url}/chaos/nothing") as answer:
            assert answer.status == 404
