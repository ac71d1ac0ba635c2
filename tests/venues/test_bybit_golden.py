"""Real Bybit messages give exactly these events: values, not counts."""

from __future__ import annotations

import json
import math
import zipfile

import pytest

from crosstape.model.event import (
    BookDelta,
    BookSnapshot,
    Candle,
    CatalogueEnd,
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
from crosstape.model.instrument import InstrumentKind
from crosstape.state.book import Applied, Book
from crosstape.venues.bybit.rest import decode_instruments, decode_klines, decode_tickers, instruments_page
from crosstape.venues.bybit.stream import decode
from crosstape.wire.request import Request
from crosstape.wire.venue import BookRule
from support.shared import BYBIT, needs_shared

pytestmark = needs_shared
MS = 1_000_000
NAN = float("nan")


def nautilus(name: str) -> bytes:
    return (BYBIT / "nautilus" / "adapter_test_data" / name).read_bytes()


def roq(name: str, test: str) -> bytes:
    lines = (BYBIT / "roq" / name).read_text().splitlines()
    return next(json.loads(line)["raw"].encode() for line in lines if json.loads(line)["test"] == test)


def jkorf(name: str) -> bytes:
    return (BYBIT / "jkorf" / "ExchangeData" / name).read_bytes().split(b"\n", 3)[3]


def test_linear_ticker_snapshot() -> None:
    ts = 1682169027329 * MS
    assert decode(roq("tickers.jsonl", "linear")) == [
        Mark("BTCUSDT", ts, 27342.30),
        Index("BTCUSDT", ts, 27349.74),
        Funding("BTCUSDT", ts, 0.0001, 0.0, 1682179200000 * MS),
        OpenInterest("BTCUSDT", ts, 92578.634, 2),
        Quote("BTCUSDT", ts, 27300.0, 1.305, 27339.5, 22.439, partial=True, lagging=True),
        Ticker("BTCUSDT", ts, 27339.4, 123331.408, 3391168773.5801, 31666.6, 22800.0, -0.005724),
    ]


def test_dated_future_ticker_has_no_funding() -> None:
    ts = 1682169888078 * MS
    assert decode(roq("tickers.jsonl", "inverse")) == [
        Mark("BTCUSDM23", ts, 27603.76),
        Index("BTCUSDM23", ts, 27309.94),
        OpenInterest("BTCUSDM23", ts, 2376127.0, 2),
        Quote("BTCUSDM23", ts, 27594.5, 8298.0, 27606.0, 9369.0, partial=True, lagging=True),
        Ticker("BTCUSDM23", ts, 27625.0, 2110680.0, 76.3171, 28429.5, 27375.5, -0.024403),
    ]


def test_spot_ticker() -> None:
    ts = 1682083233096 * MS
    assert decode(roq("tickers.jsonl", "spot")) == [
        Ticker("BTCUSDT", ts, 27579.99, 240.62801, 6905439.32558533, 35000.0, 26900.0, -0.0492)
    ]


def test_ticker_with_interval() -> None:
    events = decode(nautilus("ws_ticker_linear.json"))
    assert Funding("BTCUSDT", 1673272861686 * MS, -0.000212, 8.0, 1673280000000 * MS) in events


def test_public_trade() -> None:
    assert decode(roq("public_trade.jsonl", "simple")) == [
        Trade("BTCUSDT", 1682084122521 * MS, 27200.0, 0.000221, Side.BUY, "2100000000019296063")
    ]


def test_top_of_book_delta_leaves_the_removed_side_open() -> None:
    (quote,) = decode(nautilus("ws_orderbook_delta.json"))
    assert isinstance(quote, Quote)
    assert (quote.symbol, quote.ts_event, quote.bid, quote.bid_size) == (
        "BTCUSDT",
        1709891679500 * MS,
        27450.0,
        0.4,
    )
    assert math.isnan(quote.ask)
    assert quote.partial


def test_book_snapshot_and_delta() -> None:
    (snapshot,) = decode(roq("order_book.jsonl", "simple_50_snapshot"))
    assert isinstance(snapshot, BookSnapshot)
    assert snapshot.bids[:2] == [(27579.99, 0.031443), (27579.97, 0.085285)]
    assert snapshot.depth == 50
    assert decode(roq("order_book.jsonl", "simple_50_delta")) == (
        BookDelta("BTCUSDT", 1682083231922 * MS, [(27579.99, 0.031244)], [], 1323397, 1323397),
    )


def test_liquidated_short_is_a_forced_buy() -> None:
    text = (BYBIT / "jkorf_ws" / "Linear" / "Liquidations.txt").read_text().partition("= ")[2]
    assert decode(json.dumps(json.loads(text)).encode().replace(b'{"topic": ', b'{"topic":')) == [
        Liquidation("ETHUSDT", 1739502302929 * MS, Side.BUY, 0.04499, 20000.0)
    ]


def test_captured_quotes() -> None:
    lines = (BYBIT / "cryptofeed" / "2025-06-13" / "BYBIT.ws.1.0").read_bytes().splitlines()
    messages = [line.partition(b": ")[2] for line in lines if not line.startswith(b"wss://")]
    events = [event for message in messages for event in decode(message)]
    assert events[0] == Quote("BANDUSDT", 1749833474768 * MS, 0.6131, 17.9, 0.6134, 35.4)
    quotes = [event for event in events if isinstance(event, Quote)]
    assert len(quotes) == len(events) > 100
    assert all(quote.bid < quote.ask for quote in quotes)


def test_recorded_book_has_no_gap_and_ends_as_a_plain_rebuild() -> None:
    archive = zipfile.ZipFile(BYBIT / "nautilus" / "2024-12-01_XRPUSDT_ob500.data.zip")
    lines = archive.read(archive.namelist()[0]).splitlines()
    book = Book()
    plain: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    for line in lines:
        (event,) = decode(line)
        raw = json.loads(line)
        if isinstance(event, BookSnapshot):
            book.replace(event)
            plain = {"b": {}, "a": {}}
        else:
            assert isinstance(event, BookDelta)
            assert book.update(event, BookRule.STEP) is Applied.YES
        for side in ("b", "a"):
            for price, size in raw["data"][side]:
                plain[side].pop(price, None) if float(size) == 0 else plain[side].update({price: size})
    assert len(lines) == 50
    bids, asks = book.levels(10_000)
    assert bids == sorted(((float(p), float(s)) for p, s in plain["b"].items()), reverse=True)
    assert asks == sorted((float(p), float(s)) for p, s in plain["a"].items())
    assert book.top()[0] < book.top()[2]


def test_linear_catalogue() -> None:
    body = nautilus("http_get_instruments_linear.json")
    listed = decode_instruments("linear", instruments_page("linear"), body)
    assert isinstance(listed[0], Listed)
    btc = listed[0].instrument
    assert (btc.id, btc.symbol, btc.kind) == ("bybit-linear:BTCUSDT", "BTC-USDT-PERP", InstrumentKind.PERP)
    assert (btc.tick_size, btc.lot_size, btc.min_size, btc.multiplier) == (0.5, 0.001, 0.001, 1.0)
    assert isinstance(listed[-1], CatalogueEnd)


def test_inverse_and_spot_catalogue() -> None:
    listed = decode_instruments(
        "inverse", instruments_page("inverse"), nautilus("http_get_instruments_inverse.json")
    )
    assert isinstance(listed[0], Listed)
    assert (listed[0].instrument.inverse, listed[0].instrument.settle) == (True, "BTC")
    spot = decode_instruments("spot", instruments_page("spot"), nautilus("http_get_instruments_spot.json"))
    assert isinstance(spot[0], Listed)
    assert spot[0].instrument.symbol == "BTC-USDT-SPOT"


def test_klines_are_repairs() -> None:
    body = nautilus("http_get_klines_linear.json").replace(b'"time": 1709891679050', b'"time": 1709891779050')
    start = 1709891679000 * MS
    assert decode_klines(Request("klines", "/"), body) == [
        Candle("BTCUSDT", start, 60, 27450, 27460, 27440, 27455, 123.45, 3390000, repaired=True)
    ]


def test_rest_ticker_of_an_inverse_perp() -> None:
    events = decode_tickers(Request("tickers", "/"), jkorf("GetLinearInverseTickers.txt"))
    ticker = next(event for event in events if isinstance(event, Ticker))
    assert (ticker.last, ticker.volume, ticker.turnover) == (16597.0, 49337318.0, 2352.94950046)
    funding = next(event for event in events if isinstance(event, Funding))
    assert (funding.rate, funding.next_ts) == (-0.001034, 1672387200000 * MS)


@pytest.mark.parametrize("test", ["option"])
def test_what_we_do_not_take_does_not_fail(test: str) -> None:
    assert isinstance(decode(roq("tickers.jsonl", test)), list | tuple)
