"""Hyperliquid as the simulator speaks it: what it encodes is decoded again, units agree, clients get along."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec
import pytest

from crosstape.model.event import (
    BookSnapshot,
    Candle,
    Event,
    Funding,
    Index,
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
from crosstape.sim.fault import Close
from crosstape.sim.hyperliquid.voice import HyperliquidVoice
from crosstape.sim.prerender import START_NS
from crosstape.sim.server import SimSettings, make_world, serve
from crosstape.venues.hyperliquid import HYPERLIQUID
from crosstape.venues.hyperliquid.rest import decode_candles
from crosstape.venues.hyperliquid.stream import ASK, Decoder
from crosstape.venues.hyperliquid.subscriptions import ack, subscribe
from crosstape.wire.effect import Send

MS = 1_000_000
SMALL = SimSettings(venues=("hyperliquid",), seed=3, assets=24, rate=1500.0, start_ns=START_NS)
Step = tuple[Happened, list[bytes]]


def voice() -> HyperliquidVoice:
    return HyperliquidVoice(make_world(SMALL))


def post(there: HyperliquidVoice, **body: Any) -> tuple[int, bytes]:
    found = there.answer(Ask("POST", "/info", {}, json.dumps(body).encode()))
    return found.status, found.body


def polled(there: HyperliquidVoice, name: str) -> list[Any]:
    """What our own polls make of what the voice answers to them."""
    found: list[Any] = []
    for poll in HYPERLIQUID.polls:
        for request in poll.first() if poll.name == name else ():
            answer = there.answer(Ask("POST", request.path, {}, request.body.encode()))
            assert answer.status == 200, answer
            found += poll.decode(request, answer.body)
    return found


def catalogue(there: HyperliquidVoice) -> dict[str, Instrument]:
    return {e.symbol: e.instrument for e in polled(there, "instruments") if isinstance(e, Listed)}


def steps(there: HyperliquidVoice, seconds: float, *kinds: str) -> Iterator[Step]:
    """First messages, then those of each step."""
    names = [f"{kind}:{coin}" for kind in kinds for coin in there.rows] + ["allDexsAssetCtxs"]
    firsts = [there.open(("ws", name)) for name in names if there.known(("ws", name))]
    yield Happened([], [], [], []), [first for first in firsts if first is not None]
    world = there.world
    world.flow.pace(world.rows.weights(), SMALL.rate, there.load())
    for _ in range(int(seconds * 100)):
        happened = world.step(10 * MS)
        yield happened, [message for _, message in there.publish(happened)]


def test_what_is_listed_is_what_the_world_has() -> None:
    there = voice()
    listed, contracts = catalogue(there), there.world.rows.contracts
    assert set(listed) == set(there.rows)
    assert "MATIC" not in listed, "a delisted coin keeps its place and is not listed"
    for native, instrument in listed.items():
        contract = contracts[there.rows[native]]
        assert (instrument.base, instrument.multiplier) == (contract.base, contract.multiplier)
        assert instrument.lot_size == pytest.approx(contract.lot)
        assert instrument.funding_hours == contract.funding_hours
    assert (listed["hyna:BTC"].settle, listed["BTC"].settle) == ("USDE", "USDC")
    assert (listed["kPEPE"].symbol, listed["@107"].symbol) == ("PEPE-USDC-PERP", "HYPE-USDC-SPOT")
    assert {i.base for i in listed.values()} >= {"UBTC", "UETH", "USOL"}


def test_trades_are_the_worlds_to_the_last_digit() -> None:
    there, decode = voice(), Decoder()
    listed, contracts = catalogue(there), there.world.rows.contracts
    said: list[Trade] = []
    done = []
    for happened, messages in steps(there, 6, "trades"):
        done += [t for t in happened.trades if contracts[t.row].symbol in listed]
        said += [e for message in messages for e in decode(message) if isinstance(e, Trade)]
    assert len(said) > 300
    facts = {}
    for trade in done:
        facts.setdefault((contracts[trade.row].symbol, trade.ts_ns // MS), []).append(trade)
    for event in said:
        near = facts[event.symbol, event.ts_event // MS]
        contract = contracts[near[0].row]
        assert any(
            event.price == pytest.approx(t.price * contract.tick, rel=1e-12)
            and event.size == pytest.approx(t.lots * contract.lot, rel=1e-9)
            and event.taker is (Side.BUY if t.buy else Side.SELL)
            for t in near
        )
        assert event.counterparties is not None
        assert all(len(address) == 42 for address in event.counterparties)
    assert len({e.id for e in said}) == len(said)
    # All but the last block of each coin was said, and what was before a coin's first.
    assert len(said) > len(done) * 0.8


def test_a_late_subscriber_hears_the_past_and_does_not_count_it() -> None:
    there, decode = voice(), Decoder()
    for _ in steps(there, 4, "trades"):
        pass
    touch, past = there.open(("ws", "bbo:BTC")), there.open(("ws", "trades:BTC"))
    assert touch is not None
    assert past is not None
    there.world.step(500 * MS)
    (quote,) = decode(touch)
    assert isinstance(quote, Quote)
    assert len(json.loads(past)["data"]) == 10
    assert all(e.ts_event >= quote.ts_event // MS * MS for e in decode(past) if isinstance(e, Trade))


def test_books_and_quotes_are_the_worlds_ladders() -> None:
    there, decode = voice(), Decoder()
    depths: dict[str, set[int]] = {}
    for _, messages in steps(there, 6, "l2Book", "l2Book.fast", "bbo"):
        for event in itertools.chain.from_iterable(decode(message) for message in messages):
            row = there.rows.get(event.symbol, -1) if isinstance(event, Event) else -1
            if not isinstance(event, BookSnapshot | Quote) or (isinstance(event, Quote) and event.lagging):
                continue
            contract, ladder = there.world.rows.contracts[row], there.world.trading.ladders[row]
            bid, ask = ladder.bid * contract.tick, ladder.ask * contract.tick
            if isinstance(event, Quote):
                assert (event.bid, event.ask) == (pytest.approx(bid), pytest.approx(ask))
                continue
            assert (event.bids[0][0], event.asks[0][0]) == (pytest.approx(bid), pytest.approx(ask))
            prices = [price for price, _ in event.bids]
            assert prices == sorted(set(prices), reverse=True)
            best = ladder.bids.top(5)
            assert [s for _, s in event.bids[:5]] == pytest.approx(
                [v * contract.lot for v in reversed(best.values())]
            )
            depths.setdefault(event.symbol, set()).add(event.depth)
    assert set(depths) == set(there.rows)
    assert all(found == {20} for found in depths.values())


def test_all_contexts_are_read_by_place() -> None:
    there, decode = voice(), Decoder()
    world, listed = there.world, catalogue(there)
    seen: dict[type, set[str]] = {}
    for _, messages in steps(there, 3):
        for message in messages:
            for event in decode(message):
                if isinstance(event, Send):
                    assert event == Send("hyperliquid/0", ASK)
                    (answer,) = there.reply("ws", "c", (), ASK).payloads
                    assert decode(answer) == []
                    continue
                assert isinstance(event, Event)
                row = there.rows[event.symbol]
                contract, carry = world.rows.contracts[row], world.trading.carry[row]
                seen.setdefault(type(event), set()).add(event.symbol)
                if isinstance(event, Mark):
                    assert event.price == pytest.approx(float(world.mark[row]), abs=contract.tick)
                elif isinstance(event, Index):
                    assert event.price == pytest.approx(float(world.index[row]), abs=contract.tick)
                elif isinstance(event, OpenInterest):
                    assert (event.size, event.sides) == (pytest.approx(carry.oi * contract.lot), 1)
                elif isinstance(event, Funding):
                    assert (event.rate, event.interval_hours) == (pytest.approx(carry.rate, abs=1e-9), 1.0)
                elif isinstance(event, Quote):
                    assert event.lagging
                    assert event.bid < event.ask
    perps = {native for native, instrument in listed.items() if instrument.funding_hours}
    assert "hyna:kPEPE" in perps
    assert all(symbols == perps for symbols in seen.values())
    assert set(seen) == {Mark, Index, OpenInterest, Funding, Quote, Ticker}


def test_day_figures_agree_with_the_world() -> None:
    there = voice()
    world, listed, seen = there.world, catalogue(there), set()
    for event in polled(there, "tickers"):
        if isinstance(event, Ticker):
            seen.add(event.symbol)
            row = there.rows[event.symbol]
            contract, minutes = world.rows.contracts[row], world.trading.minutes
            assert event.volume == pytest.approx(minutes.volume_closed[row] * contract.lot, rel=1e-9)
            assert event.turnover == pytest.approx(minutes.turnover_closed[row], rel=1e-9)
            fold = fold_of(listed[event.symbol])
            assert (fold.multiplier if fold else 1.0) == contract.multiplier
    assert seen == {native for native in listed if ":" not in native}


def test_backfilled_candles_are_whole_minutes() -> None:
    there = voice()
    listed, minute = catalogue(there), 60_000 * MS
    until = there.world.now_ns // minute * minute
    for native in ("BTC", "kPEPE", "@107"):
        found: list[Candle] = []
        for request in HYPERLIQUID.backfill(listed[native], until - 700 * minute, until):
            body = there.answer(Ask("POST", "/info", {}, request.body.encode())).body
            found += [e for e in decode_candles(request, body) if isinstance(e, Candle)]
        assert [c.ts_event for c in found] == list(range(until - 700 * minute, until, minute))
        assert all(c.low <= c.open <= c.high and c.low <= c.close <= c.high for c in found)


def test_funding_history_is_paged_forward() -> None:
    there = voice()
    now = there.world.now_ns // MS
    status, body = post(there, type="fundingHistory", coin="BTC", startTime=now - 1000 * 3_600_000)
    rows = json.loads(body)
    assert status == 200
    assert 499 <= len(rows) <= 500
    assert [b["time"] - a["time"] for a, b in itertools.pairwise(rows)] == [3_600_000] * (len(rows) - 1)
    assert rows[0]["time"] - (now - 1000 * 3_600_000) <= 3_600_000


def test_every_read_is_answered_and_what_is_wrong_refused() -> None:
    there = voice()
    for kind in ("meta", "metaAndAssetCtxs", "allPerpMetas", "perpDexs", "spotMeta", "spotMetaAndAssetCtxs",
                 "allMids", "predictedFundings", "clearinghouseState", "spotClearinghouseState"):  # fmt: skip
        assert post(there, type=kind, user="0x0")[0] == 200, kind
    assert post(there, type="recentTrades", coin="BTC") == (200, b"[]")
    assert post(there, type="no such read")[0] == post(there, nothing=1)[0] == 422
    assert post(there, type="l2Book", coin="NO") == (500, b"null")
    assert there.answer(Ask("GET", "/info", {})).status == 405
    assert there.answer(Ask("POST", "/exchange", {})).status == 404
    while (status := post(there, type="meta")[0]) == 200:
        pass
    assert status == 429
    there.world.step(61_000 * MS)
    assert post(there, type="meta")[0] == 200


def test_funding_predicted_for_several_venues_of_one_world() -> None:
    settings = msgspec.structs.replace(SMALL, venues=("hyperliquid", "bybit"))
    _, body = post(HyperliquidVoice(make_world(settings)), type="predictedFundings")
    coin, venues = json.loads(body)[0]
    assert coin == "BTC"
    assert {name: said["fundingIntervalHours"] for name, said in venues} == {"HlPerp": 1, "BybitPerp": 8}


def test_requests_over_the_socket() -> None:
    there = voice()

    def say(text: bytes, *held: str) -> tuple[dict[str, Any], Any]:
        reply = there.reply("ws", "c", held, text)
        return json.loads(reply.payloads[0]), reply

    said, reply = say(subscribe(["trades:hyna:BTC"], "1"))
    assert said["data"]["subscription"] == {"type": "trades", "coin": "hyna:BTC"}
    assert (reply.change, reply.topics) == ("subscribe", ("trades:hyna:BTC",))
    said, reply = say(subscribe(["l2Book.fast:BTC"], "1"))
    assert said["data"]["subscription"]["fast"] is True
    said, reply = say(subscribe(["bbo:BTC"], "1"), "bbo:BTC")
    assert said["data"].startswith("Already subscribed")
    assert reply.change == ""
    answer = ack(reply.payloads[0])
    assert answer is not None
    assert answer.ok
    for wrong in (subscribe(["bbo:NO"], "1"), b'{"method":"subscribe"}', b"{junk", b"[]"):
        said, reply = say(wrong)
        assert said["channel"] == "error"
        answer = ack(reply.payloads[0])
        assert answer is not None
        assert not answer.ok
    assert say(b'{"method":"ping"}')[0] == {"channel": "pong"}
    said, _ = say(b'{"method":"post","id":9,"request":{"type":"info","payload":{"type":"nothing"}}}')
    assert said["data"]["response"]["type"] == "error"


async def test_our_requests_over_a_real_socket() -> None:
    async with (
        serve(SMALL) as simulation,
        aiohttp.ClientSession() as http,
        http.ws_connect(simulation.urls["hyperliquid"].ws + "/ws") as raw,
    ):
        topics = ["l2Book:BTC", "l2Book.fast:BTC", "bbo:BTC", "trades:BTC", "allDexsAssetCtxs"]
        for topic in topics:
            await raw.send_bytes(subscribe([topic], "1"))
        answers, decode, seen = 0, Decoder(), set()
        while not ({BookSnapshot, Quote, Trade, Mark} <= seen and answers == len(topics)):
            message = (await asyncio.wait_for(raw.receive_str(), 10)).encode()
            answers += ack(message) is not None
            for event in decode(message):
                seen.add(type(event))
                if isinstance(event, Send):
                    await raw.send_bytes(event.payload)


def official(info: Any) -> dict[str, Any]:
    """What the venue's own client, which blocks, reads and hears."""
    heard: dict[str, Any] = {}
    wanted = [{"type": kind, "coin": "BTC"} for kind in ("trades", "bbo", "l2Book", "activeAssetCtx")]
    wanted += [{"type": "allMids"}, {"type": "candle", "coin": "ETH", "interval": "1m"}]
    wanted += [{"type": "activeAssetCtx", "coin": "@107"}]
    full = threading.Event()

    def hear(message: dict[str, Any]) -> None:
        heard[message["channel"]] = message["data"]
        if len(heard) == len(wanted):
            full.set()

    for subscription in wanted:
        info.subscribe(subscription, hear)
    assert full.wait(15), set(heard)
    return heard | {
        "state": info.user_state("0x" + "0" * 40), "book": info.l2_snapshot("BTC"),
        "contexts": info.meta_and_asset_ctxs(), "spot": info.spot_meta_and_asset_ctxs(),
        "asset": info.name_to_asset("UBTC/USDC"), "dexs": info.perp_dexs(),
        "funding": info.funding_history("BTC", 0),
        "candles": info.candles_snapshot("BTC", "1h", START_NS // MS - 5 * 3_600_000, START_NS // MS),
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore")
async def test_the_venues_own_client() -> None:
    sdk = pytest.importorskip("hyperliquid.info")
    async with serve(SMALL) as simulation:
        info = await asyncio.to_thread(sdk.Info, simulation.urls["hyperliquid"].rest)
        try:
            found = await asyncio.to_thread(official, info)
        finally:
            # Its reader looks up only when something comes: the server has to say goodbye first.
            simulation.venues["hyperliquid"].faults = (lambda conn, payload: (Close(1001, "bye"),),)
            await asyncio.to_thread(info.ws_manager.join, 10)
            await asyncio.to_thread(info.disconnect_websocket)
            info.session.close()
    meta, contexts = found["contexts"]
    assert [coin["name"] for coin in meta["universe"]][:3] == ["BTC", "ETH", "MATIC"]
    assert len(meta["universe"]) == len(contexts)
    assert float(found["book"]["levels"][0][0]["px"]) < float(found["book"]["levels"][1][0]["px"])
    assert found["state"]["assetPositions"] == []
    assert (found["asset"], found["dexs"][1]["name"]) == (10_108, "hyna")
    assert len(found["funding"]) == 500
    assert len(found["candles"]) == 5
    assert float(found["trades"][0]["px"]) == pytest.approx(float(found["bbo"]["bbo"][0]["px"]), rel=0.01)
    assert "BTC" in found["allMids"]["mids"]


@pytest.mark.filterwarnings("ignore")
async def test_ccxt_pro() -> None:
    pro = pytest.importorskip("ccxt.pro")
    async with serve(SMALL) as simulation:
        urls = simulation.urls["hyperliquid"]
        exchange = pro.hyperliquid(
            {"enableRateLimit": False, "options": {"fetchMarkets": {"types": ["spot", "swap"]}}}
        )
        exchange.urls["api"] = {"public": urls.rest, "private": urls.rest, "ws": {"public": f"{urls.ws}/ws"}}
        try:
            markets = await exchange.load_markets()
            assert {"BTC/USDC:USDC", "HYPE/USDC"} <= set(markets)
            for symbol in ("BTC/USDC:USDC", "HYPE/USDC"):
                trade = (await exchange.watch_trades(symbol))[-1]
                book = await exchange.watch_order_book(symbol)
                assert trade["side"] in ("buy", "sell")
                assert book["bids"][0][0] < book["asks"][0][0]
                ticker = await exchange.watch_ticker(symbol)
                assert ticker["last"] == pytest.approx(book["bids"][0][0], rel=0.01)
            rates = await exchange.fetch_funding_rates(["BTC/USDC:USDC"])
            rate = rates["BTC/USDC:USDC"]
            assert (rate["interval"], abs(rate["fundingRate"]) < 0.001) == ("1h", True)
            assert len(await exchange.fetch_ohlcv("BTC/USDC:USDC", "1h", START_NS // MS - 5 * 3_600_000, 5)) == 5
        finally:
            await exchange.close()
