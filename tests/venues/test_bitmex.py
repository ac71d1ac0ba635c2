"""BitMEX from its recorded session: values, books, counts; whatever else comes is read or a WireError."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.engine.checkpoint import load, save
from crosstape.engine.machine import Machine
from crosstape.model.errors import WireError
from crosstape.model.event import (
    NAN,
    AnyEvent,
    BookDelta,
    BookSnapshot,
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
from crosstape.model.frame import CLOCK, Frame, Kind
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.state.book import Applied, Book
from crosstape.venues.bitmex import (
    BITMEX,
    CATALOGUE,
    Decoder,
    ack,
    decode_instruments,
    refusal,
    subscribe,
    topics,
)
from crosstape.wire.effect import Subscribe, Unsubscribe
from crosstape.wire.venue import BookRule
from support.shared import SHARED, needs_shared

LONGTAIL = SHARED / "data" / "longtail"
CAPTURE = LONGTAIL / "cryptofeed" / "bitmex-2021-07-22"
MS = 1_000_000
REST_TS = 1626993365000 * MS
PERP = Instrument("bitmex", "XBTUSD", InstrumentKind.PERP, "BTC", "USD", "BTC", inverse=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
ACTION = st.sampled_from(["partial", "insert", "update", "delete", "", "x"])
ROWS: dict[str, dict[str, Any]] = {
    "orderBookL2": {"symbol": "X", "id": 1, "side": "Buy", "size": 2, "price": 3.5},
    "trade": {"symbol": "X", "timestamp": "2021-07-22T22:36:10.014Z", "side": "Buy", "size": 5, "price": 2.5,
              "trdMatchID": "a"},
    "quote": {"symbol": "X", "timestamp": "2021-07-22T22:36:10.014Z", "bidSize": 1, "bidPrice": 2, "askPrice": 3,
              "askSize": None},
    "instrument": {"symbol": "X", "typ": "FFWCSX", "state": "Open", "underlying": "XBT", "quoteCurrency": "USD",
                   "settlCurrency": "XBt", "multiplier": -1, "underlyingToSettleMultiplier": -1, "isInverse": True,
                   "fundingInterval": "2000-01-01T08:00:00.000Z", "fundingRate": 0.1, "markPrice": 4,
                   "openInterest": 7, "volume24h": 8, "timestamp": "2021-07-22T22:36:10.014Z"},
    "liquidation": {"orderID": "a", "symbol": "X", "side": "Buy", "price": 10, "leavesQty": 2},
}  # fmt: skip


def text(table: str, action: str, *rows: object, **more: object) -> bytes:
    return json.dumps({"table": table, "action": action, "data": rows} | more).encode()


def level(id: object, side: str, **more: object) -> dict[str, object]:
    return {"symbol": "X", "id": id, "side": side} | more


def session() -> list[bytes]:
    lines = (CAPTURE / "BITMEX.ws.1.0").read_bytes().splitlines()
    return [line.partition(b": ")[2] for line in lines if not line.startswith(b"wss://")]


def catalogue() -> bytes:
    return (CAPTURE / "BITMEX.0").read_bytes().splitlines()[0].partition(b": ")[2]


def samples() -> list[dict[str, Any]]:
    lines = (LONGTAIL / "tardis" / "bitmex.mapper.jsonl").read_text().splitlines()
    return [json.loads(line)["raw"] for line in lines]


@needs_shared
def test_what_the_session_says() -> None:
    decode = Decoder()
    seen: dict[type, list[AnyEvent]] = {}
    for payload in session():
        for event in decode(payload):
            assert isinstance(event, Event)
            seen.setdefault(type(event), []).append(event)
    assert seen[Trade][0] == Trade(
        "UNIUSDT", 1626993370014 * MS, 17.297, 52.0, Side.BUY, "39744121-c20e-44ba-8cc8-a6b8cdf72885"
    )
    assert seen[Quote][0] == Quote("XRPU21", 1626993353978 * MS, 1.814e-05, 15.0, 1.819e-05, 1703.0)
    snapshot = seen[BookSnapshot][0]
    assert isinstance(snapshot, BookSnapshot)
    assert (snapshot.symbol, snapshot.asks[0], snapshot.ts_event) == ("XRPU21", (0.00010699, 3000.0), 0)
    # A change names an id; the price is the snapshot's.
    rows = {row["id"]: row["price"] for p in session() for row in levels_of(p) if "price" in row}
    change = next(p for p in session() if b'"update"' in p and b"orderBookL2" in p)
    (row,) = levels_of(change)
    first = next(
        event for event in seen[BookDelta] if isinstance(event, BookDelta) and event.symbol == row["symbol"]
    )
    assert first == BookDelta("UNIUSDT", 0, [], [(rows[row["id"]], 123.0)], 0, 0)


def levels_of(payload: bytes) -> list[dict[str, Any]]:
    message = json.loads(payload)
    return message["data"] if message.get("table") == "orderBookL2" else []


@needs_shared
def test_counts_are_the_manifests() -> None:
    line = next(
        line for line in (SHARED / "data" / "manifest.tsv").read_text().splitlines()
        if line.startswith("longtail/cryptofeed/bitmex-2021-07-22/BITMEX.ws.1.0\t")
    )  # fmt: skip
    expected = {name: int(re.findall(rf"{name} (\d+)", line)[0]) for name in ("L2_BOOK", "TICKER", "TRADES")}
    assert expected == {"L2_BOOK": 1979, "TICKER": 436, "TRADES": 27}
    decode = Decoder()
    counts = Counter(type(event) for payload in session() for event in decode(payload))
    before = sum(len(json.loads(p)["data"]) for p in session() if b'"trade","action":"partial"' in p)
    assert counts[BookSnapshot] + counts[BookDelta] == expected["L2_BOOK"]
    assert counts[Quote] == expected["TICKER"]
    # Trades from before the subscription are not passed on.
    assert (counts[Trade], before) == (17, 10)
    assert counts[Trade] + before == expected["TRADES"]
    assert set(counts) == {BookSnapshot, BookDelta, Quote, Trade}


@needs_shared
def test_books_are_a_plain_rebuild_and_every_quote_is_their_top() -> None:
    decode = Decoder()
    books: dict[str, Book] = {}
    plain: dict[str, dict[tuple[int, str], list[float]]] = {}
    tops: dict[str, set[tuple[float, ...]]] = {}
    quotes: list[Quote] = []
    for payload in session():
        for event in decode(payload):
            if isinstance(event, Quote):
                quotes.append(event)
                continue
            if isinstance(event, BookSnapshot):
                books.setdefault(event.symbol, Book()).replace(event)
            elif isinstance(event, BookDelta):
                assert books[event.symbol].update(event, BookRule.NONE) is Applied.YES
            else:
                continue
            tops.setdefault(event.symbol, set()).add(books[event.symbol].top())
        rebuild(plain, payload)
    assert len(books) == len(plain) == 10
    for symbol, book in books.items():
        sides = {name: sorted((p, s) for (_, side), (p, s) in plain[symbol].items() if side == name)
                 for name in ("Buy", "Sell")}  # fmt: skip
        bids, asks = book.levels(100_000)
        assert (list(bids), list(asks)) == (sides["Buy"][::-1], sides["Sell"])
    assert len(quotes) == 436
    assert all((q.bid, q.bid_size, q.ask, q.ask_size) in tops[q.symbol] for q in quotes)


def rebuild(plain: dict[str, dict[tuple[int, str], list[float]]], payload: bytes) -> None:
    """The book as their documents tell to keep it: rows of a table by key."""
    message = json.loads(payload)
    for row in levels_of(payload):
        key, rows = (row["id"], row["side"]), plain.setdefault(row["symbol"], {})
        if message["action"] == "delete":
            del rows[key]
        elif message["action"] == "update":
            rows[key][1] = row["size"]
        else:
            rows[key] = [row["price"], row["size"]]


@needs_shared
def test_catalogue_of_the_session() -> None:
    events = decode_instruments(CATALOGUE, catalogue())
    listed = {event.symbol: event.instrument for event in events if isinstance(event, Listed)}
    rows = {row["symbol"]: row for row in json.loads(catalogue())}
    assert len(rows) == 34
    assert set(listed) == {symbol for symbol, row in rows.items() if not row["isQuanto"]}
    perp, future = listed["XBTUSD"], listed["XRPU21"]
    assert (perp.symbol, perp.settle, perp.inverse, perp.contract) == ("BTC-USD-PERP", "BTC", True, 1.0)
    assert (perp.tick_size, perp.lot_size, perp.funding_hours) == (0.5, 100.0, 8.0)
    assert (future.symbol, future.settle, future.inverse) == ("XRP-BTC-FUT-210924", "BTC", False)
    assert future.listed_ts == 1623830400000 * MS
    for symbol, found in listed.items():
        value = rows[symbol]["foreignNotional24h" if found.inverse else "homeNotional24h"]
        assert found.contract * rows[symbol]["volume24h"] == pytest.approx(value)
    assert sum(isinstance(event, CatalogueEnd) for event in events) == 1
    assert [event for event in events if event.symbol == "XBTUSD"][1:] == [
        Mark("XBTUSD", REST_TS, 32184.89),
        Index("XBTUSD", REST_TS, 32182.72),
        OpenInterest("XBTUSD", REST_TS, 574264600.0),
        Funding("XBTUSD", REST_TS, 0.0001, 8.0, 1627012800000 * MS),
        Ticker("XBTUSD", REST_TS, 32175.0, 662123900.0, 20614.440797969906, 32594.5, 31709.0, 0.0058),
    ]


@needs_shared
def test_the_coins_of_a_quanto_contract_are_no_constant() -> None:
    """Why they are left out: their size in coins is the price of XBT times a constant."""
    quanto = [row for row in json.loads(catalogue()) if row["isQuanto"]]
    assert len(quanto) == 22
    for row in quanto:
        coins, dollars = row["homeNotional24h"] / row["volume24h"], row["multiplier"] / 1e8
        assert coins == pytest.approx(dollars * 32182, rel=0.02)


@needs_shared
def test_samples_of_what_the_session_does_not_have() -> None:
    raws = samples()
    whole, changed = (next(r for r in raws if r["table"] == "instrument" and r["action"] == a and "lastPrice" in r["data"][0])
                      for a in ("partial", "update"))  # fmt: skip
    future = {
        type(e): e for e in Decoder()(json.dumps(whole).encode()) if isinstance(e, Event) and e.symbol == "ETHM19"
    }
    ts = future[Mark].ts_event
    assert future[Mark] == Mark("ETHM19", ts, 0.03162)
    assert future[Index] == Index("ETHM19", ts, 0.03131)
    assert future[OpenInterest] == OpenInterest("ETHM19", ts, 150499.0)
    assert Decoder()(json.dumps(changed).encode()) == [Ticker("ETHM19", 1559347198022 * MS, 267.75)]
    forced = [r for r in raws if r["table"] == "liquidation"]
    events = [event for raw in forced for event in Decoder()(json.dumps(raw).encode())]
    assert events == [Liquidation("XBTUSD", 0, Side.BUY, 10106.0, 9214.0)]
    empty = next(r for r in raws if r["action"] == "partial" and not r["data"])
    assert Decoder()(json.dumps(empty).encode()) == [BookSnapshot("XBTZ21", 0, [], [], 0)]
    dated = next(
        r
        for r in raws
        if r["action"] == "partial" and "timestamp" in str(r["data"]) and r["table"] == "orderBookL2"
    )
    (book,) = Decoder()(json.dumps(dated).encode())
    assert isinstance(book, BookSnapshot)
    assert book.ts_event == 1644825594829 * MS


def test_an_unknown_id_is_a_gap_and_the_next_partial_mends_it() -> None:
    decode = Decoder()
    assert decode(text("orderBookL2", "update", level(1, "Buy", size=5))) == []
    decode(text("orderBookL2", "partial", level(1, "Buy", size=5, price=10), level(2, "Sell", size=6, price=11)))
    assert decode(text("orderBookL2", "update", level(1, "Buy", size=7))) == [
        BookDelta("X", 0, [(10.0, 7.0)], [], 0, 0)
    ]
    # The same id on the other side is another row.
    assert decode(text("orderBookL2", "delete", level(1, "Sell"))) == [Gap("X", 0, 0, 0)]
    assert decode(text("orderBookL2", "insert", level(3, "Buy", size=1, price=9))) == []
    assert decode.memory.prices == {}
    (mended,) = decode(text("orderBookL2", "partial", level(1, "Buy", size=5, price=10)))
    assert isinstance(mended, BookSnapshot)


STEP = st.tuples(
    st.sampled_from(["insert", "update", "delete"]), st.integers(1, 6), st.booleans(), st.integers(1, 99)
)


@given(st.lists(STEP, max_size=40))
def test_a_book_is_the_venues_or_a_gap(steps: list[tuple[str, int, bool, int]]) -> None:
    decode, book = Decoder(), Book()
    (snapshot,) = decode(
        text("orderBookL2", "partial", level(1, "Buy", size=5, price=1), level(2, "Sell", size=6, price=2))
    )
    assert isinstance(snapshot, BookSnapshot)
    book.replace(snapshot)
    true = {(1, "Buy"): 5, (2, "Sell"): 6}
    for action, id, bid, size in steps:
        key = (id, "Buy" if bid else "Sell")
        row = level(*key, size=size, price=id)
        if action != "insert":
            del row["price"]
        (event,) = decode(text("orderBookL2", action, row))
        if action != "insert" and key not in true:
            assert event == Gap("X", 0, 0, 0)
            assert decode(text("orderBookL2", action, row)) == []
            return
        if action == "delete":
            del true[key]
        else:
            true[key] = size
        assert isinstance(event, BookDelta)
        book.update(event, BookRule.NONE)
    assert book.bids == {id: size for (id, side), size in true.items() if side == "Buy"}
    assert book.asks == {id: size for (id, side), size in true.items() if side == "Sell"}


@pytest.mark.parametrize(
    ("action", "row"),
    [("insert", level(4, "Buy", size=1)), ("update", level(1, "Buy")), ("update", level(1, "x", size=1)),
     ("partial", level(1, "Buy", size=1)), ("delete", level("1", "Buy")), ("update", level(1 << 70, "Buy", size=1))],
)  # fmt: skip
def test_a_message_that_cannot_be_read_changes_no_memory(action: str, row: dict[str, object]) -> None:
    decode = Decoder()
    decode(text("orderBookL2", "partial", level(1, "Buy", size=5, price=10)))
    before = msgspec.msgpack.encode(decode.memory)
    with pytest.raises(WireError):
        decode(text("orderBookL2", action, level(1, "Buy", size=9, price=10), row))
    assert msgspec.msgpack.encode(decode.memory) == before


def only_wire_errors(payload: bytes) -> None:
    for read in (Decoder(), lambda body: decode_instruments(CATALOGUE, body)):
        try:
            events = read(payload)
        except WireError:
            continue
        assert all(isinstance(event, Event) for event in events)
    ack(payload)
    refusal(200, "", payload)


@given(st.binary(max_size=200))
def test_any_bytes(payload: bytes) -> None:
    only_wire_errors(payload)
    only_wire_errors(b'{"table":"orderBookL2","action":"' + payload)


@given(st.sampled_from([*ROWS, "?"]), ACTION, JSON, JSON)
def test_any_json_under_a_known_table(table: str, action: str, data: object, filter: object) -> None:
    only_wire_errors(json.dumps({"table": table, "action": action, "data": data, "filter": filter}).encode())
    only_wire_errors(json.dumps(data).encode())


@given(st.sampled_from(sorted(ROWS)), ACTION, st.data(), JSON)
def test_a_row_with_one_odd_field(table: str, action: str, data: st.DataObject, value: object) -> None:
    row = ROWS[table] | {data.draw(st.sampled_from(sorted(ROWS[table]))): value}
    only_wire_errors(text(table, action, row))
    only_wire_errors(json.dumps([row]).encode())


@given(st.sampled_from(sorted(ROWS)), st.integers(0, 10**4), st.integers(0, 255))
def test_a_real_message_cut_or_flipped(table: str, at: int, byte: int) -> None:
    message = bytearray(text(table, "insert", ROWS[table]))
    at %= len(message)
    only_wire_errors(bytes(message[:at]))
    message[at] = byte
    only_wire_errors(bytes(message))


def test_empty_sides_and_other_messages() -> None:
    (quote,) = Decoder()(text("quote", "insert", ROWS["quote"] | {"askPrice": None}))
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask_size) == (2.0, 0.0)
    assert quote.ask != quote.ask
    assert Decoder()(b"pong") == Decoder()(text("chat", "insert", {"a": 1})) == ()
    assert Decoder()(text("trade", "partial", ROWS["trade"])) == ()


@needs_shared
def test_acks_of_the_session_answer_each_request_once() -> None:
    acks = [found for payload in session() if (found := ack(payload)) is not None]
    assert [(a.ok, a.request_id) for a in acks] == [(True, "")] * 3


def test_subscriptions_and_refusals() -> None:
    assert topics(PERP, "A")[:2] == ("orderBookL2:XBTUSD", "trade:XBTUSD")
    assert not any(topic.startswith("orderBookL2") for topic in topics(PERP, "B"))
    assert topics(PERP, "C") == ()
    assert json.loads(subscribe(["trade:X"], "7")) == {"op": "subscribe", "args": ["trade:X"]}
    refused, again = (ack(json.dumps({"status": 400, "error": e, "request": {}}).encode())
                      for e in ("Unknown table", "You are already subscribed to this topic: a"))  # fmt: skip
    assert refused is not None
    assert again is not None
    assert (refused.ok, again.ok) == (False, True)
    assert refusal(200, "", b"[]") is None
    for status, ban, retry in ((429, 60.0, True), (403, 60.0, False), (503, 0.0, True), (404, 0.0, False)):
        found = refusal(status, "", b"")
        assert found is not None
        assert (found.ban_s, found.retry) == (ban, retry)
    assert [i.id for i in BITMEX.builtin()] == ["bitmex:XBTUSD"]
    assert BITMEX.backfill(PERP, 0, 1) == ()


def frames(payloads: list[bytes]) -> list[Frame]:
    opened = Frame(0, 1, "bitmex/0", 1, Kind.OPEN, "", 0, "", b"")
    return [opened, *(Frame(i + 1, 2 + i, "bitmex/0", 1, Kind.DATA, "", 0, "", p) for i, p in enumerate(payloads))]


@needs_shared
def test_memory_survives_a_checkpoint() -> None:
    payloads = session()
    whole, first, second = (Machine((BITMEX,)) for _ in range(3))
    for frame in frames(payloads):
        whole.step(frame)
    for frame in frames(payloads[:1000]):
        first.step(frame)
    first.step(Frame(9999, 9999, CLOCK, 0, Kind.TICK, "", 0, "", b""))
    load(second, dict(save(first)))
    before, after = (m.routes["bitmex/0"].decoders[1] for m in (first, second))
    assert isinstance(before, Decoder)
    assert isinstance(after, Decoder)
    assert after.memory == before.memory
    assert len(after.memory.prices) == 10
    for frame in frames(payloads)[1001:]:
        second.step(frame)
    assert second.state.sources["bitmex/0"].gaps == 0
    for one, other in zip(whole.state.books, second.state.books, strict=False):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert (one.bids, one.asks) == (other.bids, other.asks)


def test_a_gap_asks_for_that_book_alone() -> None:
    machine = Machine((BITMEX,))
    row = ROWS["instrument"] | {"volume24h": 8e6}
    body = json.dumps([row, row | {"symbol": "Y"}]).encode()
    machine.step(Frame(0, 1, "bitmex/instruments", 0, Kind.ANSWER, CATALOGUE.key(), 200, "", body))
    _, planned = machine.step(Frame(1, 10**10, CLOCK, 0, Kind.TICK, "", 0, "", b""))
    assert any(isinstance(e, Subscribe) and "orderBookL2:Y" in e.topics for e in planned)
    machine.step(Frame(2, 10**10, "bitmex/0", 1, Kind.OPEN, "", 0, "", b""))
    for symbol in "XY":
        book = text("orderBookL2", "partial", level(1, "Buy", size=5, price=10) | {"symbol": symbol})
        machine.step(Frame(3, 10**10, "bitmex/0", 1, Kind.DATA, "", 0, "", book))
    lost = text("orderBookL2", "update", level(9, "Buy", size=5))
    _, effects = machine.step(Frame(4, 10**10, "bitmex/0", 1, Kind.DATA, "", 0, "", lost))
    assert list(effects) == [
        Unsubscribe("bitmex/0", ("orderBookL2:X",)), Subscribe("bitmex/0", ("orderBookL2:X",)),
    ]  # fmt: skip
    rows = machine.state.table.by_market["bitmex"]
    synced = {symbol: book.synced for symbol in "XY" if (book := machine.state.books[rows[symbol]]) is not None}
    assert synced == {"X": False, "Y": True}


def replayed(*paths: Path) -> str:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "160"}
    command = [sys.executable, "-m", "crosstape", "replay", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_shared
def test_the_capture_replays_from_the_command_line() -> None:
    said = replayed(CAPTURE / "BITMEX.0", CAPTURE / "BITMEX.ws.1.0")
    assert re.search(r"bitmex/0 +│ DATA +│ 2,120", said)
    assert re.search(r"bitmex/instruments +│ no +│ 0 +│ 0 +│ 0 ", said)
    assert re.search(r"bitmex/0 +│ yes +│ 0 +│ 0 +│ 0 ", said)
    assert re.search(r"turnover_24h +│ bitmex:XBTUSD", said)
    digest = re.search(r"digest [0-9a-f]{32}", said)
    assert digest
    assert digest[0] in replayed(CAPTURE / "BITMEX.0", CAPTURE / "BITMEX.ws.1.0")


def test_nothing_known_is_not_a_number() -> None:
    (ticker,) = Decoder()(text("instrument", "update", {"symbol": "X", "lastPrice": 2}))
    assert isinstance(ticker, Ticker)
    assert ticker.last == 2.0
    assert str(ticker.turnover) == str(NAN)
