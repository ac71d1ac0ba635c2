"""Questions to any exchange that ccxt speaks with, asked for whoever uses the API."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from crosstape.model.errors import ConfigError, RemoteError

MOST_OPEN = 16
MOST_CANDLES = 1_000


class ExchangeSettings(msgspec.Struct, frozen=True):
    """An exchange that ccxt speaks with; the name of the section is ccxt's own for it.

    api_key      for the balance; a key that may only read is enough
    secret, password, uid   what else the exchange wants
    sandbox      its test net
    rest         another address for its REST API, such as a simulator's; "" = its own
    stream       another address for its sockets
    timeout_s    a question that takes longer is given up
    symbols      taken live, as ccxt writes them: BTC/USD, BTC/USDT:USDT
    channels     of those
    every_s      what is polled, this often
    sockets      use ccxt.pro's where it has them; otherwise everything is polled
    """

    api_key: str = ""
    secret: str = ""
    password: str = ""
    uid: str = ""
    sandbox: bool = False
    rest: str = ""
    stream: str = ""
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 20.0
    symbols: tuple[str, ...] = ()
    channels: tuple[Literal["trades", "ticker", "book", "ohlcv"], ...] = ("trades", "ticker", "book", "ohlcv")
    every_s: Annotated[float, Meta(ge=0.1)] = 5.0
    sockets: bool = True


class Exchanges:
    """Clients are made when first asked for; beyond MOST_OPEN the one that rested longest is closed.

    Each keeps to its exchange's rate limit. ConfigError: no such exchange, symbol or timeframe, or no credentials.
    RemoteError: it refused, or did not answer.
    """

    def __init__(self, settings: Mapping[str, ExchangeSettings]) -> None:
        self._settings = dict(settings)
        self._clients: OrderedDict[str, Any] = OrderedDict()
        self._busy: dict[str, asyncio.Lock] = {}

    async def ohlcv(
        self, exchange: str, symbol: str, timeframe: str, since_ms: int, limit: int
    ) -> list[list[float]]:
        """Candles, oldest first: start in ms, open, high, low, close, volume in base units."""
        limit = min(limit, MOST_CANDLES)

        async def ask(client: Any) -> Any:
            if client.timeframes and timeframe not in client.timeframes:
                raise ConfigError(
                    f"timeframe: {exchange} has no {timeframe!r}; allowed: {', '.join(client.timeframes)}"
                )
            return await client.fetch_ohlcv(symbol, timeframe, since_ms or None, limit)

        found: list[list[float]] = await self._ask(exchange, symbol, ask)
        return found

    async def trades(self, exchange: str, symbol: str, since_ms: int, limit: int) -> list[dict[str, Any]]:
        """ccxt's unified trades, oldest first, their amount in base units also where contracts are traded."""

        async def ask(client: Any) -> Any:
            rows = await client.fetch_trades(symbol, since_ms or None, min(limit, MOST_CANDLES))
            return [_in_base(row, client.market(symbol)) for row in rows]

        found: list[dict[str, Any]] = await self._ask(exchange, symbol, ask)
        return found

    async def ticker(self, exchange: str, symbol: str) -> dict[str, Any]:
        """ccxt's unified ticker, without what the exchange said literally."""
        found = await self._ask(exchange, symbol, lambda client: client.fetch_ticker(symbol))
        return {name: value for name, value in found.items() if name != "info"}

    async def balance(self, exchange: str) -> dict[str, dict[str, float | None]]:
        """By asset: free, used, total; assets of which nothing is held are left out."""
        settings = self._settings.get(exchange)
        if settings is None or not settings.api_key:
            raise ConfigError(f"exchange: no key; `crosstape keys add NAME --venue {exchange}` keeps one")
        found = await self._ask(exchange, "", lambda client: client.fetch_balance())
        names = [name for name, total in found["total"].items() if total]
        return {n: {part: found[part].get(n) for part in ("free", "used", "total")} for n in sorted(names)}

    async def opened(self, exchange: str, symbols: Sequence[str]) -> Any:
        """The exchange's client, its markets loaded; ConfigError for a symbol that it does not list."""
        client = await self._client(exchange)
        with _translated(exchange):
            markets = await client.load_markets()
        for symbol in symbols:
            if symbol not in markets:
                raise ConfigError(
                    f"ccxt.{exchange}.symbols: {symbol!r} is not listed; such as {_few(markets)} are"
                )
        return client

    async def asked(self, exchange: str, ask: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What a question to a client gives; ccxt's errors as ours."""
        with _translated(exchange):
            return await ask()

    async def close(self) -> None:
        """Close every client."""
        clients = list(self._clients.values())
        self._clients.clear()
        await asyncio.gather(*(client.close() for client in clients), return_exceptions=True)

    async def _ask(self, exchange: str, symbol: str, ask: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        client = await self._client(exchange)
        with _translated(exchange):
            async with asyncio.timeout(self._of(exchange).timeout_s * 3):
                markets = await client.load_markets()
                if symbol and symbol not in markets:
                    raise ConfigError(
                        f"symbol: {exchange} has no {symbol!r}; it lists {len(markets)} such as {_few(markets)}"
                    )
                return await ask(client)

    async def _client(self, exchange: str) -> Any:
        async with self._busy.setdefault("open", asyncio.Lock()):
            client = self._clients.get(exchange)
            if client is None:
                # Importing ccxt takes seconds; in a thread the loop goes on meanwhile.
                client = await asyncio.to_thread(_made, exchange, self._of(exchange))
                self._clients[exchange] = client
            self._clients.move_to_end(exchange)
            if len(self._clients) > MOST_OPEN:
                # Those that are taken live stay.
                rested = next((n for n in self._clients if not self._of(n).symbols), exchange)
                await self._clients.pop(rested).close()
        return client

    def _of(self, exchange: str) -> ExchangeSettings:
        return self._settings.get(exchange, ExchangeSettings())


def _made(exchange: str, settings: ExchangeSettings) -> Any:
    try:
        ccxt = importlib.import_module("ccxt.async_support")
    except ImportError as error:
        raise ConfigError("other exchanges need one more package: install crosstape[exchanges]") from error
    if exchange not in ccxt.exchanges:
        raise ConfigError(f"exchange: {exchange[:60]!r} is none of the {len(ccxt.exchanges)} that ccxt knows")
    keys = {
        "apiKey": settings.api_key,
        "secret": settings.secret,
        "password": settings.password,
        "uid": settings.uid,
    }
    # The same class with sockets beside, where there are any.
    pro = importlib.import_module("ccxt.pro")
    client = getattr(pro if exchange in pro.exchanges else ccxt, exchange)(
        {"enableRateLimit": True, "timeout": int(settings.timeout_s * 1e3), **{k: v for k, v in keys.items() if v}}
    )
    if settings.sandbox:
        client.set_sandbox_mode(True)
    if settings.rest:
        client.urls["api"] = moved(client.urls["api"], settings.rest.rstrip("/"), settings.stream.rstrip("/"))
    return client


def moved(addresses: Any, rest: str, stream: str = "") -> Any:
    """ccxt's addresses, however deep they lie, at other hosts; their paths stay."""
    if isinstance(addresses, dict):
        return {name: moved(address, rest, stream) for name, address in addresses.items()}
    if not isinstance(addresses, str):
        return addresses
    host = stream if addresses.startswith("ws") else rest
    return host + urlsplit(addresses).path if host else addresses


@contextlib.contextmanager
def _translated(exchange: str) -> Iterator[None]:
    """ccxt's errors as ours. Its messages may hold the signed address that was asked: only their kind is told."""
    import ccxt

    try:
        yield
    except (ccxt.BadSymbol, ccxt.BadRequest, ccxt.NotSupported) as error:
        raise ConfigError(f"{exchange} cannot answer that: {type(error).__name__}") from error
    except (ccxt.BaseError, TimeoutError, OSError) as error:
        raise RemoteError(f"{exchange} did not answer: {type(error).__name__}") from error


def _in_base(row: dict[str, Any], market: Mapping[str, Any]) -> dict[str, Any]:
    """A contract is worth so much of the base, or, of an inverse one, of the quote."""
    amount, size = row.get("amount"), float(market.get("contractSize") or 1.0)
    if amount is None or not market.get("contract"):
        return row
    price = float(row["price"]) if market.get("inverse") else 1.0
    return {**row, "amount": float(amount) * size / price}


def _few(markets: Mapping[str, Any]) -> str:
    return ", ".join(list(markets)[:5])
