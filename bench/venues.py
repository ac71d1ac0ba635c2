"""Decode of Binance, OKX and Hyperliquid against cryptofeed, where it has the venue, and ccxt.pro."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import msgspec

from bench.figures import Figure, at_least, median, pin, plain, unpin
from crosstape.app.known import addressed, all_venues, narrowed
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.model.event import BookDelta, BookSnapshot, Side
from crosstape.model.frame import Kind
from crosstape.sim.server import SimSettings, serve
from crosstape.state.book import Book
from crosstape.tape.reader import play
from crosstape.wire.venue import Venue

TITLE = (
    "What a simulated venue sent over a socket in a few seconds, through each library's own message handler, one "
    "core, in turns; CPU time, medians over rounds of the ratio within a round. All sides must agree on the "
    "number of trades and the last price of each instrument, or on its best bid and offer after each message; of "
    "Hyperliquid's trades, which begin with a past that crosstape leaves out, on the last price. Binance's books "
    "begin with REST answers that each client asks for by itself: only its trades are compared."
)
ROUNDS, SECONDS, RATE = 5, 12.0, 2_500.0
ENGINE = EngineSettings(mode="simulated", universe=Universe(top=60, deep=40, min_24h_volume=0), backfill_hours=0)
TRADES, BOOKS = "trades", "books"
# market, the mark of its trade and of its book messages
VENUES = {
    "binance": ("binance-usdm", b"@aggTrade", b"@depth"),
    "okx": ("okx-swap", b'"channel":"trades"', b'"channel":"books"'),
    "hyperliquid": ("hyperliquid", b'{"channel":"trades"', b'{"channel":"l2Book"'),
}
Sums = dict[str, list[float]]


class Sent(msgspec.Struct):
    """What a venue sent: messages of trades and of books, and the catalogue as its REST gave it."""

    name: str
    trades: list[bytes]
    books: list[bytes]
    rest: str = ""


async def _listen(name: str, folder: Path) -> list[bytes]:
    market = VENUES[name][0]
    async with serve(SimSettings(venues=(name,), seed=7, assets=60, rate=RATE)) as simulation:
        urls = simulation.urls[name]
        venue = narrowed(addressed(_venue(name), urls.rest, urls.ws), (market,))
        live = Live(Config(data=str(folder), tape=TapeSettings(folder=str(folder / "tape"))), [venue])
        live.open(ENGINE)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                await live.run(live.pump(lambda view: None, frozenset))
    return [frame.payload for frame in play(folder / "tape") if frame.kind is Kind.DATA]


def _venue(name: str) -> Venue:
    return next(venue for venue in all_venues() if venue.id == name)


class Ours:
    """`venues.X` and the accumulators of the comparison."""

    name = "crosstape's decoder"

    def __init__(self, sent: Sent) -> None:
        stream = next(s for s in _venue(sent.name).streams if s.market == VENUES[sent.name][0])
        self.decode, self.sums, self.kept, self.tops = stream.open(), Sums(), dict[str, Book](), dict[str, Any]()

    def trades(self, messages: Sequence[bytes]) -> None:
        """Sums by instrument."""
        decode, sums = self.decode, self.sums
        for message in messages:
            for trade in decode(message):
                _add(sums, trade.symbol, trade.price, trade.size, trade.taker is Side.BUY)  # type: ignore[union-attr, arg-type]

    def books(self, messages: Sequence[bytes]) -> None:
        """Books, the top read after each message."""
        decode, kept, tops = self.decode, self.kept, self.tops
        for message in messages:
            for event in decode(message):
                book = kept.get(event.symbol)  # type: ignore[union-attr]
                if type(event) is BookSnapshot:
                    if book is None:
                        book = kept[event.symbol] = Book()
                    book.replace(event)
                elif type(event) is BookDelta and book is not None:
                    book._take(event.bids, event.asks)
                else:
                    continue
                tops[event.symbol] = book.top()


def _add(sums: Sums, symbol: str, price: float, size: float, bought: bool) -> None:
    own = sums.get(symbol)
    if own is None:
        own = sums[symbol] = [0.0, 0.0, 0.0, price]
    own[0 if bought else 1] += price * size
    own[2] += 1.0
    own[3] = price


class Cryptofeed:
    """Its exchange's `message_handler` on text, as its connection handler calls it."""

    name = "cryptofeed"
    kinds: ClassVar = {"binance": "BinanceFutures", "okx": "OKX"}

    def __init__(self, sent: Sent) -> None:
        from cryptofeed import exchanges
        from cryptofeed.defines import L2_BOOK, TRADES

        kind = getattr(exchanges, self.kinds[sent.name])
        rest = [dataclasses.replace(e, address=sent.rest) for e in kind.rest_endpoints]
        made: Any = type("At", (kind,), {"rest_endpoints": rest})
        self.feed = made(symbols=made.symbols(), channels=[L2_BOOK, TRADES],
                         callbacks={L2_BOOK: self._book, TRADES: self._trade})  # fmt: skip
        self.native = dict(self.feed.normalized_symbol_mapping)
        self.conn: Any = SimpleNamespace(address="wss://x/ws/v5/public", uuid="bench")
        self.sums, self.tops = Sums(), dict[str, Any]()

    async def _trade(self, trade: Any, receipt: float) -> None:
        _add(self.sums, self.native[trade.symbol], float(trade.price), float(trade.amount), trade.side == "buy")

    async def _book(self, book: Any, receipt: float) -> None:
        (bid, bid_size), (ask, ask_size) = book.book.bids.index(0), book.book.asks.index(0)
        self.tops[self.native[book.symbol]] = (float(bid), float(bid_size), float(ask), float(ask_size))

    async def _run(self, texts: Sequence[str]) -> None:
        handler, conn = self.feed.message_handler, self.conn
        for text in texts:
            await handler(text, conn, 0.0)

    def trades(self, messages: Sequence[bytes]) -> None:
        """All through the handler."""
        asyncio.run(self._run([message.decode() for message in messages]))

    books = trades


class Ccxt:
    """`Client.handle_message` on text messages: its json, its handlers, its caches."""

    name = "ccxt.pro"
    kinds: ClassVar = {"binance": "binanceusdm", "okx": "okx", "hyperliquid": "hyperliquid"}

    def __init__(self, sent: Sent) -> None:
        self.sums, self.tops = Sums(), dict[str, Any]()
        self.loop = asyncio.new_event_loop()
        self.exchange, self.client = self.loop.run_until_complete(self._load(sent))

    async def _load(self, sent: Sent) -> tuple[Any, Any]:
        import ccxt.pro

        types = ["linear"] if sent.name == "binance" else ["swap"]
        options = {"enableRateLimit": False, "options": {"fetchMarkets": {"types": types}}}
        exchange = getattr(ccxt.pro, self.kinds[sent.name])(options)
        _at(exchange, sent)
        await exchange.load_markets()
        client = exchange.client(
            "wss://fstream.binance.com/ws" if sent.name == "binance" else "wss://x/ws/v5/public"
        )
        await exchange.close()
        client.resolve = self._take
        return exchange, client

    def _take(self, stored: Any, about: str) -> None:
        """Stands where watch_trades' and watch_order_book's futures resolve."""
        if hasattr(stored, "getLimit"):
            symbol = stored[-1]["symbol"]
            for trade in stored[-stored.getLimit(symbol, None) :]:
                _add(self.sums, self._native(symbol), trade["price"], trade["amount"], trade["side"] == "buy")
        elif isinstance(stored, dict) and "bids" in stored and stored["bids"] and stored["asks"]:
            (bid, bid_size), (ask, ask_size) = stored["bids"][0][:2], stored["asks"][0][:2]
            self.tops[self._native(stored["symbol"])] = (bid, bid_size, ask, ask_size)

    def _native(self, symbol: str) -> str:
        market = self.exchange.markets[symbol]
        return str(market["baseName"] if self.exchange.id == "hyperliquid" else market["id"])

    async def _run(self, messages: Sequence[Any]) -> None:
        handle = self.client.handle_message
        for message in messages:
            handle(message)

    def trades(self, messages: Sequence[bytes]) -> None:
        """All through its client."""
        from aiohttp import WSMessage, WSMsgType

        texts = [WSMessage(WSMsgType.TEXT, message.decode(), None) for message in messages]
        self.loop.run_until_complete(self._run(texts))

    books = trades


def _at(exchange: Any, sent: Sent) -> None:
    """Point a ccxt exchange's REST at the simulator."""
    rest = sent.rest
    if sent.name == "binance":
        roots = {"fapiPublic": "/fapi/v1", "fapiPublicV2": "/fapi/v2", "fapiPublicV3": "/fapi/v3",
                 "public": "/api/v3", "dapiPublic": "/dapi/v1"}  # fmt: skip
        exchange.urls["api"] |= {name: rest + root for name, root in roots.items()}
    elif sent.name == "okx":
        exchange.urls["api"]["rest"] = rest
    else:
        exchange.urls["api"] |= {"public": rest, "private": rest}


def _unwrapped(name: str, messages: list[bytes]) -> list[bytes]:
    """ccxt's Binance client expects events without the envelope of combined streams."""
    return [json.dumps(json.loads(m)["data"]).encode() for m in messages] if name == "binance" else messages


def run() -> list[Figure]:
    """Venue by venue: trades, then books."""
    figures = []
    for name in VENUES:
        figures += asyncio.run(_venue_figures(name))
    return figures


async def _venue_figures(name: str) -> list[Figure]:
    _, trade, book = VENUES[name]
    with tempfile.TemporaryDirectory() as folder:
        payloads = await _listen(name, Path(folder))
    sent = Sent(name, [p for p in payloads if trade in p[:80]], [p for p in payloads if book in p[:80]])
    async with serve(SimSettings(venues=(name,), seed=7, assets=60, rate=1.0)) as simulation:
        sent.rest = simulation.urls[name].rest
        return await asyncio.to_thread(_compared, sent)


def _compared(sent: Sent) -> list[Figure]:
    figures = []
    peers: list[type[Any]] = [kind for kind in (Cryptofeed, Ccxt) if sent.name in kind.kinds]
    for what, messages, floors in (
        (TRADES, sent.trades, ((2.0, 3.0), (10.0, 0.0))), (BOOKS, sent.books, ((6.0, 8.0), (10.0, 0.0))),
    ):  # fmt: skip
        if what == BOOKS and sent.name == "binance":
            continue
        spent = _rounds(sent, what, messages, (Ours, *peers))
        figures += _figures(f"{sent.name} {what}", spent, len(messages), floors)
    return figures


def _rounds(sent: Sent, what: str, messages: list[bytes], kinds: Sequence[type[Any]]) -> dict[str, list[float]]:
    spent: dict[str, list[float]] = {kind.name: [] for kind in kinds}
    bare = _unwrapped(sent.name, messages)
    pin(0)
    try:
        for _ in range(ROUNDS):
            sides = [kind(sent) for kind in kinds]
            for side in sides:
                gc.collect()
                fold: Callable[[Sequence[bytes]], None] = getattr(side, what)
                began = time.process_time()
                fold(bare if isinstance(side, Ccxt) else messages)
                spent[side.name].append(time.process_time() - began)
            _agree(sides, what, counted=sent.name != "hyperliquid")
    finally:
        unpin()
    return spent


def _agree(sides: Sequence[Any], what: str, counted: bool) -> None:
    first = sides[0]
    assert first.sums if what == TRADES else first.tops, "nothing was decoded"
    for side in sides[1:]:
        if what == TRADES:
            ours = {symbol: (own[2] * counted, own[3]) for symbol, own in first.sums.items()}
            theirs = {symbol: (own[2] * counted, own[3]) for symbol, own in side.sums.items()}
        else:
            ours, theirs = first.tops, side.tops
        shared = ours.keys() & theirs.keys()
        assert len(shared) >= 0.8 * len(ours), f"{side.name} has {len(shared)} of {len(ours)} instruments"
        wrong = [symbol for symbol in shared if ours[symbol] != theirs[symbol]]
        assert not wrong, f"{side.name} differs: {wrong[0]} {ours[wrong[0]]} {theirs[wrong[0]]}"


def _figures(
    label: str, spent: dict[str, list[float]], count: int, floors: tuple[tuple[float, float], tuple[float, float]]
) -> list[Figure]:
    ours = spent[Ours.name]
    figures = [plain(f"{label}: {Ours.name}", median(ours) / count * 1e6, "µs a message", f"{count:,} messages")]
    for peer, (floor, stretch) in zip((Cryptofeed.name, Ccxt.name), floors, strict=True):
        if peer in spent:
            ratio = median([b / a for a, b in zip(ours, spent[peer], strict=True)])
            text = f"{peer}: {median(spent[peer]) / count * 1e6:.1f} µs a message"
            figures.append(at_least(f"{label}: against {peer}", ratio, floor, "×", text, stretch))
    return figures
