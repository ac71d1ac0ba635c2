"""OKX as the simulator speaks it: what it encodes is decoded again, units agree with the world, clients get along."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from crosstape.model.event import (
    BookDelta,
    BookSnapshot,
    Candle,
    Funding,
    Gap,
    Index,
    Liquidation,
    Listed,
    Mark,
    OpenInterest,
    Quote,
    Side,
    Ticker,
    Trade,
)
from crosstape.model.instrument import Instrument, fold_of
from crosstape.sim.dialect import Ask
from crosstape.sim.facts import Happened
from crosstape.sim.okx.topics import DEPTH
from crosstape.sim.okx.voice import OkxVoice, notice
from crosstape.sim.prerender import START_NS
from crosstape.sim.server import SimSettings, make_world, serve
from crosstape.sim.venue import Server
from crosstape.state.book import Applied, Book
from crosstape.venues.okx import OKX
from crosstape.venues.okx.rest import decode_instruments, decode_klines, decode_tickers
from crosstape.venues.okx.stream import Decoder
from crosstape.venues.okx.subscriptions import ack, argument, subscribe
from crosstape.wire.request import Request
from crosstape.wire.venue import BookRule

MS = 1_000_000
SMALL = SimSettings(venues=("okx",), seed=3, assets=14, rate=2500.0, start_ns=START_NS)
LINES = ("swap", "spot", "futures")
Step = tuple[Happened, list[bytes]]


def voice(checksums: bool = False) -> OkxVoice:
    return OkxVoice(make_world(SMALL), checksums)


def get(there: OkxVoice, path: str, **query: str) -> bytes:
    found = there.answer(Ask("GET", f"/api/v5{path}", query))
    assert found.status == 200, found.body
    return found.body


def catalogue(there: OkxVoice) -> dict[str, Instrument]:
    found = {}
    for line in LINES:
        body = get(there, "/public/instruments", instType=line.upper())
        listed = decode_instruments(line, Request("instruments", "/"), body)
        found |= {event.symbol: event.instrument for event in listed if isinstance(event, Listed)}
    return found


def steps(there: OkxVoice, seconds: float, *channels: str) -> Iterator[Step]:
    """First messages, then those of each step."""
    names = {f"{c}:{native}" for c in channels for native in there.rows}
    names |= {f"index-tickers:{pair}" for pair in there.pairs if "index-tickers" in channels}
    names |= {"liquidation-orders:SWAP", "liquidation-orders:FUTURES"}
    keys = sorted(key for key in (("public", name) for name in names) if there.known(key))
    marks = [key for key in keys if key[1].startswith("mark-price")]
    firsts = [there.open(key) for key in (*marks, *(k for k in keys if k not in marks))]
    yield Happened([], [], [], []), [first for first in firsts if first is not None]
    world = there.world
    world.flow.pace(world.rows.weights(), 2500.0, there.load())
    for _ in range(int(seconds * 100)):
        happened = world.step(10 * MS)
        yield happened, [message for _, message in there.publish(happened)]


def test_trades_are_the_worlds_to_the_last_digit() -> None:
    there, decode = voice(), Decoder()
    listed, contracts = catalogue(there), there.world.rows.contracts
    facts, kinds = 0, set()
    for happened, messages in steps(there, 10, "trades"):
        said = [event for message in messages for event in decode(message) if isinstance(event, Trade)]
        done = [t for t in happened.trades if contracts[t.row].symbol in listed]
        assert len(said) == len(done)
        by_row = sorted(said, key=lambda t: (t.symbol, int(t.id)))
        for event, fact in zip(
            by_row, sorted(done, key=lambda t: (contracts[t.row].symbol, t.number)), strict=True
        ):
            contract, instrument = contracts[fact.row], listed[event.symbol]
            assert (event.symbol, event.taker) == (contract.symbol, Side.BUY if fact.buy else Side.SELL)
            assert event.ts_event == fact.ts_ns // MS * MS
            fold = fold_of(instrument)
            size = event.size if fold is None else fold.size(event.price, event.size)
            worth = fact.lots * contract.lot * (1.0 if contract.inverse else fact.price * contract.tick)
            assert event.price * size == pytest.approx(worth, rel=1e-9)
            facts += 1
            kinds.add((contract.market, contract.inverse))
    assert facts > 300
    assert kinds >= {("swap", False), ("swap", True), ("spot", False)}


@pytest.mark.parametrize("checksums", [False, True])
def test_books_are_the_worlds_ladders(checksums: bool) -> None:
    there, decode, books = voice(checksums), Decoder(), {}
    deltas = 0
    for _, messages in steps(there, 6, "books"):
        for event in itertools.chain.from_iterable(decode(message) for message in messages):
            assert not isinstance(event, Gap)
            if isinstance(event, BookSnapshot):
                books[event.symbol] = Book()
                books[event.symbol].replace(event)
            elif isinstance(event, BookDelta):
                assert books[event.symbol].update(event, BookRule.CHAIN) is Applied.YES
                deltas += 1
    assert deltas > 500
    assert bool(decode.memory.text) is checksums
    # What the topics last said is what a listener has.
    for (_, name), topic in there.topics.items():
        if name.startswith("books:"):
            native = name.partition(":")[2]
            contract = there.world.rows.contracts[there.rows[native]]
            unit = contract.lot if contract.kind == "SPOT" else 1.0 if contract.inverse else 0.01
            bids, asks = books[native].levels(1000)
            mine = [(k * contract.tick, v * unit) for k, v in reversed(topic.bids.items())]  # type: ignore[attr-defined]
            assert len(bids) == len(asks) == DEPTH
            assert [p for p, _ in bids] == pytest.approx([p for p, _ in mine], rel=1e-12)
            assert [s for _, s in bids] == pytest.approx([s for _, s in mine], rel=1e-12)


def test_a_late_subscriber_goes_on_where_the_others_are() -> None:
    there, early, late = voice(), Decoder(), Decoder()
    found: list[list[Any]] = [[], []]
    for number, (_, messages) in enumerate(steps(there, 2, "books")):
        if number == 100:
            first = there.open(("public", "books:BTC-USDT-SWAP"))
            assert first is not None
            assert late(first)[0].last == early.memory.last["BTC-USDT-SWAP"]  # type: ignore[union-attr]
        for decode, events in ((early, found[0]), (late, found[1])):
            if decode is early or number >= 100:
                events += [e for m in messages if b"BTC-USDT-SWAP" in m[:80] for e in decode(m)]
    assert len(found[1]) > 5
    assert found[0][-len(found[1]) :] == found[1]


def test_figures_are_the_worlds() -> None:
    there, decode = voice(), Decoder()
    world, listed = there.world, catalogue(there)
    channels = ("mark-price", "open-interest", "funding-rate", "tickers", "index-tickers", "bbo-tbt")
    seen: dict[type, int] = {}
    for _, messages in steps(there, 5, *channels):
        for event in itertools.chain.from_iterable(decode(message) for message in messages):
            seen[type(event)] = seen.get(type(event), 0) + 1
            row = there.rows[event.symbol]
            contract, carry, fold = (
                world.rows.contracts[row],
                world.trading.carry[row],
                fold_of(listed[event.symbol]),
            )
            if isinstance(event, Mark):
                assert event.price == pytest.approx(float(world.mark[row]), abs=contract.tick)
            elif isinstance(event, Index):
                teller = there.pairs[f"{contract.base}-{contract.quote}"]
                assert event.price == pytest.approx(float(world.index[teller]), abs=contract.tick)
            elif isinstance(event, OpenInterest):
                assert event.sides == 1
                unit = 1.0 if fold is None else fold.contract
                assert event.size * unit == pytest.approx(carry.oi * contract.lot, rel=1e-9)
            elif isinstance(event, Funding):
                assert (event.rate, event.next_ts) == (pytest.approx(carry.rate, abs=1e-9), carry.next_ns)
                assert event.interval_hours == contract.funding_hours
            elif isinstance(event, Quote):
                ladder = world.trading.ladders[row]
                assert event.bid == pytest.approx(ladder.bid * contract.tick)
                assert event.ask == pytest.approx(ladder.ask * contract.tick)
    assert seen.keys() == {Mark, Index, OpenInterest, Funding, Quote, Ticker}


def test_day_volume_and_turnover_agree_with_the_world() -> None:
    there = voice()
    world, listed = there.world, catalogue(there)
    for line in LINES:
        body = get(there, "/market/tickers", instType=line.upper())
        for event in decode_tickers(Request("tickers", "/"), body):
            if not isinstance(event, Ticker):
                continue
            row = there.rows[event.symbol]
            contract, minutes = world.rows.contracts[row], world.trading.minutes
            lots = minutes.volume_closed[row] + minutes.live[row][4]
            turnover = minutes.turnover_closed[row] + minutes.live_turnover[row]
            fold = fold_of(listed[event.symbol])
            unit = 1.0 if fold is None else fold.contract
            assert event.volume * unit == pytest.approx(lots * contract.lot, rel=1e-9)
            # Of a linear contract the venue sends coins only; the rest is an estimate within the day's range.
            exact = contract.kind == "SPOT" or contract.inverse
            assert event.turnover == pytest.approx(turnover, rel=1e-9 if exact else 0.1)


def test_forced_orders_close_the_side_they_say() -> None:
    there, decode, said, done = voice(), Decoder(), [], []
    for number, (happened, messages) in enumerate(steps(there, 12)):
        if number % 5 == 0:
            there.world.shock(0, -0.004)
        done += happened.liquidations
        said += [event for message in messages for event in decode(message) if isinstance(event, Liquidation)]
    assert 0 < len(said) < len(done), "one a second and contract, the others are never said"
    facts = {(there.world.rows.contracts[x.row].symbol, x.ts_ns // MS * MS): x for x in done}
    for event in said:
        fact = facts[event.symbol, event.ts_event]
        assert event.side is (Side.SELL if fact.long else Side.BUY)


def test_candles_are_utc_only_where_they_say_so() -> None:
    there = voice()
    for bar, hour in (("1Dutc", 0), ("1D", 16), ("12Hutc", 0)):
        rows = json.loads(get(there, "/market/candles", instId="BTC-USDT-SWAP", bar=bar, limit="5"))["data"]
        starts = [int(row[0]) for row in rows]
        span = 12 if bar.startswith("12") else 24
        assert [a - b for a, b in itertools.pairwise(starts)] == [span * 3_600_000] * 4
        assert starts[0] // 3_600_000 % span == hour % span
        assert [row[8] for row in rows] == ["0", "1", "1", "1", "1"]
    days = json.loads(get(there, "/market/candles", instId="BTC-USDT-SWAP", bar="1D", limit="3"))["data"]
    hours = json.loads(
        get(there, "/market/candles", instId="BTC-USDT-SWAP", bar="1H", limit="24", after=days[0][0])
    )["data"]
    assert days[1][0] == hours[-1][0]
    assert sum(float(row[5]) for row in hours) == pytest.approx(float(days[1][5]))


def test_backfilled_candles_are_whole_minutes_in_our_units() -> None:
    there = voice()
    listed = catalogue(there)
    until = there.world.now_ns // 60_000_000_000 * 60_000_000_000
    for native in ("BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT"):
        found: list[Candle] = []
        for request in OKX.backfill(listed[native], until - 700 * 60_000_000_000, until):
            body = get(there, request.path.removeprefix("/api/v5"), **dict(request.params))
            found += [event for event in decode_klines(request, body) if isinstance(event, Candle)]
        assert [c.ts_event for c in found] == list(range(until - 700 * 60_000_000_000, until, 60_000_000_000))
        fold = fold_of(listed[native])
        for candle in found[:50]:
            inverse = fold is not None and fold.inverse
            unit = 1.0 if fold is None else fold.contract
            base, quote = candle.volume * unit, candle.turnover
            base, quote = (quote, base) if inverse else (base, quote)
            if base:
                assert candle.low * 0.999 <= quote / base <= candle.high * 1.001


class Client:
    """A socket and REST client of one server."""

    def __init__(self, server: Server, http: aiohttp.ClientSession, raw: aiohttp.ClientWebSocketResponse) -> None:
        self.server, self.http, self.raw = server, http, raw

    async def next(self) -> bytes:
        return (await asyncio.wait_for(self.raw.receive_str(), 10)).encode()

    async def ask(self, op: str, *args: dict[str, str], id: str = "7") -> list[dict[str, Any]]:
        await self.raw.send_json({"id": id, "op": op, "args": list(args)})
        said: list[dict[str, Any]] = []
        while len(said) < len(args):
            message = await self.next()
            said += [json.loads(message)] if b'"event"' in message[:80] else []
        return said

    async def get(self, path: str, **query: str) -> tuple[int, dict[str, Any]]:
        async with self.http.get(f"{self.server.rest_url}/api/v5{path}", params=query) as response:
            return response.status, json.loads(await response.read())


@asynccontextmanager
async def client(path: str = "/ws/v5/public") -> AsyncIterator[Client]:
    async with serve(SMALL) as simulation, aiohttp.ClientSession() as http:
        server = simulation.venues["okx"]
        async with http.ws_connect(server.ws_url + path) as raw:
            yield Client(server, http, raw)


async def test_every_argument_is_answered_for_itself() -> None:
    async with client() as there:
        good, bad = argument("books:BTC-USDT-SWAP"), argument("books:NO-SUCH-SWAP")
        first, second, third = await there.ask("subscribe", good, bad, argument("trades:BTC-USDT"))
        assert (first["event"], first["arg"], first["id"]) == ("subscribe", good, "7")
        assert (second["event"], second["code"], second["id"]) == ("error", "60018", "7")
        assert third["event"] == "subscribe"
        (gone,) = await there.ask("unsubscribe", good)
        assert gone["event"] == "unsubscribe"
        (wrong,) = await there.ask("subscribe", {"channel": "funding-rate", "instId": "BTC-USDT"})
        assert wrong["code"] == "60018"


async def test_our_requests_are_answered_and_ping_is_text() -> None:
    async with client() as there:
        await there.raw.send_str("ping")
        assert await there.next() == b"pong"
        topics = ["mark-price:BTC-USDT-SWAP", "index-tickers:BTC-USDT-SWAP", "books:BTC-USDT-SWAP"]
        await there.raw.send_str(subscribe(topics, "3").decode())
        answers, decode, seen = [], Decoder(), set()
        while len(seen) < 4:
            message = await there.next()
            answers += [found] if (found := ack(message)) is not None else []
            seen |= {type(event) for event in decode(message)}
        assert [(a.ok, a.request_id) for a in answers] == [(True, "3")]
        assert seen == {Mark, Index, BookSnapshot, BookDelta}


async def test_nothing_lives_on_the_business_address_and_junk_is_refused() -> None:
    async with client("/ws/v5/business") as there:
        (wrong,) = await there.ask("subscribe", argument("trades:BTC-USDT"))
        assert wrong["code"] == "60018"
        await there.raw.send_str("{junk")
        assert json.loads(await there.next())["code"] == "60012"


def test_more_than_480_requests_an_hour_are_too_many() -> None:
    there, text = voice(), subscribe(["trades:BTC-USDT"], "1")
    replies = [there.reply("public", "c", (), text).payloads[0] for _ in range(481)]
    assert ack(replies[479]) is not None
    assert json.loads(replies[480])["code"] == "60014"
    assert ack(replies[480]) is None
    there.world.step(3_601_000 * MS)
    assert ack(there.reply("public", "c", (), text).payloads[0]) is not None


async def test_rest_answers_and_refuses_in_their_words() -> None:
    async with client() as there:
        assert (await there.get("/market/ticker", instId="NO"))[1]["code"] == "51001"
        assert await there.get("/public/instruments", instType="X") == (
            400,
            {"code": "51000", "msg": "Parameter instType error", "data": []},
        )
        assert (await there.get("/market/candles", instId="BTC-USDT", bar="7m"))[0] == 400
        assert (await there.get("/nothing"))[0] == 404
        status, body = await there.get("/public/funding-rate", instId="ANY")
        assert (status, body["code"]) == (200, "0")
        assert len(body["data"]) > 10
        assert (await there.get("/market/index-tickers", quoteCcy="USD"))[1]["data"]
        assert len((await there.get("/market/books", instId="BTC-USDT", sz="400"))[1]["data"][0]["bids"]) == 400
        there.server.requests.limit = 3
        statuses = [(await there.get("/public/time"))[0] for _ in range(9)]
        assert statuses[-1] == 429


def test_the_notice_is_what_the_decoder_knows() -> None:
    assert len(Decoder()(notice("c"))) == 1


@pytest.mark.filterwarnings("ignore")
async def test_ccxt_pro() -> None:
    pro = pytest.importorskip("ccxt.pro")
    async with serve(SMALL) as simulation:
        urls = simulation.urls["okx"]
        types = ["spot", "swap", "future"]
        exchange = pro.okx({"enableRateLimit": False, "options": {"fetchMarkets": {"types": types}}})
        exchange.urls["api"] = {"rest": urls.rest, "ws": f"{urls.ws}/ws/v5"}
        try:
            markets = await exchange.load_markets()
            assert {"BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC", "BTC/USDC:USDC"} <= set(markets)
            assert markets["BTC/USDT:USDT"]["contractSize"] == 0.01
            for symbol in ("BTC/USDT:USDT", "BTC/USD:BTC", "ETH/USDT"):
                trade = (await exchange.watch_trades(symbol))[-1]
                book = await exchange.watch_order_book(symbol)
                ticker = await exchange.watch_ticker(symbol)
                assert trade["side"] in ("buy", "sell")
                assert book["bids"][0][0] < book["asks"][0][0]
                assert ticker["last"] == pytest.approx(trade["price"], rel=0.01)
                for _ in range(20):
                    book = await exchange.watch_order_book(symbol)
                assert len(book["bids"]) == 400
            perp = "BTC/USDT:USDT"
            funding = await exchange.fetch_funding_rate(perp)
            assert (funding["interval"], abs(funding["fundingRate"]) < 0.005) == ("8h", True)
            interest = await exchange.fetch_open_interest(perp)
            assert interest["openInterestAmount"] > 0
            assert interest["openInterestValue"] > 0
            assert len(await exchange.fetch_ohlcv(perp, "1d", limit=5)) == 5
            rates = await exchange.fetch_funding_rate_history(perp, limit=20)
            assert [r["timestamp"] for r in rates] == sorted(r["timestamp"] for r in rates)
            assert len(rates) == 20
        finally:
            await exchange.close()
