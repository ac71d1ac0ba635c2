"""Decode → state against cryptofeed and ccxt.pro: the same messages, the same accumulators, in turns."""

from __future__ import annotations

import gc
import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench import captures
from bench.figures import Figure, at_least, median, pin, plain, unpin
from bench.rendered import Mix, rendered
from bench.sides import SAMPLE, Books, Trades
from bench.sides.ccxt_side import Ccxt
from bench.sides.cryptofeed_side import Cryptofeed
from bench.sides.ours import Library, Ours

TITLE = (
    "The venue's own text through each library's own message handler, one core, in turns; CPU time, "
    "collector on as by default, medians over rounds of the ratio within a round. All sides must agree on"
    " every value or the run fails. *crosstape's decoder* is `venues.bybit` with the accumulators of the "
    "comparison and no more, as the peers are asked for; *crosstape* is its whole machine: counters, "
    "bars, flow, large trades, events of the view."
)
ROUNDS = 7
SIDES: tuple[type[Any], ...] = (Library, Ours, Cryptofeed, Ccxt)
TRADE_MIX = Mix(8.0, 2_500.0, ("publicTrade",), ("linear",), 250)
BOOK_MIX = Mix(36.0, 2_500.0, ("orderbook.200",), ("linear",), 60)
Timed = dict[str, list[float]]


def run() -> list[Figure]:
    """Trades, books, then the real captures."""
    pin(0)
    try:
        page = rendered(TRADE_MIX).instruments["linear"][0]
        return [*_trades(), *_books(), *_quotes(page), *_deep(page)]
    finally:
        unpin()


def _perpetuals(mix: Mix) -> tuple[list[bytes], list[bytes]]:
    """Catalogue and messages without dated futures, whose symbols not every side can read."""
    made = rendered(mix)
    pages = []
    for body in made.instruments["linear"]:
        page = json.loads(body)
        rows = page["result"]["list"]
        page["result"]["list"] = [row for row in rows if row["contractType"] == "LinearPerpetual"]
        pages.append(json.dumps(page).encode())
    return pages, [m for _, m in made.messages if b"-" not in m[10:40].partition(b'",')[0]]


def _trades() -> list[Figure]:
    catalogue, messages = _perpetuals(TRADE_MIX)
    spent = _rounds(catalogue, messages, lambda s: s.trades(messages), _agree_trades)
    count = sum(m.count(b'"T":') for m in messages)
    note = f"simulated: {len(messages):,} messages, {count:,} trades, {TRADE_MIX.instruments} instruments"
    return _figures("trades", spent, count, "trade", note, (2.0, 3.0), (10.0, 0.0))


def _books() -> list[Figure]:
    catalogue, messages = _perpetuals(BOOK_MIX)
    figures = []
    for every, what in ((SAMPLE, "books"), (1, "books, top after each message")):
        fold = _books_of(messages, every)
        spent = _rounds(catalogue, messages, fold, _agree_books)
        note = (
            f"simulated orderbook.200: {len(messages):,} messages, {BOOK_MIX.instruments} books; tops of changed "
        )
        note += f"books every {every} messages" if every > 1 else "books after every message"
        floor = ((6.0, 8.0), (10.0, 0.0)) if every > 1 else (None, None)
        figures += _figures(what, spent, len(messages), "message", note, *floor)
    return figures


def _quotes(page: bytes) -> list[Figure]:
    found = captures.quotes()
    if not found:
        return []
    messages = found * (6_000 // len(found))
    listed = captures.catalogue(captures.symbols_of(found), page)
    spent = _rounds(listed, messages, lambda side: side.quotes(messages), _agree_tops)
    note = f"real, 2025-06-13: {len(found)} orderbook.1 messages again and again, top after each"
    return _figures("quotes", spent, len(messages), "message", note, None, None)


def _deep(page: bytes) -> list[Figure]:
    found = captures.deep()
    if not found:
        return []
    messages = found * 20
    listed = captures.catalogue(captures.symbols_of(found), page)
    spent = _rounds(listed, messages, _books_of(messages, len(found)), _agree_books)
    note = f"real, 2024-12-01: {len(found)} orderbook.500 messages of XRPUSDT, 20 times, top after each run"
    return _figures("deep book", spent, len(messages), "message", note, (6.0, 8.0), (10.0, 0.0))


def _books_of(messages: Sequence[bytes], every: int) -> Callable[[Any], None]:
    return lambda side: side.books(messages, every)


def _rounds(
    catalogue: Sequence[bytes], messages: Sequence[bytes], fold: Callable[[Any], None],
    agree: Callable[[Sequence[Any]], None],
) -> Timed:  # fmt: skip
    """CPU seconds by side and round; fresh sides each round, and what they end with compared."""
    spent: Timed = {side.name: [] for side in SIDES}
    for _ in range(ROUNDS):
        sides = [side(catalogue, messages) for side in SIDES]
        for side in sides:
            gc.collect()
            began = time.process_time()
            fold(side)
            spent[side.name].append(time.process_time() - began)
        agree(sides)
    return spent


def _figures(
    what: str, spent: Timed, count: int, unit: str, note: str,
    cryptofeed: tuple[float, float] | None, ccxt: tuple[float, float] | None,
) -> list[Figure]:  # fmt: skip
    figures = []
    for mine in (Library.name, Ours.name):
        ours = spent[mine]
        figures.append(plain(f"{what}: {mine}", median(ours) / count * 1e6, f"µs a {unit}", note))
        for name, floor in ((Cryptofeed.name, cryptofeed), (Ccxt.name, ccxt)):
            theirs = spent[name]
            ratio = median([b / a for a, b in zip(ours, theirs, strict=True)])
            text = f"{name}: {median(theirs) / count * 1e6:.1f} µs a {unit}"
            label = f"{what}: {mine} against {name}"
            aim = (
                at_least(label, ratio, floor[0], "×", text, floor[1]) if floor else plain(label, ratio, "×", text)
            )
            figures.append(aim)
    return figures


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def _agree_trades(sides: Sequence[Any]) -> None:
    first: Trades = sides[0].traded()
    assert first
    for side in sides[1:]:
        other: Trades = side.traded()
        assert first.keys() == other.keys(), side.name
        for native, sums in first.items():
            assert all(map(_same, sums, other[native])), (side.name, native, sums, other[native])


def _agree_tops(sides: Sequence[Any]) -> None:
    first: Books = sides[0].booked()
    assert first.tops
    for side in sides[1:]:
        other: Books = side.booked()
        assert first.tops.keys() == other.tops.keys(), side.name
        for native, top in first.tops.items():
            assert all(map(_same, top, other.tops[native])), (side.name, native, top, other.tops[native])


def _agree_books(sides: Sequence[Any]) -> None:
    _agree_tops(sides)
    first: Books = sides[0].booked()
    for side in sides[1:]:
        other: Books = side.booked()
        assert first.reads == other.reads, (side.name, first.reads, other.reads)
        assert _same(first.total, other.total), (side.name, first.total, other.total)
        assert first.books == other.books, side.name
