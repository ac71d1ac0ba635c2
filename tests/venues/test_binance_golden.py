"""Real Binance messages give exactly these events: values, not counts."""

from __future__ import annotations

import json
import math
from collections import Counter
from functools import partial

import pytest

from crosstape.engine.machine import Machine
from crosstape.model.event import (
    BookDelta,
    BookSnapshot,
    Candle,
    CatalogueEnd,
    Continuity,
    Event,
    Funding,
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
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.venues.binance import BINANCE
from crosstape.venues.binance.rest import (
    book_request,
    decode_book,
    decode_days,
    decode_instruments,
    decode_interest,
    decode_intervals,
    decode_klines,
)
from crosstape.venues.binance.stream import CM, UM, decode
from crosstape.wire.request import Request, parse_key
from support.captured import captured
from support.shared import SHARED, needs_shared

pytestmark = needs_shared
MS = 1_000_000
DATA = SHARED / "data" / "binance"
BTC = Request("any", "/", (("symbol", "BTCUSDT"),))
usdm, spot, coinm = partial(decode, CM), partial(decode, 0), partial(decode, UM)


def tardis(name: str, line: int) -> bytes:
    raw = json.loads((DATA / "tardis" / f"{name}.mapper.jsonl").read_text().splitlines()[line])["raw"]
    return json.dumps(raw, separators=(",", ":")).encode()


def jkorf(room: str, name: str) -> bytes:
    return (DATA / "jkorf" / room / "ExchangeData" / f"{name}.txt").read_bytes().split(b"\n", 3)[3]


def nautilus(name: str) -> bytes:
    return (DATA / "nautilus" / "integration_http" / f"{name}.json").read_bytes()


def update(name: str) -> bytes:
    text = (DATA / "jkorf" / "Subscriptions" / "UsdFutures" / f"{name}.txt").read_text()
    return json.dumps(json.loads(text.partition("\n=")[2]), separators=(",", ":")).encode()


def test_buyer_is_maker_means_the_taker_sold() -> None:
    assert usdm(update("AggTrades")) == (Trade("BTCUSDT", 123456785 * MS, 0.001, 100.0, Side.SELL, "5933014"),)
    assert spot(tardis("binance", 0)) == (
        Trade("BNBBTC", 1554076800940 * MS, 0.0042699, 33.82, Side.BUY, "40756030"),
    )


def test_a_fill_by_the_insurance_fund_is_no_taker() -> None:
    ts = 1596034530235 * MS
    assert usdm(tardis("binance-futures", 10)) == (
        Trade("ETHUSDT", ts, 2366.55, 0.07, Side.SELL, "73701056", block=True),
    )
    assert usdm(tardis("binance-futures", 11)) == (
        Trade("BTCUSDT", 1596240000519 * MS, 11343.67, 0.467, Side.SELL, "173525189"),
    )


def test_best_bid_and_offer_with_a_time_and_without() -> None:
    assert usdm(tardis("binance-futures", 14)) == (
        Quote("BTCUSDT", 1612137603568 * MS, 33134.42, 0.17, 33139.39, 0.38),
    )
    assert spot(tardis("binance", 2)) == (Quote("BTCUSDT", 0, 8010.0, 0.142459, 8012.15, 0.031201),)


def test_depth() -> None:
    assert usdm(tardis("binance-futures", 15)) == (
        BookDelta("BTCUSDT", 1787227200099 * MS, [(100.0, 2.0)], [], 150, 160, 100),
    )
    assert spot(tardis("binance", 5)) == (
        BookDelta("BTCUSDC", 1554076801699 * MS, [(4084.88, 0.0)], [(4111.84, 0.0)], 16084252, 16084253),
    )
    assert coinm(tardis("binance-delivery", 5)) == (
        BookDelta("BTCUSD_200925", 1592265602210 * MS, [(9504.8, 181.0)], [], 37471322, 37471322, 37471321),
    )


def test_mark_index_funding() -> None:
    ts = 1597536008000 * MS
    assert usdm(tardis("binance-futures", 9)) == [
        Mark("BTCUSDT", ts, 11857.56),
        Index("BTCUSDT", ts, 11851.86949091),
        Funding("BTCUSDT", ts, 0.0001564, 0.0, 1597564800000 * MS),
    ]


def test_a_dated_future_pays_no_funding() -> None:
    ts = 1609830121004 * MS
    assert usdm(tardis("binance-futures", 13)) == [
        Mark("BTCBUSD_210129", ts, 31799.2773),
        Index("BTCBUSD_210129", ts, 31307.034),
    ]


def test_day_figures() -> None:
    (day,) = usdm(tardis("binance-futures", 1))
    assert isinstance(day, Ticker)
    assert (day.last, day.volume, day.turnover, day.high, day.low) == (
        10223.74,
        20248.9,
        207024349.13,
        10329.38,
        10080.7,
    )
    assert day.change == pytest.approx(-0.00855, abs=1e-5)


def test_forced_order_keeps_its_own_side_and_what_was_filled() -> None:
    assert usdm(tardis("binance-futures", 12)) == [
        Liquidation("BTCUSDT", 1584059031421 * MS, Side.BUY, 4706.04, 0.014)
    ]
    assert coinm(tardis("binance-delivery", 9)) == [
        Liquidation("BTCUSD_200925", 1594622954021 * MS, Side.SELL, 9352.7, 3.0)
    ]


def test_broadcasts_leave_out_the_other_margin() -> None:
    rows = [{"e": "24hrTicker", "E": 1, "s": s, "c": "2", "o": "1", "h": "2", "l": "1", "v": "3", "q": "4", "st": st}
            for s, st in (("BTCUSDT", UM), ("BTCUSD_PERP", CM))]  # fmt: skip
    message = json.dumps({"stream": "!ticker@arr", "data": rows}, separators=(",", ":")).encode()
    assert [e.symbol for e in usdm(message) if isinstance(e, Event)] == ["BTCUSDT"]
    assert [e.symbol for e in coinm(message) if isinstance(e, Event)] == ["BTCUSD_PERP"]


def test_streams_that_are_not_taken() -> None:
    for name in ("Klines", "ContKlines", "PartialBook", "SymbolUpdates", "CompositIndex"):
        assert usdm(update(name)) == ()


def test_usdm_catalogue() -> None:
    listed, end = decode_instruments("binance-usdm", BTC, jkorf("Endpoints_UsdFutures", "GetExchangeInfo"))
    assert isinstance(listed, Listed)
    assert listed.instrument == Instrument(
        "binance-usdm", "BLZUSDT", InstrumentKind.PERP, "BLZ", "USDT", "USDT", tick_size=0.0001, lot_size=1.0,
        min_size=1.0, funding_hours=8.0, listed_ts=1598252400000 * MS,
    )  # fmt: skip
    assert isinstance(end, CatalogueEnd)


def test_coinm_counts_contracts_of_dollars() -> None:
    listed = decode_instruments("binance-coinm", BTC, jkorf("Endpoints_CoinFutures", "GetExchangeInfo"))[0]
    assert isinstance(listed, Listed)
    i = listed.instrument
    assert (i.symbol, i.inverse, i.contract, i.settle) == ("BTC-USD-FUT-200925", True, 100.0, "BTC")


def test_spot_catalogue() -> None:
    listed = decode_instruments("binance-spot", BTC, nautilus("http_spot_market_exchange_info"))
    i = listed[0]
    assert isinstance(i, Listed)
    assert (i.instrument.symbol, i.instrument.tick_size, i.instrument.lot_size) == ("BTC-USDT-SPOT", 0.01, 1e-5)


def test_a_snapshot_is_the_requests() -> None:
    asked = book_request("binance-spot", Instrument("binance-spot", "ABC", InstrumentKind.SPOT, "A", "BC", "BC"))
    (book,) = decode_book(parse_key(asked.key()), nautilus("http_spot_market_depth"))
    assert isinstance(book, BookSnapshot)
    assert (book.symbol, book.last, book.depth, book.ts_event) == ("ABC", 14527958487, 500, 0)
    assert (book.bids[0], book.asks[0]) == ((60650.0, 0.00213), (60650.01, 0.61982))


def test_polls() -> None:
    assert decode_interest(BTC, jkorf("Endpoints_UsdFutures", "GetOpenInterest")) == (
        OpenInterest("BTCUSDT", 1589437530011 * MS, 10659.509),
    )
    (funding,) = decode_intervals(BTC, jkorf("Endpoints_UsdFutures", "GetFundingInfo"))
    assert isinstance(funding, Funding)
    assert (funding.symbol, funding.interval_hours, math.isnan(funding.rate)) == ("BLZUSDT", 8.0, True)
    (day,) = decode_days(BTC, jkorf("Endpoints_CoinFutures", "GetTickers"))
    assert isinstance(day, Ticker)
    assert (day.symbol, day.volume, day.turnover) == ("BTCUSD_200925", 494109.0, 5192.94797687)


def test_candles_that_the_request_closes() -> None:
    body = nautilus("http_spot_market_klines")
    everything = decode_klines(BTC, body)
    first = everything[0]
    assert first == Candle("BTCUSDT", 1634943780000 * MS, 60, 60685.22, 60729.84, 60670.9, 60719.27, 21.63272,
                           1313200.0134041, 617.0, 12.28492, repaired=True)  # fmt: skip
    until = Request("klines", "/", (("symbol", "BTCUSDT"), ("endTime", str(1634943780000 + 59_999))))
    assert decode_klines(until, body) == [first]


@pytest.mark.parametrize(
    ("market", "folder", "prefix", "trades"),
    [
        ("binance-usdm", "usdm-2021-07-22", "BINANCE_FUTURES", 91),
        ("binance-spot", "spot-2021-10-12", "BINANCE", 2),
    ],
)
def test_a_session_with_four_books(market: str, folder: str, prefix: str, trades: int) -> None:
    files = (f"{prefix}.0", f"{prefix}.http.0.0", f"{prefix}.ws.1.0")
    frames = [frame for name in files for frame in captured(DATA / "cryptofeed" / folder / name, market)]
    machine = Machine((BINANCE,))
    for frame in sorted(frames, key=lambda frame: frame.ts_recv):
        machine.step(frame)
    state = machine.state
    assert all(source.errors == source.gaps == 0 for source in state.sources.values())
    said = Counter(event.what for _, event in state.events if isinstance(event, Continuity))
    assert (said["Snapshot"], said["Gap"]) == (4, 0)
    assert sum(isinstance(event, Trade) for _, event in state.events) == trades
    books = [book for book in state.books if book is not None]
    assert len(books) == 4
    assert all(book.synced and book.joined for book in books)
