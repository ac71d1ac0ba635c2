"""cryptofeed's side: its Bybit feed's own message handler, with callbacks that accumulate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from bench.sides import Books, Top, Trades


class Cryptofeed:
    """`Bybit.message_handler` on text, as its connection handler calls it."""

    name = "cryptofeed"

    def __init__(self, catalogue: Sequence[bytes], messages: Sequence[bytes]) -> None:
        from cryptofeed.defines import L2_BOOK, TRADES
        from cryptofeed.exchanges import Bybit
        from cryptofeed.symbols import Symbols

        Symbols.set(Bybit.id, *Bybit._parse_symbol_data([json.loads(page) for page in catalogue]))
        self.feed = Bybit(
            symbols=Bybit.symbols(), channels=[L2_BOOK, TRADES],
            callbacks={L2_BOOK: self._book, TRADES: self._trade},
        )  # fmt: skip
        self.native = dict(self.feed.normalized_symbol_mapping)
        self.conn: Any = SimpleNamespace(address="wss://stream.bybit.com/v5/public/linear", uuid="bench")
        self.texts = [message.decode() for message in messages]
        self.sums: dict[str, list[float]] = {}
        self.changed: dict[str, Any] = {}
        self.tops: dict[str, Top] = {}
        self.reads, self.total = 0, 0.0

    async def _trade(self, trade: Any, receipt: float) -> None:
        price, size = float(trade.price), float(trade.amount)
        sums = self.sums.get(trade.symbol)
        if sums is None:
            sums = self.sums[trade.symbol] = [0.0, 0.0, 0, price, price, price]
        sums[0 if trade.side == "buy" else 1] += price * size
        sums[2] += 1
        sums[3] = price
        if price > sums[4]:
            sums[4] = price
        if price < sums[5]:
            sums[5] = price

    async def _book(self, book: Any, receipt: float) -> None:
        self.changed[book.symbol] = book

    def _sample(self) -> None:
        for symbol, book in self.changed.items():
            (bid, bid_size), (ask, ask_size) = book.book.bids.index(0), book.book.asks.index(0)
            top = (float(bid), float(bid_size), float(ask), float(ask_size))
            self.tops[symbol] = top
            self.reads += 1
            self.total += top[0] + top[2]
        self.changed.clear()

    async def _run_trades(self) -> None:
        handler, conn = self.feed.message_handler, self.conn
        for text in self.texts:
            await handler(text, conn, 0.0)

    async def _run_books(self, every: int) -> None:
        handler, conn = self.feed.message_handler, self.conn
        for i, text in enumerate(self.texts, 1):
            await handler(text, conn, 0.0)
            if i % every == 0:
                self._sample()
        self._sample()

    def trades(self, messages: Sequence[bytes]) -> None:
        """All messages through the handler, in one coroutine."""
        asyncio.run(self._run_trades())

    def books(self, messages: Sequence[bytes], every: int) -> None:
        """The same, with tops read every so often."""
        asyncio.run(self._run_books(every))

    def quotes(self, messages: Sequence[bytes]) -> None:
        """Tops after every message."""
        asyncio.run(self._run_books(1))

    def traded(self) -> Trades:
        """By native symbol."""
        return {self.native[s]: (b, so, int(n), la, hi, lo) for s, (b, so, n, la, hi, lo) in self.sums.items()}

    def booked(self) -> Books:
        """By native symbol."""
        books = {}
        for symbol, book in self.feed._l2_book.items():
            sides = [book.book.bids.to_dict(), book.book.asks.to_dict()]
            bids, asks = ({float(p): float(s) for p, s in side.items()} for side in sides)
            books[self.native[symbol]] = (bids, asks)
        return Books(books, {self.native[s]: top for s, top in self.tops.items()}, self.reads, self.total)
