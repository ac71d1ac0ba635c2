"""What an exchange tells of the past through ccxt: page after page, at its own pace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from functools import partial
from typing import Any, NamedTuple

from crosstape.feeds.ccxt_source import Ask, message
from crosstape.feeds.exchanges import Exchanges
from crosstape.feeds.settings import FeedSettings
from crosstape.model.errors import ConfigError, RemoteError
from crosstape.model.ports import Clock

HOUR_MS = 3_600_000
# A page that most exchanges give; those that refuse it are asked for theirs.
ROWS = 1_000
BARS = 500
RATES = 100
FEW = 5
LIMITED_S = 20.0


class Page(NamedTuple):
    """One answer: its rows, and the time (ms) before which nothing more is asked for."""

    reached: int
    rows: list[Any]


class CcxtPast:
    """One exchange. ConfigError: no such exchange or symbol. RemoteError: it refused, or did not answer, after
    as many retries as the settings say.

    Times are ms. What an exchange leaves out is left out; a page without news is followed by one behind it.
    """

    def __init__(self, exchanges: Exchanges, exchange: str, settings: FeedSettings, clock: Clock) -> None:
        self._exchanges, self.exchange, self._settings, self._clock = exchanges, exchange, settings, clock

    async def markets(self, symbols: Collection[str]) -> dict[str, bytes]:
        """Of each symbol the payload of the live source's "market" frame."""
        client = await self._exchanges.opened(self.exchange, ())
        if unknown := [symbol for symbol in symbols if symbol not in client.markets]:
            few = ", ".join(sorted(client.markets)[:FEW])
            raise ConfigError(f"symbols: {self.exchange} lists no {unknown[0]!r}; such as {few}")
        return {one: message(self.exchange, "market", one, client.markets[one]) for one in symbols}

    async def shortest(self, allowed: Collection[str]) -> str:
        """The first of the timeframes that it has candles of; "" = none."""
        client = await self._exchanges.opened(self.exchange, ())
        has = client.timeframes if client.has.get("fetchOHLCV") is True else {}
        return next((name for name in allowed if name in (has or {})), "")

    async def candles(
        self, symbol: str, timeframe: str, every: int, since: int, until: int
    ) -> AsyncIterator[Page]:  # fmt: skip
        """Pages of [start, open, high, low, close, volume in base units]; `every`: the timeframe in ms."""
        client = await self._exchanges.opened(self.exchange, ())
        limit = int(client.feature_value(symbol, "fetchOHLCV", "limit") or BARS)

        def ask(at: int) -> Ask:
            bars = min(limit, -(-(until - at) // every) + 1)
            return partial(client.fetch_ohlcv, symbol, timeframe, at, bars)

        async for page in self._pages([ask], since, until, (every, limit * every), lambda row: int(row[0])):
            yield page

    async def trades(self, symbol: str, since: int, until: int) -> AsyncIterator[Page]:
        """Pages of ccxt's trades; none where the exchange tells none."""
        client = await self._exchanges.opened(self.exchange, ())
        if client.has.get("fetchTrades") is True:
            asks: list[Callable[[int], Ask]] = [
                lambda at: partial(client.fetch_trades, symbol, at, ROWS),
                lambda at: partial(client.fetch_trades, symbol, at),
            ]
            async for page in self._pages(asks, since, until, (0, HOUR_MS), _stamped):
                yield page

    async def funding(self, symbol: str, since: int, until: int) -> AsyncIterator[Page]:
        """Pages of settled rates, by ccxt's `timestamp` and `fundingRate`; none for what has no funding."""
        client = await self._exchanges.opened(self.exchange, ())
        if client.has.get("fetchFundingRateHistory") is True and client.markets[symbol].get("swap"):

            def ask(at: int) -> Ask:
                return partial(client.fetch_funding_rate_history, symbol, at, RATES)

            # Rates are settled hourly at most.
            async for page in self._pages([ask], since, until, (1, RATES * HOUR_MS), _stamped):
                yield page

    async def _pages(
        self, asks: list[Callable[[int], Ask]], since: int, until: int, steps: tuple[int, int],
        stamp: Callable[[Any], int],
    ) -> AsyncIterator[Page]:  # fmt: skip
        """From `since` on. Steps: behind the newest row, and over a span that has none."""
        at, (behind, over) = since, steps
        while at < until:
            rows = await self._patiently(asks, at)
            newest = max((stamp(row) for row in rows), default=-1)
            if newest < at:
                # One that gives what is newest, whenever it is asked, has ended here.
                at += over
            else:
                # Trades of one ms may be on two pages: it is left only when a page brings no later ones. (Of more
                # than a page in one ms ccxt can tell only that page.)
                at = newest + behind if newest > at else newest + max(behind, 1)
            yield Page(min(at, until), rows)

    async def _patiently(self, asks: list[Callable[[int], Ask]], at: int) -> list[Any]:
        wait_s, left = self._settings.retry_first_s, self._settings.retries
        while True:
            try:
                found: list[Any] = await self._exchanges.asked(self.exchange, asks[0](at))
                return found or []
            except ConfigError:
                if len(asks) == 1:
                    raise
                del asks[0]
            except RemoteError as error:
                if not left or not transient(error):
                    raise
                await self._clock.sleep(max(wait_s, LIMITED_S) if limited(error) else wait_s)
                wait_s, left = wait_s * self._settings.retry_factor, left - 1


def limited(error: RemoteError) -> bool:
    """Whether too much was asked: budgets are by the minute, mostly."""
    import ccxt

    return isinstance(error.__cause__, (ccxt.RateLimitExceeded, ccxt.DDoSProtection))


def transient(error: RemoteError) -> bool:
    """Whether asking again may help. Exchanges have their own words for trouble: all but a refusal of who asks."""
    import ccxt

    return not isinstance(error.__cause__, ccxt.AuthenticationError)


def _stamped(row: dict[str, Any]) -> int:
    return int(row.get("timestamp") or 0)
