"""A configured ccxt exchange as a source of frames: polled, or over the sockets of ccxt.pro where it has them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec
import structlog

from crosstape.feeds.backoff import Backoff
from crosstape.feeds.exchanges import Exchanges, ExchangeSettings
from crosstape.model.errors import ConfigError, RemoteError
from crosstape.model.frame import Kind
from crosstape.model.ports import Clock, Intake

# Books and tickers over a socket come with every change; so often is one taken.
SAMPLED_S = 0.5
LEVELS = 50
# No exchange refuses so few; a busier market is for a socket.
TRADES = 50
BARS = 30
MARKET_FIELDS = ("base", "quote", "settle", "type", "contractSize", "inverse", "expiry", "strike", "optionType")
TRADE_FIELDS = ("timestamp", "price", "amount", "side", "id")
TICKER_FIELDS = ("timestamp", "last", "bid", "bidVolume", "ask", "askVolume", "baseVolume", "quoteVolume", "high",
                 "low", "percentage")  # fmt: skip
Ask = Callable[[], Coroutine[Any, Any, Any]]


class CcxtSource:
    """Puts what one exchange says into the intake, a frame an answer.

    Whatever fails closes the source; after a pause it is opened anew.
    """

    def __init__(
        self,
        number: int,
        exchange: str,
        settings: ExchangeSettings,
        exchanges: Exchanges,
        intake: Intake,
        clock: Clock,
    ) -> None:
        self.name, self._source = exchange, f"ccxt/{number}"
        self._settings, self._exchanges, self._intake, self._clock = settings, exchanges, intake, clock
        self._conn, self._open = 0, False

    async def run(self, conn: int) -> None:
        """Until cancelled; `conn` is the last connection that the tape knows of this source."""
        self._conn, log = conn, structlog.get_logger("crosstape.feeds")
        backoff = Backoff(random.Random(self.name), 1.0, 60.0, good_s=60.0)
        while True:
            began = self._clock.now()
            try:
                await self._live()
            except* (ConfigError, RemoteError) as group:
                reason = str(group.exceptions[0])
            if self._open:
                self._put(Kind.CLOSE, reason.encode(), status=1006)
                self._open = False
            log.warning("a ccxt exchange is left for a while", exchange=self.name, reason=reason)
            backoff.lived((self._clock.now() - began) * 1e-9)
            await self._clock.sleep(backoff.next())

    async def _live(self) -> None:
        client = await self._exchanges.opened(self.name, self._settings.symbols)
        self._conn, self._open = self._conn + 1, True
        self._put(Kind.OPEN, b"")
        async with asyncio.TaskGroup() as group:
            for symbol in self._settings.symbols:
                market = client.markets[symbol]
                self._say("market", symbol, market)
                for channel in self._settings.channels:
                    group.create_task(self._keep(client, channel, symbol))

    async def _keep(self, client: Any, channel: str, symbol: str) -> None:
        """One channel of one symbol; one that the exchange does not have is left out, and said so."""
        ask, pause_s = self._question(client, channel, symbol)
        while True:
            try:
                found = await self._exchanges.asked(self.name, ask)
            except ConfigError as error:
                log = structlog.get_logger("crosstape.feeds")
                log.warning("a ccxt channel is left out", symbol=symbol, channel=channel, reason=str(error))
                return
            self._say(channel, symbol, found)
            await self._intake.drained()
            await self._clock.sleep(pause_s)

    def _question(self, client: Any, channel: str, symbol: str) -> tuple[Ask, float]:
        """How a channel is asked for, and the pause behind an answer. A socket's trades wait for none."""
        every, has = self._settings.every_s, client.has
        match channel:
            case "trades" if self._settings.sockets and has.get("watchTrades"):
                return partial(client.watch_trades, symbol), 0.0
            case "trades":
                return partial(client.fetch_trades, symbol, None, TRADES), every
            case "book" if self._settings.sockets and has.get("watchOrderBook"):
                return partial(client.watch_order_book, symbol), SAMPLED_S
            case "book":
                return partial(client.fetch_order_book, symbol, LEVELS), every
            case "ticker" if self._settings.sockets and has.get("watchTicker"):
                return partial(client.watch_ticker, symbol), SAMPLED_S
            case "ticker":
                return partial(client.fetch_ticker, symbol), every
            case _:
                return partial(client.fetch_ohlcv, symbol, "1m", None, BARS), max(every, 5.0)

    def _say(self, channel: str, symbol: str, data: Any) -> None:
        self._put(Kind.DATA, message(self.name, channel, symbol, data))

    def _put(self, kind: Kind, payload: bytes, status: int = 0) -> None:
        self._intake.put(self._clock.now(), self._source, self._conn, kind, payload, status=status)


def message(exchange: str, channel: str, symbol: str, found: Any) -> bytes:
    """What ccxt found, as the payload of a frame."""
    said = {"channel": channel, "symbol": f"{exchange}:{symbol}", "data": _trimmed(channel, found)}
    return msgspec.json.encode(said)


def _trimmed(channel: str, found: Any) -> Any:
    """Without what the exchange said literally: `info` is as long again, and in nobody's unified words."""
    match channel:
        case "market":
            return {name: found.get(name) for name in MARKET_FIELDS}
        case "trades":
            return [{name: trade.get(name) for name in TRADE_FIELDS} for trade in found]
        case "ticker":
            return {name: found.get(name) for name in TICKER_FIELDS}
        case "book":
            sides = {side: [list(level[:2]) for level in found[side][:LEVELS]] for side in ("bids", "asks")}
            return {**sides, "timestamp": found.get("timestamp"), "nonce": found.get("nonce")}
        case _:
            return found
