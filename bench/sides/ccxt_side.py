"""ccxt.pro's side: its client's message path into bybit.handle_message, results taken where it resolves them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from bench.sides import Books, Top, Trades

URL = "wss://stream.bybit.com/v5/public/linear"


class Ccxt:
    """`Client.handle_message` on aiohttp text messages: its json, its handlers, its caches."""

    name = "ccxt.pro"

    def __init__(self, catalogue: Sequence[bytes], messages: Sequence[bytes]) -> None:
        from aiohttp import WSMessage, WSMsgType

        self.messages = [WSMessage(WSMsgType.TEXT, message.decode(), None) for message in messages]
        self.catalogue = [json.loads(page) for page in catalogue]
        self.exchange: Any = None
        self.client: Any = None
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._load())
        self.sums: dict[str, list[float]] = {}
        self.changed: dict[str, Any] = {}
        self.tops: dict[str, Top] = {}
        self.reads, self.total = 0, 0.0

    async def _load(self) -> None:
        import ccxt.pro

        exchange = self.exchange = ccxt.pro.bybit({"options": {"fetchMarkets": {"types": ["linear"]}}})
        pages = iter(self.catalogue)

        async def instruments(params: dict[str, Any]) -> dict[str, Any]:
            nothing: dict[str, Any] = {"result": {"list": []}}
            return nothing if params.get("status") else next(pages, nothing)

        exchange.publicGetV5MarketInstrumentsInfo = instruments
        await exchange.load_markets()
        self.client = exchange.client(URL)
        await exchange.close()

    def _on_trades(self, stored: Any, message_hash: str) -> None:
        """Stands where watch_trades' future resolves: the new trades of the cache, as newUpdates gives them."""
        symbol = message_hash[6:]
        fresh = stored.getLimit(symbol, None)
        for trade in stored[-fresh:]:
            price = trade["price"]
            sums = self.sums.get(symbol)
            if sums is None:
                sums = self.sums[symbol] = [0.0, 0.0, 0, price, price, price]
            sums[0 if trade["side"] == "buy" else 1] += price * trade["amount"]
            sums[2] += 1
            sums[3] = price
            if price > sums[4]:
                sums[4] = price
            if price < sums[5]:
                sums[5] = price

    def _on_book(self, book: Any, message_hash: str) -> None:
        if message_hash.startswith("orderbook"):
            self.changed[message_hash[10:]] = book

    def _sample(self) -> None:
        for symbol, book in self.changed.items():
            (bid, bid_size), (ask, ask_size) = book["bids"][0][:2], book["asks"][0][:2]
            self.tops[symbol] = (bid, bid_size, ask, ask_size)
            self.reads += 1
            self.total += bid + ask
        self.changed.clear()

    async def _run(self, take: Any, every: int) -> None:
        self.client.resolve = take
        handle = self.client.handle_message
        for i, message in enumerate(self.messages, 1):
            handle(message)
            if i % every == 0:
                self._sample()
        self._sample()

    def trades(self, messages: Sequence[bytes]) -> None:
        """All messages through its client."""
        self.loop.run_until_complete(self._run(self._on_trades, 1 << 60))

    def books(self, messages: Sequence[bytes], every: int) -> None:
        """The same, with tops read every so often."""
        self.loop.run_until_complete(self._run(self._on_book, every))

    def quotes(self, messages: Sequence[bytes]) -> None:
        """Tops after every message."""
        self.loop.run_until_complete(self._run(self._on_book, 1))

    def _native(self, symbol: str) -> str:
        return str(self.exchange.markets[symbol]["id"])

    def traded(self) -> Trades:
        """By native symbol."""
        return {self._native(s): (b, so, int(n), la, hi, lo) for s, (b, so, n, la, hi, lo) in self.sums.items()}

    def booked(self) -> Books:
        """By native symbol."""
        books = {
            self._native(symbol): tuple({level[0]: level[1] for level in book[side]} for side in ("bids", "asks"))
            for symbol, book in self.exchange.orderbooks.items()
        }
        return Books(books, {self._native(s): top for s, top in self.tops.items()}, self.reads, self.total)  # type: ignore[arg-type]
