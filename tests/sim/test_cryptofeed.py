"""cryptofeed is a client of the simulators by address alone, behind TLS because it takes no other address."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crosstape.sim.server import SimSettings, serve
from support.tls import encrypted

BOUND_S = 120.0
# It does not know Binance's routes: each is a client of its own.
VENUES = {
    "bybit": ("Bybit", ("BTC-USDT-PERP", "ETH-USDT-PERP"), ("l2_book", "trades")),
    "binance/public": ("BinanceFutures", ("BTC-USDT-PERP", "ETH-USDC-PERP"), ("l2_book", "ticker")),
    "binance/market": ("BinanceFutures", ("BTC-USDT-PERP", "ETH-USDC-PERP"), ("trades",)),
    "binance/": ("Binance", ("BTC-USDT", "ETH-USDT"), ("l2_book", "trades", "ticker")),
    "okx": ("OKX", ("BTC-USDT-PERP", "ETH-USDT"), ("l2_book", "trades", "ticker")),
}


def pointed(kind: Any, rest: str, where: Callable[[str], str], tls: ssl.SSLContext) -> Any:
    """The exchange at other addresses."""

    class Pointed(kind):  # type: ignore[misc]
        websocket_endpoints = [  # noqa: RUF012
            dataclasses.replace(e, address=where(e.address), options={"compression": None, "ssl": tls})
            for e in kind.websocket_endpoints
            if "private" not in e.address
        ]
        rest_endpoints = [dataclasses.replace(e, address=rest) for e in kind.rest_endpoints]  # noqa: RUF012

        @classmethod
        def _parse_symbol_data(cls, data: Any) -> Any:
            # It cannot read the names of Bybit's dated futures, nor of the real ones.
            for page in data if kind.id == "BYBIT" else ():
                rows = page["result"]["list"]
                page["result"]["list"] = [row for row in rows if "Futures" not in row.get("contractType", "")]
            return super()._parse_symbol_data(data)

    return Pointed


class Heard:
    """What came, by channel and symbol; the newest book of each symbol."""

    def __init__(self) -> None:
        self.count: Counter[tuple[str, str]] = Counter()
        self.tops: dict[str, tuple[float, float]] = {}

    def on(self, channel: str) -> Any:
        async def take(found: Any, ts: float) -> None:
            self.count[channel, found.symbol] += 1
            if channel == "l2_book":
                self.tops[found.symbol] = (float(found.book.bids.index(0)[0]), float(found.book.asks.index(0)[0]))

        return take


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("client", VENUES)
async def test_books_trades_and_tickers(client: str, tmp_path: Path) -> None:
    exchanges = pytest.importorskip("cryptofeed.exchanges")
    kind, symbols, channels = VENUES[client]
    name, _, route = client.partition("/")
    heard, wanted = Heard(), {(channel, symbol) for channel in channels for symbol in symbols}
    async with contextlib.AsyncExitStack() as stack:
        simulation = await stack.enter_async_context(
            serve(SimSettings(venues=(name,), seed=3, assets=12, rate=1500.0))
        )
        urls = simulation.urls[name]
        plain = urlsplit(urls.ws)
        assert plain.port is not None
        port, tls = await stack.enter_async_context(encrypted(plain.port, tmp_path))
        where = {
            "bybit": lambda address: f"wss://127.0.0.1:{port}{urlsplit(address).path}",
            "binance": lambda address: f"wss://127.0.0.1:{port}/{route}".rstrip("/"),
            "okx": lambda address: f"wss://127.0.0.1:{port}/ws/v5/public",
        }[name]
        made = pointed(getattr(exchanges, kind), urls.rest, where, tls)
        # Its constructor asks for the catalogue and waits for the answer.
        feed = await asyncio.to_thread(
            made, symbols=list(symbols), channels=list(channels), callbacks={c: heard.on(c) for c in channels}
        )
        feed.start(asyncio.get_running_loop())
        try:
            async with asyncio.timeout(BOUND_S):
                while min(heard.count[key] for key in wanted) < 5:
                    await asyncio.sleep(0.1)
        finally:
            feed.stop()
            await feed.shutdown()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                if "Feed" in repr(task.get_coro()) or "cryptofeed" in repr(task.get_coro()):
                    task.cancel()
    for bid, ask in heard.tops.values():
        assert bid < ask
