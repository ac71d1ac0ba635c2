"""Real Hyperliquid messages give exactly these events: values, not counts."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import yaml

from crosstape.model.event import (
    BookSnapshot,
    Candle,
    CatalogueEnd,
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
from crosstape.model.instrument import Instrument, InstrumentKind, fold_of
from crosstape.venues.hyperliquid.rest import (
    backfill,
    decode_candles,
    decode_contexts,
    decode_perps,
    decode_spot,
    decode_spot_contexts,
)
from crosstape.venues.hyperliquid.stream import ASK, Decoder
from crosstape.venues.hyperliquid.subscriptions import ack
from crosstape.wire.effect import Send
from crosstape.wire.request import Request
from support.shared import SHARED, needs_shared

pytestmark = needs_shared
HERE = SHARED / "data" / "hyperliquid"
MS = 1_000_000
NAN = float("nan")
ANY = Request("any", "/info")


def nautilus(name: str) -> bytes:
    return (HERE / "nautilus" / "adapter_test_data" / f"{name}.json").read_bytes()


def roq(name: str) -> bytes:
    return json.loads((HERE / "roq" / f"{name}.jsonl").read_text().splitlines()[0])["raw"].encode()


def jkorf(name: str) -> tuple[bytes, bytes]:
    """The ack and the update."""
    head, _, update = (HERE / "jkorf_ws" / f"{name}.txt").read_text().partition("\n= \n")
    return head.splitlines()[1].removeprefix("< ").encode(), update.encode()


def jkorf_rest(name: str) -> bytes:
    return (HERE / "jkorf" / f"{name}.txt").read_text().split("\n", 3)[3].encode()


def cassette(name: str) -> list[tuple[Any, bytes]]:
    """What was asked and what was answered."""
    tape = yaml.safe_load((HERE / "python-sdk" / "2024-2025" / f"{name}.yaml").read_text())
    return [
        (i["request"]["body"], i["response"]["body"]["string"].encode())
        for i in tape["interactions"]
        if isinstance(i["response"]["body"]["string"], str)
    ]


def tardis() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / "tardis" / "hyperliquid.mapper.jsonl").read_text().splitlines()]


def same(got: object, want: object) -> bool:
    """Equal, where NaN is NaN."""
    if isinstance(got, float) and isinstance(want, float):
        return got == want or (math.isnan(got) and math.isnan(want))
    if isinstance(got, Event) and type(got) is type(want):
        return all(same(getattr(got, n), getattr(want, n)) for n in got.__struct_fields__)
    return got == want


def check(got: object, *want: Event) -> None:
    assert isinstance(got, list | tuple)
    assert len(got) == len(want), got
    assert all(same(g, w) for g, w in zip(got, want, strict=True)), got


def test_trades_keep_both_addresses() -> None:
    said, update = jkorf("Trades")
    assert Decoder()(said) == []
    buyer, seller = "0x8cdba352268065be9d5444e1f82b8fe83717bbd5", "0x13558be785661958932ceac35ba20de187275a42"
    want = Trade("HYPE", 1764835613064 * MS, 35.276, 5.78, Side.BUY, "716095722814130", False, (buyer, seller))
    check(Decoder()(update), want)
    users = ("0x768484f7e2ebb675c57838366c02ae99ba2a9b08", "0xbb05602d74778f4a42dcee87d14051572bb9ec78")
    sold = Trade("SOL", 1765887848009 * MS, 128.5, 0.42, Side.SELL, "867891549538215", counterparties=users)
    check(Decoder()(roq("trades")), sold)


def test_old_trades_without_addresses() -> None:
    check(
        Decoder()(json.dumps(tardis()[0]["raw"]).encode()),
        Trade("FXS", 1730160015113 * MS, 1.9008, 10.5, Side.SELL, "611279506717453"),
    )
    decoder = Decoder()
    found = decoder(json.dumps(tardis()[2]["raw"]).encode())
    assert [(t.size, t.taker, t.id) for t in found if isinstance(t, Trade)] == [
        (0.38111, Side.BUY, "1016375172059570"),
        (0.33458, Side.BUY, "479312521152049"),
        (0.83613, Side.BUY, "229986151112628"),
    ]
    assert decoder(json.dumps(tardis()[2]["raw"]).encode()) == []


def test_trades_agree_with_another_reader() -> None:
    for entry in tardis():
        for want in entry["expected"]:
            if want["type"] == "trade":
                (trade,) = Decoder()(json.dumps(entry["raw"]).encode())
                assert isinstance(trade, Trade)
                got = (trade.symbol, trade.id, trade.price, trade.size, trade.taker.name.lower())
                assert got == (want["symbol"], want["id"], want["price"], want["amount"], want["side"])


def test_recent_trades_over_rest_are_the_shape_of_the_socket() -> None:
    rows = json.loads(nautilus("http_recent_trades_btc"))
    found = Decoder()(json.dumps({"channel": "trades", "data": rows}).encode())
    want = Trade("BTC", 1769916002000 * MS, 104320.0, 0.015, Side.SELL, "300003", False, ("0xbuyer3", "0xseller3"))
    check(found, want)


def test_quotes() -> None:
    said, update = jkorf("BookTicker")
    answer = ack(said)
    assert answer is not None
    assert answer.ok
    check(Decoder()(update), Quote("HYPE", 1766566375292 * MS, 23.757, 42.09, 23.758, 100.26))
    quotes = [e["raw"] for e in tardis() if e["raw"]["channel"] == "bbo"]
    ts = 1750948919838 * MS
    check(Decoder()(json.dumps(quotes[0]).encode()), Quote("@162", ts, 0.97925, 4144.6, 0.97934, 50.0))
    check(Decoder()(json.dumps(quotes[1]).encode()), Quote("BTC", ts, 107575.0, 3.87947, NAN, 0.0))


def test_books() -> None:
    _, update = jkorf("OrderBook")
    bids, asks = [(34.967, 2.85), (34.962, 3.84)], [(34.969, 1473.06), (34.97, 1544.51)]
    (book,) = Decoder()(update)
    assert isinstance(book, BookSnapshot)
    assert (book.symbol, book.ts_event, book.bids, book.asks) == ("HYPE", 1764842873555 * MS, bids, asks)
    raw = json.loads(nautilus("ws_book_data"))
    (book,) = Decoder()(json.dumps({"channel": "l2Book", "data": raw}).encode())
    assert isinstance(book, BookSnapshot)
    assert book.bids == [(float(x["px"]), float(x["sz"])) for x in raw["levels"][0]]
    assert book.asks == [(float(x["px"]), float(x["sz"])) for x in raw["levels"][1]]
    assert book.last == raw["time"]


def test_a_book_without_levels() -> None:
    empty = next(e["raw"] for e in tardis() if e["raw"]["channel"] == "l2Book")
    (book,) = Decoder()(json.dumps(empty).encode())
    assert isinstance(book, BookSnapshot)
    assert (book.symbol, book.bids, book.asks) == ("SHIA", [], [])


def test_a_cassettes_book() -> None:
    body = next(body for asked, body in cassette("test_get_l2_snapshot") if "l2Book" in asked)
    (book,) = Decoder()(b'{"channel":"l2Book","data":' + body + b"}")
    assert isinstance(book, BookSnapshot)
    raw = json.loads(body)
    assert (book.symbol, book.last, book.depth) == (raw["coin"], raw["time"], 20)
    assert len(book.bids) == len(book.asks) == 20
    assert book.bids == sorted(book.bids, reverse=True)
    assert book.asks[0] == (float(raw["levels"][1][0]["px"]), float(raw["levels"][1][0]["sz"]))


def test_the_context_of_one_coin() -> None:
    check(
        Decoder()(roq("active_asset_ctx")),
        Index("SOL", 0, 128.41),
        Mark("SOL", 0, 128.45),
        Funding("SOL", 0, 0.0000125, 1.0, 0),
        OpenInterest("SOL", 0, 5259.34, 1),
        Quote("SOL", 0, 128.4583, NAN, 128.5099, NAN, partial=True, lagging=True),
        Ticker("SOL", 0, 128.48, 7543.61, 965843.7286000003, change=128.45 / 132.32 - 1.0),
    )
    spot = next(e["raw"] for e in tardis() if e["raw"]["channel"] == "activeSpotAssetCtx")
    change = 0.00005299 / 0.000031 - 1.0
    check(Decoder()(json.dumps(spot).encode()), Ticker("@2", 0, 0.00005307, NAN, 24629.86429498, change=change))


def test_the_contexts_of_every_dex() -> None:
    """The message names no coins: the connection asks for their lists, and reads by place."""
    decoder, message = Decoder(), nautilus("ws_all_dexs_asset_ctxs")
    assert decoder(message) == [Send("hyperliquid/0", ASK)]
    dexes = {dex: len(rows) for dex, rows in json.loads(message)["data"]["ctxs"]}
    assert dexes == {
        "": 230,
        "abcd": 1,
        "cash": 17,
        "flx": 16,
        "hyna": 25,
        "km": 23,
        "para": 5,
        "vntl": 15,
        "xyz": 80,
    }
    metas = []
    for dex, count in dexes.items():
        names = [f"{dex}:C{i}" if dex else f"C{i}" for i in range(count)]
        coins = [{"name": n, "szDecimals": 2, "isDelisted": i == 2} for i, n in enumerate(names)]
        metas.append({"universe": coins, "marginTables": [], "collateralToken": 0})
    payload = {"type": "info", "payload": {"type": "allPerpMetas", "data": metas}}
    assert decoder(json.dumps({"channel": "post", "data": {"id": 1, "response": payload}}).encode()) == []
    events = decoder(message)
    assert {e.symbol for e in events if isinstance(e, Event)} >= {"C0", "C229", "xyz:C79", "km:C22"}
    assert not any(isinstance(e, Event) and e.symbol in ("C2", "xyz:C2") for e in events)
    check(
        [e for e in events if isinstance(e, Event) and e.symbol == "C0"],
        Index("C0", 0, 77605.0),
        Mark("C0", 0, 77562.0),
        Funding("C0", 0, -0.0000015186, 1.0, 0),
        OpenInterest("C0", 0, 27353.17682, 1),
        Quote("C0", 0, 77558.0, NAN, 77559.0, NAN, partial=True, lagging=True),
        Ticker("C0", 0, 77558.5, 19707.77457, 1516669192.1953897476, change=77562.0 / 76317.0 - 1.0),
    )
    usd = sum(
        oi.size * mark.price
        for oi, mark in zip(
            (e for e in events if isinstance(e, OpenInterest)),
            (e for e in events if isinstance(e, Mark)),
            strict=True,
        )
    )
    assert 5e9 < usd < 5e10


def listed(events: object) -> dict[str, Instrument]:
    assert isinstance(events, list)
    assert events[-1] == CatalogueEnd("", 0)
    return {e.symbol: e.instrument for e in events if isinstance(e, Listed)}


def test_perpetuals_of_all_dexes() -> None:
    found = listed(decode_perps(ANY, nautilus("http_all_perp_metas_non_usdc_collateral")))
    assert [(i.id, i.symbol, i.settle) for i in found.values()] == [
        ("hyperliquid:BTC", "BTC-USDC-PERP", "USDC"),
        ("hyperliquid:km:US500", "US500-USDH-PERP", "USDH"),
        ("hyperliquid:hyna:BTC", "BTC-USDE-PERP", "USDE"),
    ]
    btc = found["BTC"]
    assert (btc.tick_size, btc.lot_size, btc.funding_hours, btc.multiplier) == (0.1, 0.00001, 1.0, 1.0)


def test_a_cassettes_catalogue() -> None:
    (_, body), *_ = cassette("test_get_info")
    found = listed(decode_perps(ANY, body))
    assert len(found) == 28
    pepe = found["kPEPE"]
    assert (pepe.base, pepe.symbol, pepe.multiplier) == ("PEPE", "PEPE-USDC-PERP", 1000.0)
    assert (pepe.tick_size, pepe.lot_size, found["ETH"].tick_size) == (1e-6, 1.0, 0.01)
    fold = fold_of(pepe)
    assert fold is not None
    assert (fold.price(0.0016), fold.size(0.0016, 500.0)) == (0.0016 / 1000, 500_000.0)
    sample = listed(decode_perps(ANY, nautilus("http_meta_perp_sample")))
    assert list(sample) == ["BTC", "ETH", "ATOM"]


def test_spot_pairs_are_what_their_tokens_are() -> None:
    found = listed(decode_spot(ANY, (HERE / "roq" / "get_spot_meta_ack.json").read_bytes()))
    assert len(found) == 1193
    purr = found["PURR/USDC"]
    assert (purr.id, purr.symbol, purr.kind) == (
        "hyperliquid-spot:PURR/USDC",
        "PURR-USDC-SPOT",
        InstrumentKind.SPOT,
    )
    assert (purr.tick_size, purr.lot_size) == (1e-8, 1.0)
    assert {found["@1137"].base, found["@1165"].base} == {"UETH", "USOL"}


def test_contexts_over_rest() -> None:
    found = decode_contexts(ANY, jkorf_rest("Futures/ExchangeData/GetExchangeInfoAndTickers"))
    of_eth = [e for e in found if isinstance(e, Event) and e.symbol == "ETH"]
    check(
        of_eth,
        Index("ETH", 0, 6.0457),
        Mark("ETH", 0, 6.0436),
        Funding("ETH", 0, 0.0000125, 1.0, 0),
        OpenInterest("ETH", 0, 1882.55, 1),
        Quote("ETH", 0, 6.0386, NAN, 6.0562, NAN, partial=True, lagging=True),
        Ticker("ETH", 0, 6.0431, NAN, 1426126.295175, change=6.0436 / 6.3611 - 1.0),
    )
    check(
        list(decode_spot_contexts(ANY, jkorf_rest("Spot/ExchangeData/GetExchangeInfoAndTickers"))),
        Ticker("PURR/USDC", 0, 0.2268, 65824101.0, 14350747.92152, change=0.22695 / 0.2108 - 1.0),
    )


def test_a_cassettes_candles() -> None:
    asked, body = next(pair for pair in cassette("test_get_candles_snapshot") if "candleSnapshot" in pair[0])
    found = decode_candles(Request("klines", "/info", body=asked), body)
    first = found[0]
    turnover = 520665683.0 * (0.001616 + 0.001601 + 0.001604) / 3.0
    check(
        [first],
        Candle("kPEPE", 1684699200000 * MS, 3600, 0.001601, 0.001616, 0.001601, 0.001604, 520665683.0, turnover,
               709.0, repaired=True),
    )  # fmt: skip
    end = json.loads(asked)["req"]["endTime"]
    rows = json.loads(body)
    assert len(found) == sum(row["T"] <= end for row in rows) == len(rows) - 1
    days = jkorf_rest("Spot/ExchangeData/GetKlines")
    (request,) = backfill(Instrument("hyperliquid-spot", "@107", InstrumentKind.SPOT, "HYPE", "USDC", "USDC"),
                          1737331200000 * MS, 1737504000000 * MS)  # fmt: skip
    assert [
        (c.symbol, c.timeframe_s, c.trades) for c in decode_candles(request, days) if isinstance(c, Candle)
    ] == [
        ("@107", 86_400, 278401.0),
        ("@107", 86_400, 49556.0),
    ]


@pytest.mark.parametrize("name", ["pong", "notification", "order_updates", "user", "spot_meta", "error"])
def test_what_is_not_ours_is_left(name: str) -> None:
    assert not Decoder()(roq(name))


def test_answers_to_requests() -> None:
    good, bad = ack(roq("subscription_response")), ack(roq("error"))
    assert good is not None
    assert bad is not None
    assert (good.ok, bad.ok) == (True, False)
    assert bad.reason.startswith("Error parsing JSON into valid websocket request")
    assert ack(roq("trades")) is None
    assert ack(roq("pong")) is None
