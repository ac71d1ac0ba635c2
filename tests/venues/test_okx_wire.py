"""Whatever comes, the decoder returns events or raises WireError; a book is the venue's or not in sync."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crosstape.engine.checkpoint import load, save
from crosstape.engine.machine import Machine
from crosstape.model.errors import WireError
from crosstape.model.event import BookDelta, BookSnapshot, Event, Gap, Index, Listed, Trade
from crosstape.model.frame import CLOCK, Frame, Kind
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.state.book import Applied, Book
from crosstape.venues.okx import OKX
from crosstape.venues.okx.books import checksum_of
from crosstape.venues.okx.rest import (
    backfill,
    decode_funding,
    decode_instruments,
    decode_interest,
    decode_klines,
    decode_marks,
    decode_tickers,
    refusal,
)
from crosstape.venues.okx.stream import Decoder
from crosstape.venues.okx.subscriptions import ack, subscribe, topics, unsubscribe
from crosstape.wire.effect import Fetch, Reconnect, Subscribe, Unsubscribe
from crosstape.wire.request import Request
from crosstape.wire.venue import BookRule

KLINES = Request("klines", "/", (("instId", "X-USDT-SWAP"), ("bar", "1m")))
READS = (decode_tickers, decode_marks, decode_interest, decode_funding, decode_klines)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
CHANNEL = st.sampled_from(
    ["trades", "books", "bbo-tbt", "tickers", "funding-rate", "open-interest", "mark-price", "index-tickers",
     "liquidation-orders", "candle1m", "?"]
)  # fmt: skip
PERP = Instrument("okx-swap", "BTC-USDT-SWAP", InstrumentKind.PERP, "BTC", "USDT", "USDT", contract=0.01)
SPOT = Instrument("okx-spot", "BTC-USDT", InstrumentKind.SPOT, "BTC", "USDT", "USDT")


def only_wire_errors(read: Any, *arguments: Any) -> None:
    try:
        events = read(*arguments)
    except WireError:
        return
    assert all(isinstance(event, Event | Reconnect | Fetch) for event in events)


def rest(body: bytes) -> None:
    for read in READS:
        only_wire_errors(read, KLINES, body)
    for line in ("swap", "spot", "futures"):
        only_wire_errors(decode_instruments, line, KLINES, body)
    refusal(200, "", body)


def text(message: object, compact: bool = True) -> bytes:
    return json.dumps(message, separators=(",", ":") if compact else None).encode()


@given(st.binary(max_size=200))
def test_any_bytes(payload: bytes) -> None:
    only_wire_errors(Decoder(), payload)
    only_wire_errors(Decoder(), b'{"arg":{"channel":"' + payload)
    rest(payload)
    ack(payload)


@given(CHANNEL, st.sampled_from(["snapshot", "update", "x"]), JSON, JSON, st.booleans())
def test_any_json_under_a_known_channel(
    channel: str, action: str, data: object, inst: object, dense: bool
) -> None:
    message = {"arg": {"channel": channel, "instId": inst}, "action": action, "data": data}
    only_wire_errors(Decoder(), text(message, dense))
    only_wire_errors(Decoder(), text(message | {"data": [data]}, dense))


ROWS = {
    "trades": {"instId": "X", "tradeId": "1", "px": "2", "sz": "3", "side": "buy", "ts": "4"},
    "bbo-tbt": {"asks": [["2", "1", "0", "1"]], "bids": [["1", "1", "0", "1"]], "ts": "4", "seqId": 5},
    "books": {"asks": [], "bids": [["1", "1", "0", "1"]], "ts": "4", "checksum": 7, "seqId": 5, "prevSeqId": -1},
    "tickers": {"instId": "X", "last": "1", "open24h": "2", "bidPx": "", "vol24h": "3", "ts": "4"},
    "funding-rate": {"instId": "X", "fundingRate": "0.1", "fundingTime": "4", "nextFundingTime": "5", "ts": "4"},
    "open-interest": {"instId": "X", "oi": "4", "ts": "4"},
    "mark-price": {"instId": "X", "markPx": "4", "ts": "4"},
    "index-tickers": {"instId": "X", "idxPx": "4", "ts": "4"},
    "liquidation-orders": {"instId": "X", "details": [{"side": "buy", "bkPx": "1", "sz": "2", "ts": "3"}]},
}


@given(st.sampled_from(sorted(ROWS)), st.data(), JSON)
def test_a_row_with_one_odd_field(channel: str, data: st.DataObject, value: object) -> None:
    row = ROWS[channel] | {data.draw(st.sampled_from(sorted(ROWS[channel]))): value}
    message = {"arg": {"channel": channel, "instId": "X"}, "action": "snapshot", "data": [row]}
    only_wire_errors(Decoder(), text(message))
    rest(text({"code": "0", "msg": "", "data": [row]}))


@given(st.dictionaries(st.sampled_from(["code", "data", "msg"]), JSON))
def test_any_answer(answer: dict[str, object]) -> None:
    rest(text(answer))


@given(st.integers(0, 10**4), st.integers(0, 255))
def test_a_real_message_cut_or_flipped(at: int, byte: int) -> None:
    message = bytearray(
        text({"arg": {"channel": "books", "instId": "X"}, "action": "update", "data": [ROWS["books"]]})
    )
    at %= len(message)
    only_wire_errors(Decoder(), bytes(message[:at]))
    message[at] = byte
    only_wire_errors(Decoder(), bytes(message))


def test_a_message_that_cannot_be_read_changes_no_memory() -> None:
    decode = Decoder()
    decode(book("snapshot", [("1", "5")], 10, -1))
    before = msgspec.msgpack.encode(decode.memory)
    with pytest.raises(WireError):
        decode(book("update", [("x", "5")], 11, 10))
    assert msgspec.msgpack.encode(decode.memory) == before


def test_channel_need_not_come_first() -> None:
    (trade,) = Decoder()(b'{"data":[' + text(ROWS["trades"]) + b'],"arg":{"instId":"X","channel":"trades"}}')
    assert isinstance(trade, Trade)
    assert trade.price == 2.0


def book(action: str, bids: list[tuple[str, str]], seq: int, prev: int, checksum: int = 0) -> bytes:
    row = {"asks": [], "bids": [[p, s, "0", "1"] for p, s in bids], "ts": "4", "checksum": checksum}
    arg = {"channel": "books", "instId": "X"}
    return text({"arg": arg, "action": action, "data": [row | {"seqId": seq, "prevSeqId": prev}]})


class TrueBook:
    """The venue's side: what it has, and the messages that say so."""

    def __init__(self, chance: random.Random, checked: bool) -> None:
        self.chance, self.checked = chance, checked
        self.bids: dict[str, str] = {}
        self.seq = self.floor = 1_000_000

    def checksum(self) -> int:
        return checksum_of(self.bids, {}) if self.checked else 0

    def snapshot(self) -> bytes:
        return book("snapshot", list(self.bids.items()), self.seq, -1, self.checksum())

    def update(self) -> bytes:
        prev = self.seq
        if self.chance.random() < 0.1:
            return book("update", [], prev, prev, self.checksum())
        if self.chance.random() < 0.08:
            # Ids begin anew, always where none has been: real ones do not come twice either.
            self.floor -= 10_000
            self.seq = self.floor
        else:
            self.seq += self.chance.randint(1, 3)
        changed = {}
        for _ in range(self.chance.randint(1, 3)):
            price = str(self.chance.randint(1, 12))
            size = "0" if price in self.bids and self.chance.random() < 0.4 else str(self.chance.randint(1, 9))
            changed[price] = size
            self.bids.pop(price, None) if size == "0" else self.bids.update({price: size})
        return book("update", list(changed.items()), self.seq, prev, self.checksum())


def heard(decode: Decoder, mine: Book, payload: bytes) -> None:
    for event in decode(payload):
        if isinstance(event, BookSnapshot):
            mine.replace(event)
        elif isinstance(event, BookDelta):
            # What the decoder lets through always follows where it is applied.
            assert mine.update(event, BookRule.CHAIN) in (Applied.YES, Applied.WAITING)
        else:
            assert isinstance(event, Gap)
            mine.lose()


@example(seed=1, checked=True)
@given(seed=st.integers(0, 2**32), checked=st.booleans())
def test_gaps_copies_exchanges_and_new_ids_end_in_the_venues_book_or_none(seed: int, checked: bool) -> None:
    chance = random.Random(seed)
    there, mine, decode = TrueBook(chance, checked), Book(), Decoder()
    for _ in range(5):
        there.update()
    line, sent = [there.snapshot()], []
    for _ in range(40):
        what = chance.random()
        line.append(there.update())
        if what < 0.03:
            line.pop()
        elif what < 0.06:
            line.append(chance.choice(sent or line))
        elif what < 0.09 and len(line) > 1:
            line[-1], line[-2] = line[-2], line[-1]
        elif what < 0.12:
            line.append(there.snapshot())
        while len(line) > 1:
            sent.append(line.pop(0))
            heard(decode, mine, sent[-1])
    heard(decode, mine, line[0])
    heard(decode, mine, there.update())
    if mine.synced:
        bids, _ = mine.levels(100)
        assert dict(bids) == {float(p): float(s) for p, s in there.bids.items()}
    heard(decode, mine, there.snapshot())
    heard(decode, mine, there.update())
    assert mine.synced
    assert dict(mine.levels(100)[0]) == {float(p): float(s) for p, s in there.bids.items()}


def test_ids_that_begin_anew_go_on_growing_for_us() -> None:
    decode = Decoder()
    decode(book("snapshot", [("1", "5")], 900, -1))
    (first,) = decode(book("update", [("1", "6")], 7, 900))
    (second,) = decode(book("update", [("1", "7")], 9, 7))
    assert isinstance(first, BookDelta)
    assert isinstance(second, BookDelta)
    assert (first.prev, first.last, second.prev, second.last) == (900, 901, 901, 903)
    (gap,) = decode(book("update", [("1", "8")], 12, 11))
    assert gap == Gap("X", 4_000_000, 10, 11)


def test_no_checksum_keeps_no_text() -> None:
    decode = Decoder()
    decode(book("snapshot", [("1", "5")], 1, -1))
    assert decode.memory.text == {}
    decode(book("snapshot", [("1", "5")], 1, -1, checksum_of({"1": "5"}, {})))
    assert decode.memory.text == {"X": ({"1": "5"}, {})}
    (delta,) = decode(book("update", [("1", "6")], 2, 1))
    assert isinstance(delta, BookDelta)
    assert decode.memory.text == {}
    (delta,) = decode(book("update", [("1", "6")], 3, 2, 77))
    assert isinstance(delta, BookDelta), "checksums that begin in mid-book have nothing whole to compare"


def test_a_wrong_checksum_is_a_gap_until_the_next_snapshot() -> None:
    decode = Decoder()
    assert isinstance(decode(book("snapshot", [("1", "5")], 1, -1, 5))[0], Gap)
    assert decode(book("update", [("1", "6")], 2, 1)) == []
    assert isinstance(decode(book("snapshot", [("1", "6")], 2, -1))[0], BookSnapshot)


def test_an_unsubscribed_book_begins_again() -> None:
    decode = Decoder()
    decode(book("snapshot", [("1", "5")], 1, -1))
    decode(b'{"id":"1x0","event":"unsubscribe","arg":{"channel":"books","instId":"X"},"connId":"c"}')
    assert decode.memory.last == {}
    mark = {
        "arg": {"channel": "mark-price", "instId": "A-B-SWAP"},
        "data": [ROWS["mark-price"] | {"instId": "A-B-SWAP"}],
    }
    index = text(
        {"arg": {"channel": "index-tickers", "instId": "A-B"}, "data": [ROWS["index-tickers"] | {"instId": "A-B"}]}
    )
    decode(text(mark))
    assert [type(event) for event in decode(index)] == [Index]
    decode(text({"event": "unsubscribe", "arg": mark["arg"]}))
    assert decode(index) == []


def frames(payloads: list[bytes]) -> list[Frame]:
    opened = Frame(0, 1, "okx-swap/0", 1, Kind.OPEN, "", 0, "", b"")
    sent = [Frame(i + 1, 2 + i, "okx-swap/0", 1, Kind.DATA, "", 0, "", p) for i, p in enumerate(payloads)]
    return [opened, *sent]


def test_memory_survives_a_checkpoint() -> None:
    there = TrueBook(random.Random(3), checked=True)
    there.bids = {"1": "5", "2": "7"}
    payloads = [there.snapshot(), *(there.update() for _ in range(30))]
    first, second = Machine((OKX,)), Machine((OKX,))
    for frame in frames(payloads[:20]):
        first.step(frame)
    first.step(Frame(99, 99, CLOCK, 0, Kind.TICK, "", 0, "", b""))
    load(second, dict(save(first)))
    before, after = (m.routes["okx-swap/0"].decoders[1] for m in (first, second))
    assert isinstance(before, Decoder)
    assert isinstance(after, Decoder)
    assert after.memory == before.memory
    assert before.memory.text
    for frame in frames(payloads)[21:]:
        second.step(frame)
    found = second.state.books[0]
    assert found is not None
    assert second.state.sources["okx-swap/0"].gaps == 0
    assert dict(found.levels(50)[0]) == {float(p): float(s) for p, s in there.bids.items()}


def test_a_gap_asks_for_that_book_alone() -> None:
    machine = Machine((OKX,))
    listed = {
        "code": "0",
        "data": [{"instId": "X", "instType": "SWAP", "uly": "X-USDT", "ctVal": "1", "state": "live"}],
    }
    request = OKX.polls[0].first()[0]
    machine.step(Frame(0, 1, "okx-swap/instruments", 0, Kind.ANSWER, request.key(), 200, "", text(listed)))
    for frame in frames([book("snapshot", [("1", "5")], 1, -1)]):
        machine.step(frame)
    row = machine.state.table.by_market["okx-swap"]["X"]
    machine.state.table.tiers[row] = "A"
    machine.state.table.shards[row] = "okx-swap/0"
    lost = Frame(9, 9, "okx-swap/0", 1, Kind.DATA, "", 0, "", book("update", [("1", "6")], 4, 3))
    _, effects = machine.step(lost)
    assert effects == [Unsubscribe("okx-swap/0", ("books:X",)), Subscribe("okx-swap/0", ("books:X",))]
    assert machine.state.sources["okx-swap/0"].gaps == 1


def test_a_catalogue_asks_for_the_figures_again_that_need_its_contract_sizes() -> None:
    for line, names in (("swap", ["tickers", "interest"]), ("spot", ["tickers"])):
        events = decode_instruments(line, KLINES, b'{"code":"0","data":[]}')
        asked = [event for event in events if isinstance(event, Fetch)]
        assert [fetch.source for fetch in asked] == [f"okx-{line}/{name}" for name in names]
        polls = {poll.source: poll.first() for poll in OKX.polls}
        assert all(polls[fetch.source] == (fetch.request,) for fetch in asked)


def test_a_swap_announced_by_name_only_is_not_listed_yet() -> None:
    body = b'{"code":"0","data":[{"instId":"ETH-USD_UM-SWAP","instType":"SWAP","state":"preopen"}]}'
    assert not any(isinstance(event, Listed) for event in decode_instruments("swap", KLINES, body))


def test_the_notice_of_an_upgrade_is_a_reconnect() -> None:
    notice = b'{"event":"notice","code":"64008","msg":"The connection will soon be closed","connId":"a"}'
    (effect,) = Decoder()(notice)
    assert isinstance(effect, Reconnect)
    assert effect.reason.startswith("64008")
    assert Decoder()(b"pong") == ()
    assert Decoder()(b'{"event":"channel-conn-count","channel":"account","connCount":"1"}') == ()


def test_topics_become_arguments() -> None:
    wanted = topics(PERP, "A")
    assert wanted[0] == "books:BTC-USDT-SWAP"
    assert set(topics(PERP, "B")) == set(wanted) - {"books:BTC-USDT-SWAP"}
    assert topics(PERP, "C") == ()
    assert {t.partition(":")[0] for t in topics(SPOT, "A")} == {"books", "trades", "bbo-tbt", "tickers"}
    said = msgspec.json.decode(subscribe(wanted, "7"))
    assert said["op"] == "subscribe"
    assert said["id"].startswith("7x")
    assert said["id"].isalnum()
    assert len(said["id"]) <= 32
    assert {"channel": "books", "instId": "BTC-USDT-SWAP"} in said["args"]
    assert {"channel": "index-tickers", "instId": "BTC-USDT"} in said["args"]
    whole = msgspec.json.decode(subscribe(OKX.streams[0].bulk, "8"))
    assert whole["args"] == [{"channel": "liquidation-orders", "instType": "SWAP"}]


def test_an_index_others_may_follow_is_not_dropped() -> None:
    said = msgspec.json.decode(unsubscribe(topics(PERP, "A"), "7"))
    assert "index-tickers" not in {arg["channel"] for arg in said["args"]}
    two = subscribe(["index-tickers:BTC-USD-261225", "index-tickers:BTC-USD-270326"], "8")
    assert msgspec.json.decode(two)["args"] == [{"channel": "index-tickers", "instId": "BTC-USD"}]


def test_a_request_is_answered_when_its_last_argument_is() -> None:
    said = msgspec.json.decode(subscribe(["trades:A-B", "books:A-B"], "12"))

    def answer(arg: object) -> bytes:
        return text({"id": said["id"], "event": "subscribe", "arg": arg, "connId": "c"})

    assert ack(answer(said["args"][0])) is None
    done = ack(answer(said["args"][1]))
    assert done is not None
    assert (done.ok, done.request_id) == (True, "12")
    refused = ack(
        text({"id": said["id"], "event": "error", "code": "60018", "msg": "doesn't exist", "connId": "c"})
    )
    assert refused is not None
    assert (refused.ok, refused.request_id, refused.reason) == (False, "12", "60018 doesn't exist")
    assert ack(text({"id": said["id"], "event": "error", "code": "60014", "msg": "slow down"})) is None
    assert ack(b"pong") is None
    assert ack(b'{"arg":{"channel":"trades","instId":"X"},"data":[]}') is None


@pytest.mark.parametrize(
    ("status", "body", "ban", "retry"),
    [
        (403, b"", 60.0, False), (429, b'{"code":"50011","msg":"Too Many Requests"}', 2.0, True),
        (503, b'{"code":"50001","msg":"Service unavailable"}', 0.0, True), (502, b"<html>", 0.0, True),
        (404, b"", 0.0, False), (200, b"<html>", 0.0, True), (200, b'{"code":"50011","msg":"x"}', 2.0, True),
        (200, b'{"code":"51001","msg":"no such instrument"}', 0.0, False), (200, b'{"code":"50026"}', 0.0, True),
        (400, b'{"code":"51000","msg":"parameter"}', 0.0, False),
    ],
)  # fmt: skip
def test_refusals(status: int, body: bytes, ban: float, retry: bool) -> None:
    found = refusal(status, "", body)
    assert found is not None
    assert (found.ban_s, found.retry) == (ban, retry)


def test_a_good_answer_is_no_refusal() -> None:
    assert refusal(200, "", b'{"code":"0","msg":"","data":[]}') is None


def test_backfill_pages_meet_without_holes() -> None:
    minute = 60_000_000_000
    until = 1_795_000_020_000_000_000 // minute * minute
    asked = backfill(PERP, until - 2000 * minute, until)
    spans = [(int(dict(r.params)["before"]) + 1, int(dict(r.params)["after"])) for r in asked]
    assert spans[0][0] == (until - 2000 * minute) // 1_000_000
    assert spans[-1][1] == until // 1_000_000
    assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))
    assert [r.path.rpartition("/")[2] for r in asked] == ["history-candles"] * 2 + ["candles"] * 5


def test_a_connection_of_deep_books_stays_below_their_thirty() -> None:
    for stream in OKX.streams:
        kind = {"okx-swap": PERP, "okx-spot": SPOT}.get(stream.market)
        if kind is not None:
            assert stream.limits.topics_per_connection * 0.85 / len(stream.topics(kind, "A")) < 30


def test_capabilities_name_what_is_decoded() -> None:
    assert {c.what for c in OKX.capabilities} >= {"trades", "book", "funding", "open interest", "liquidations"}
