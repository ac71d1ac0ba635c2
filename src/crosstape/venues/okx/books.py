"""OKX's book channel: the chain of sequence ids, and the checksum while one is sent."""

from __future__ import annotations

from heapq import nlargest, nsmallest
from typing import Literal
from zlib import crc32

import msgspec

from crosstape.model.event import AnyEvent, BookDelta, BookSnapshot, Gap, Levels
from crosstape.venues.okx.names import MS

DEPTH = 400
CHECKED = 25
# Nothing of the instrument's book is passed on until its next snapshot.
LOST = -2
Texts = dict[str, str]


class Memory(msgspec.Struct):
    """What one connection's decoder remembers.

    last   id of the last book message of each instrument, LOST after a gap
    shift  what is added to an instrument's ids so that they go on growing after the venue started them anew
    text   the levels as the venue wrote them, bids and asks; only of books that come with a checksum
    pairs  index pair -> the instruments of this connection that follow it
    """

    last: dict[str, int] = {}
    shift: dict[str, int] = {}
    text: dict[str, tuple[Texts, Texts]] = {}
    pairs: dict[str, list[str]] = {}


class _Arg(msgspec.Struct, gc=False, rename="camel"):
    inst_id: str


class _Book(msgspec.Struct, gc=False, rename="camel"):
    asks: list[tuple[float, float, str, str]]
    bids: list[tuple[float, float, str, str]]
    ts: int
    checksum: int = 0
    seq_id: int = 0
    prev_seq_id: int | None = None


class _BookMessage(msgspec.Struct, gc=False):
    arg: _Arg
    data: list[_Book]
    action: Literal["snapshot", "update"] = "snapshot"


class _Text(msgspec.Struct, gc=False):
    asks: list[tuple[str, str, str, str]]
    bids: list[tuple[str, str, str, str]]


class _TextMessage(msgspec.Struct, gc=False):
    data: list[_Text]


_books = msgspec.json.Decoder(_BookMessage, strict=False)
_texts = msgspec.json.Decoder(_TextMessage)


def read_books(memory: Memory, payload: bytes) -> list[AnyEvent]:
    """A snapshot or an update -> what it does to the book; a Gap when it does not follow."""
    message = _books.decode(payload)
    symbol, fresh = message.arg.inst_id, message.action == "snapshot"
    texts = None
    for book in message.data:
        if book.checksum:
            texts = _texts.decode(payload).data
            break
    events: list[AnyEvent] = []
    for i, book in enumerate(message.data):
        event = _snapshot(memory, symbol, book) if fresh else _update(memory, symbol, book)
        if event is None:
            continue
        if texts is not None and type(event) is not Gap:
            events.append(_checked(memory, event, book.checksum, texts[i], fresh))
            continue
        if memory.text:
            memory.text.pop(symbol, None)
        events.append(event)
    return events


def _snapshot(memory: Memory, symbol: str, book: _Book) -> BookSnapshot:
    memory.shift.pop(symbol, None)
    memory.last[symbol] = book.seq_id
    return BookSnapshot(symbol, book.ts * MS, _levels(book.bids), _levels(book.asks), book.seq_id, DEPTH)


def _update(memory: Memory, symbol: str, book: _Book) -> BookDelta | Gap | None:
    """The chain is checked here and not only where it is applied: there a lower id is an old message, here it may
    be the venue starting its ids anew, which holds as long as prevSeqId is the id we had."""
    last = memory.last.get(symbol, -1)
    if last == LOST:
        return None
    seq, prev = book.seq_id, book.prev_seq_id
    if prev is None:
        # Before 2023 the wire had no ids, only the checksum: ours stand for them.
        seq, prev = last + 1, last
    if prev != last:
        if seq == last:
            return None
        return _lose(memory, symbol, book.ts * MS, last + 1, prev)
    if seq == prev:
        return None
    shift = memory.shift.get(symbol, 0)
    follows = prev + shift
    if seq < prev:
        shift += prev - seq + 1
        memory.shift[symbol] = shift
    memory.last[symbol] = seq
    bids, asks = _levels(book.bids), _levels(book.asks)
    return BookDelta(symbol, book.ts * MS, bids, asks, follows + 1, seq + shift, follows)


def _lose(memory: Memory, symbol: str, ts: int, first: int, last: int) -> Gap:
    memory.last[symbol] = LOST
    memory.text.pop(symbol, None)
    return Gap(symbol, ts, first, last)


def _checked(memory: Memory, event: AnyEvent, checksum: int, text: _Text, fresh: bool) -> AnyEvent:
    """The event, or a Gap when the book it leads to is not the venue's."""
    symbol = event.symbol
    if fresh:
        memory.text[symbol] = ({}, {})
    sides = memory.text.get(symbol)
    if sides is None or not checksum:
        # Checksums began or stopped in mid-book: there is nothing whole to compare.
        memory.text.pop(symbol, None)
        return event
    for side, rows in zip(sides, (text.bids, text.asks), strict=True):
        for price, size, _, _ in rows:
            if float(size):
                side[price] = size
            else:
                side.pop(price, None)
    if checksum_of(*sides) == checksum:
        return event
    last = memory.last[symbol]
    return _lose(memory, symbol, event.ts_event, last, last)


def checksum_of(bids: Texts, asks: Texts) -> int:
    """CRC32, signed, over "price:size" of the best 25 levels, bid and ask in turn, as the venue wrote them.

    >>> checksum_of({"3366.1": "7"}, {"3366.8": "9", "3368": "8"})
    -1471518219
    """
    best = nlargest(CHECKED, bids, key=float), nsmallest(CHECKED, asks, key=float)
    parts: list[str] = []
    for i in range(max(map(len, best))):
        for side, prices in zip((bids, asks), best, strict=True):
            if i < len(prices):
                parts += (prices[i], side[prices[i]])
    crc = crc32(":".join(parts).encode())
    return crc - (1 << 32) if crc >> 31 else crc


def forget_book(memory: Memory, symbol: str) -> None:
    """Its subscription ended; the next begins with a snapshot."""
    for part in (memory.last, memory.shift, memory.text):
        part.pop(symbol, None)


def _levels(rows: list[tuple[float, float, str, str]]) -> Levels:
    return [(price, size) for price, size, _, _ in rows]
