"""Real OKX messages give exactly these events: values, not counts."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from crosstape.model.event import (
    BookDelta,
    BookSnapshot,
    Candle,
    CatalogueEnd,
    Event,
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
from crosstape.model.instrument import Instrument, InstrumentKind, fold_of
from crosstape.state.book import Applied, Book
from crosstape.venues.okx.builtin import builtin
from crosstape.venues.okx.rest import (
    decode_funding,
    decode_instruments,
    decode_interest,
    decode_klines,
    decode_marks,
    decode_tickers,
)
from crosstape.venues.okx.stream import Decoder
from crosstape.wire.request import Request
from crosstape.wire.venue import BookRule
from support.shared import SHARED, needs_shared

pytestmark = needs_shared
OKX = SHARED / "data" / "okx"
MS = 1_000_000
NAN = float("nan")
ANY = Request("any", "/")


def nautilus(name: str) -> bytes:
    return (OKX / "nautilus" / "adapter_test_data" / f"{name}.json").read_bytes()


def roq(name: str) -> bytes:
    lines = (OKX / "roq" / f"{name}.jsonl").read_text().splitlines()
    return json.loads(lines[0])["raw"].encode()


def tardis(line: str, channel: str) -> list[bytes]:
    """The v5 messages of a channel."""
    rows = [
        json.loads(row)["raw"] for row in (OKX / "tardis" / f"okex-{line}.mapper.jsonl").read_text().splitlines()
    ]
    return [pack(row) for row in rows if row.get("arg", {}).get("channel") == channel and "data" in row]


def pack(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def jkorf(name: str) -> bytes:
    return (OKX / "jkorf" / "Endpoints" / "ExchangeData" / f"{name}.txt").read_bytes().split(b"\n", 3)[3]


def capture() -> list[bytes]:
    lines = (OKX / "cryptofeed" / "2022-05-13" / "OKX.ws.1.0").read_bytes().splitlines()
    return [line.partition(b": ")[2] for line in lines if not line.startswith(b"wss://")]


def catalogue(kind: str) -> list[Instrument]:
    """The instruments of the day of the capture."""
    for line in (OKX / "cryptofeed" / "2022-05-13" / "OKX.0").read_bytes().splitlines():
        if f"instType={kind.upper()}".encode() in line:
            listed = decode_instruments(kind, ANY, line.partition(b": ")[2])
            return [event.instrument for event in listed if isinstance(event, Listed)]
    raise AssertionError(kind)


def test_trade() -> None:
    assert Decoder()(roq("trades")) == [
        Trade("BTC-USDT-SWAP", 1765201257145 * MS, 91467.1, 0.03, Side.SELL, "2005639579")
    ]
    (trade,) = Decoder()(tardis("futures", "trades")[0])
    assert trade == Trade("FIL-USD-220325", 1640131185600 * MS, 36.239, 11.0, Side.BUY, "1271987")


def test_touch() -> None:
    quote = Quote("LTC-USDC", 1765201257149 * MS, 83.8, 11.93317, 83.81, 11.93175)
    assert Decoder()(roq("bbo_tbt")) == [quote]
    assert Decoder()(tardis("swap", "bbo-tbt")[0]) == [
        Quote("BTC-USDT-SWAP", 1651761120004 * MS, 38632.3, 990.0, 38632.4, 727.0)
    ]


def test_spot_ticker_counts_base_and_quote() -> None:
    ts = 1765201256914 * MS
    assert Decoder()(roq("tickers")) == [
        Quote("BTC-USD", ts, 91527.2, 0.0135, 91527.3, 1.54613591, partial=True, lagging=True),
        Ticker("BTC-USD", ts, 91517.2, 338.86622649, 30744587.593360288, 92327.7, 87758.1, 91517.2 / 88979.1 - 1),
    ]


def test_linear_ticker_counts_contracts_and_coins() -> None:
    _, ticker = Decoder()(tardis("futures", "tickers")[0])
    assert isinstance(ticker, Ticker)
    assert (ticker.symbol, ticker.volume, ticker.last) == ("FIL-USDT-220325", 396874.0, 36.245)
    assert ticker.turnover == 39687.4 * (36.245 + 37.278 + 35.132) / 3


def test_inverse_ticker_counts_contracts_and_coins() -> None:
    tickers = [e for p in capture() for e in Decoder()(p) if isinstance(e, Ticker) and e.symbol == "UNI-USD-SWAP"]
    (raw,) = [json.loads(p)["data"][0] for p in capture() if b'"last"' in p and b"UNI-USD" in p][:1]
    assert tickers[0].volume == float(raw["vol24h"])
    assert tickers[0].turnover == float(raw["volCcy24h"])
    # A contract is ten dollars: contracts and coins tell the day's mean price.
    assert 10 * tickers[0].volume / tickers[0].turnover == pytest.approx(tickers[0].last, rel=0.2)


def test_funding_interval_is_the_time_to_the_next() -> None:
    ts = 1744590349506 * MS
    assert Decoder()(compact(nautilus("ws_funding_rate"))) == [Funding("BTC-USDT-SWAP", ts, 0.0001, 8.0, ts)]
    assert Decoder()(tardis("swap", "funding-rate")[0]) == [
        Funding("WNCG-USDT-SWAP", 0, 0.00048105, 0.0, 1640131200000 * MS)
    ]
    (silent,) = Decoder()(tardis("swap", "funding-rate")[1])
    assert isinstance(silent, Funding)
    assert math.isnan(silent.rate)


def compact(text: bytes) -> bytes:
    return pack(json.loads(text))


def test_mark_then_index_then_interest() -> None:
    decode = Decoder()
    index = tardis("futures", "index-tickers")[0]
    assert decode(index) == []
    mark = tardis("futures", "mark-price")[0]
    assert decode(mark) == [Mark("FIL-USDT-220325", 1640131204676 * MS, 36.232)]
    assert decode(index) == [Index("FIL-USDT-220325", 1640140200581 * MS, 35.583)]
    assert decode(tardis("futures", "open-interest")[0]) == [
        OpenInterest("FIL-USDT-220325", 1640131202886 * MS, 236870.0, 1)
    ]


def test_liquidated_short_is_a_forced_buy() -> None:
    message = tardis("futures", "liquidation-orders")[0]
    assert Decoder()(message) == [Liquidation("XRP-USD-230929", 1680173247614 * MS, Side.BUY, 0.55205, 39.0)]


def test_book_by_sequence() -> None:
    decode = Decoder()
    snapshot = json.loads(nautilus("ws_books_snapshot"))
    update = json.loads(nautilus("ws_books_update"))
    for message in (snapshot, update):
        message["data"][0]["checksum"] = 0
    (first,) = decode(pack(snapshot))
    assert isinstance(first, BookSnapshot)
    assert (first.bids[0], first.asks[0], first.last) == ((8476.97, 256.0), (8476.98, 415.0), 123456)
    (delta,) = decode(pack(update))
    assert isinstance(delta, BookDelta)
    assert (delta.prev, delta.last, delta.bids[-1]) == (123456, 123457, (8446.0, 95.0))
    assert decode(pack(update)) == []
    row = update["data"][0]
    row["prevSeqId"], row["seqId"] = 123459, 123460
    assert decode(pack(update)) == [Gap("BTC-USDT", int(row["ts"]) * MS, 123458, 123459)]
    assert decode(pack(update)) == []


def test_every_checksum_of_the_capture_is_that_of_the_rebuilt_text() -> None:
    """290 of 290, and the books a second decoder rebuilt without them are the same."""
    decode, books, plain = Decoder(), {}, {}
    seen = 0
    for payload in capture():
        events = decode(payload)
        for event in events:
            assert not isinstance(event, Gap)
            if isinstance(event, BookSnapshot):
                books.setdefault(event.symbol, Book()).replace(event)
                plain[event.symbol] = ({}, {})
            elif isinstance(event, BookDelta):
                assert books[event.symbol].update(event, BookRule.CHAIN) is Applied.YES
            else:
                continue
            seen += 1
            raw = json.loads(payload)["data"][0]
            for side, rows in zip(plain[event.symbol], (raw["bids"], raw["asks"]), strict=True):
                for price, size, *_ in rows:
                    side.pop(price, None) if size == "0" else side.update({price: size})
    assert seen == 290
    for symbol, book in books.items():
        bids, asks = book.levels(10_000)
        assert bids == sorted(((float(p), float(s)) for p, s in plain[symbol][0].items()), reverse=True)
        assert asks == sorted((float(p), float(s)) for p, s in plain[symbol][1].items())
        assert decode.memory.text[symbol] == plain[symbol]


def test_one_changed_size_is_found_by_its_checksum() -> None:
    decode, symbol, gaps = Decoder(), "", []
    for payload in capture():
        if not symbol and b'"update"' in payload and b'"checksum"' in payload:
            message = json.loads(payload)
            side = message["data"][0]["bids"] or message["data"][0]["asks"]
            side[0][1], symbol = "98765", message["arg"]["instId"]
            payload = pack(message)
        gaps += [event for event in decode(payload) if isinstance(event, Gap)]
    assert [gap.symbol for gap in gaps] == [symbol]
    assert symbol not in decode.memory.text


def test_linear_catalogue_counts_coins_and_inverse_dollars() -> None:
    swaps = {i.native: i for i in catalogue("swap")}
    assert len(swaps) == 166
    btc, inverse = swaps["BTC-USDT-SWAP"], swaps["BTC-USD-SWAP"]
    assert (btc.id, btc.symbol, btc.kind) == ("okx-swap:BTC-USDT-SWAP", "BTC-USDT-PERP", InstrumentKind.PERP)
    assert (btc.contract, btc.inverse, btc.settle, btc.tick_size, btc.lot_size) == (0.01, False, "USDT", 0.1, 1.0)
    assert (inverse.contract, inverse.inverse, inverse.settle) == (100.0, True, "BTC")
    assert inverse.symbol == "BTC-USD-PERP"
    assert swaps["SHIB-USDT-SWAP"].contract == 1_000_000.0
    fold = fold_of(btc)
    assert fold is not None
    assert fold.size(91000.0, 3.5) == 0.035


def test_futures_and_spot_catalogue() -> None:
    listed = decode_instruments("futures", ANY, nautilus("http_get_instruments_futures"))
    assert isinstance(listed[0], Listed)
    future = listed[0].instrument
    assert (future.symbol, future.contract, future.inverse) == ("BTC-USD-FUT-241220", 100.0, True)
    assert isinstance(listed[-1], CatalogueEnd)
    spot = decode_instruments("spot", ANY, nautilus("http_get_instruments_spot"))
    assert isinstance(spot[0], Listed)
    assert (spot[0].instrument.symbol, spot[0].instrument.contract) == ("BTC-USD-SPOT", 1.0)
    assert fold_of(spot[0].instrument) is None


def test_builtin_contracts_are_those_of_a_real_catalogue() -> None:
    real = {i.native: i for line in ("swap", "spot") for i in catalogue(line)}
    for known in builtin():
        there = real.get(known.native)
        if there is None:
            assert known.kind is InstrumentKind.SPOT, known.native
            continue
        assert (known.contract, known.inverse, known.base, known.quote, known.settle) == (
            there.contract, there.inverse, there.base, there.quote, there.settle,
        )  # fmt: skip


def test_rest_figures() -> None:
    (funding,) = decode_funding(ANY, jkorf("GetFundingRates"))
    assert funding == Funding("BTC-USDT-SWAP", 1703070685309 * MS, 0.0000792386885340, 8.0, 1703088000000 * MS)
    assert decode_interest(ANY, jkorf("GetOpenInterests")) == [
        OpenInterest("BTC-USDT-SWAP", 1597026383085 * MS, 5000.0, 1)
    ]
    assert decode_marks(ANY, nautilus("http_get_mark_price")) == [
        Mark("BTC-USDT-SWAP", 1744590349506 * MS, 84660.1)
    ]
    tickers = [e for e in decode_tickers(ANY, jkorf("GetTickers")) if isinstance(e, Ticker)]
    assert [(t.symbol, t.volume, t.turnover) for t in tickers] == [
        ("LTC-USD-SWAP", 2222.0, 2222.0),
        ("BTC-USD-SWAP", 2222.0, 2222.0),
    ]


def test_closed_candles_are_repairs_in_the_units_of_their_kind() -> None:
    body = jkorf("GetKlines").replace(b'"0"\n', b'"1"\n')
    inverse = Request("klines", "/", (("instId", "BTC-USD-SWAP"), ("bar", "1Dutc")))
    linear = Request("klines", "/", (("instId", "BTC-USDT-SWAP"), ("bar", "1m")))
    ts = 1597026383085 * MS
    assert decode_klines(inverse, body)[-1] == Candle(
        "BTC-USD-SWAP", ts, 86400, 3.721, 3.743, 3.677, 3.708, 8422410, 22698348.04828491, repaired=True
    )
    assert decode_klines(linear, body)[-1] == Candle(
        "BTC-USDT-SWAP", ts, 60, 3.721, 3.743, 3.677, 3.708, 8422410, 12698348.04828491, repaired=True
    )
    assert decode_klines(linear, nautilus("http_get_candlesticks")) == []


def test_what_we_do_not_take_does_not_fail() -> None:
    for name in ("candle", "estimated_price", "subscribe", "error", "channel_conn_count", "instruments"):
        for event in Decoder()(roq(name)):
            assert isinstance(event, Event)
