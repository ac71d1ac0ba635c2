"""Recorded streams with one message lost, doubled or exchanged, at every place: what is found, and what is not."""

from __future__ import annotations

import itertools
import json
import zipfile
from collections.abc import Iterator

import pytest

from crosstape.model.event import BookDelta, BookSnapshot, Gap
from crosstape.model.frame import Kind
from crosstape.state.book import Applied, Book
from crosstape.venues.binance.stream import CM, UM
from crosstape.venues.binance.stream import decode as decode_binance
from crosstape.venues.bybit.stream import decode as decode_bybit
from crosstape.venues.okx.stream import Decoder
from crosstape.wire.venue import BookRule
from support.captured import captured
from support.shared import BYBIT, SHARED, needs_shared

pytestmark = needs_shared
BINANCE = SHARED / "data" / "binance" / "hftbacktest"
Deltas = list[BookDelta]


def binance(file: str, market: str, other: int) -> Deltas:
    payloads = (
        f.payload for f in captured(BINANCE / file, market) if f.kind is Kind.DATA and b"@depth" in f.payload[:60]
    )
    return [e for payload in payloads for e in decode_binance(other, payload) if isinstance(e, BookDelta)]


def bybit() -> Deltas:
    archive = zipfile.ZipFile(BYBIT / "nautilus" / "2024-12-01_XRPUSDT_ob500.data.zip")
    lines = archive.read(archive.namelist()[0]).splitlines()
    return [e for line in lines for e in decode_bybit(line) if isinstance(e, BookDelta)]


STREAMS = {
    "binance-spot": (lambda: binance("spot/btcusdt_20240808.gz", "binance-spot", 0), BookRule.SPAN),
    "binance-usdm": (lambda: binance("usdm/btcusdt_20240808.gz", "binance-usdm", CM), BookRule.JOIN),
    "binance-coinm": (lambda: binance("cm/btcusd_perp_20240808.gz", "binance-coinm", UM), BookRule.JOIN),
    "bybit": (bybit, BookRule.STEP),
}


def behind(delta: BookDelta) -> Book:
    """A book that has just taken this delta."""
    book = Book()
    book.synced = book.joined = True
    book.last = delta.last
    return book


@pytest.mark.parametrize("name", STREAMS)
def test_every_lost_doubled_and_exchanged_delta(name: str) -> None:
    load, rule = STREAMS[name]
    deltas = load()
    assert len(deltas) >= 40
    for before, lost, after in zip(deltas, deltas[1:], deltas[2:], strict=False):
        assert behind(before).update(lost, rule) is Applied.YES, "a false alarm on the clean stream"
        # Deltas that cover nothing new may go missing unnoticed: they are old when they come.
        if lost.last > before.last:
            assert behind(before).update(after, rule) is Applied.GAP, "lost, and not found"
        doubled = behind(before)
        assert doubled.update(lost, rule) is Applied.YES
        assert doubled.update(lost, rule) is Applied.OLD
        assert doubled.synced
        assert behind(before).update(after, rule) is Applied.GAP, "exchanged, and not found"


def okx() -> list[bytes]:
    lines = (SHARED / "data" / "okx" / "cryptofeed" / "2022-05-13" / "OKX.ws.1.0").read_bytes().splitlines()
    payloads = [line.partition(b": ")[2] for line in lines if not line.startswith(b"wss://")]
    return [payload for payload in payloads if b'"checksum"' in payload]


def symbol_of(payload: bytes) -> str:
    symbol: str = json.loads(payload)["arg"]["instId"]
    return symbol


def rebuilt(payloads: list[bytes]) -> Iterator[tuple[str, tuple[object, object] | None]]:
    """After each message: its symbol, and the top 25 a side; None once a gap was found."""
    decode, books = Decoder(), dict[str, Book]()
    for payload in payloads:
        for event in decode(payload):
            if isinstance(event, Gap):
                books.pop(event.symbol, None)
                yield event.symbol, None
            elif isinstance(event, BookSnapshot):
                books.setdefault(event.symbol, Book()).replace(event)
                yield event.symbol, books[event.symbol].levels(25)
            elif isinstance(event, BookDelta) and event.symbol in books:
                books[event.symbol].update(event, BookRule.NONE)
                yield event.symbol, books[event.symbol].levels(25)


def test_okx_a_lost_update_is_found_as_soon_as_it_matters() -> None:
    """The checksum is over the best 25 levels a side: what lies deeper is missed only while it stays there."""
    payloads = okx()
    updates = [n for n, payload in enumerate(payloads) if b'"action":"update"' in payload]
    by_symbol = {
        s: [n for n in updates if symbol_of(payloads[n]) == s] for s in {symbol_of(payloads[n]) for n in updates}
    }
    found = silent = 0
    for symbol, places in by_symbol.items():
        own = [payload for payload in payloads if symbol_of(payload) == symbol]
        clean = [top for _, top in rebuilt(own)]
        assert None not in clean
        for nth in range(len(places) - 1):
            place = own.index(payloads[places[nth]])
            tops = [top for _, top in rebuilt(own[:place] + own[place + 1 :])]
            if None in tops:
                found += 1
                tops = tops[: tops.index(None)]
            else:
                silent += 1
            rest = clean[:place] + clean[place + 1 :]
            for ours, theirs in itertools.zip_longest(tops, rest[: len(tops)]):
                assert ours == theirs, f"{symbol}: wrong and not flagged"
    assert found > 5 * silent
    assert found + silent > 200


@pytest.mark.parametrize("rule", [BookRule.CHAIN, BookRule.JOIN])
def test_chains_that_name_the_id_before(rule: BookRule) -> None:
    """Options and futures venues whose deltas name the one before them: every loss is seen at once."""
    chain = [BookDelta("X", n, [(1.0, float(n))], [], 10 * n, 10 * n, 10 * (n - 1)) for n in range(1, 100)]
    for before, lost, after in zip(chain, chain[1:], chain[2:], strict=False):
        assert behind(before).update(lost, rule) is Applied.YES
        assert behind(before).update(after, rule) is Applied.GAP
