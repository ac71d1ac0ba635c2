"""A ccxt exchange as a configured source: polled and over sockets, replayed to the same views, back after a failure."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.app.others import run_exchanges
from crosstape.app.replaying import replay
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.machine import Machine
from crosstape.engine.settings import EngineSettings
from crosstape.engine.view import View
from crosstape.feeds.exchanges import Exchanges, ExchangeSettings
from crosstape.model.errors import WireError
from crosstape.model.event import BookSnapshot, Candle, Listed, Quote, Side, Ticker, Trade
from crosstape.model.frame import Frame, Kind
from crosstape.sim.server import SimSettings, serve
from crosstape.tape.reader import play
from crosstape.venues import READ
from crosstape.venues.ccxt import CCXT, decode
from support.running import run_until

PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
IDS = (f"ccxt:bybit:{PERP}", f"ccxt:bybit:{SPOT}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("sockets", [False, True], ids=["polled", "sockets"])
async def test_it_is_a_venue_like_any_other(sockets: bool, tmp_path: Path) -> None:
    async with serve(SimSettings(seed=3, assets=10, rate=600.0)) as simulation:
        urls = simulation.urls["bybit"]
        settings = ExchangeSettings(rest=urls.rest, stream=urls.ws, symbols=(PERP, SPOT), every_s=0.5,
                                    sockets=sockets)  # fmt: skip
        config = Config(
            data=str(tmp_path), tape=TapeSettings(folder=str(tmp_path / "tape")), ccxt={"bybit": settings}
        )
        live, views = Live(config, ()), list[View]()
        exchanges = Exchanges(config.ccxt)
        live.open(EngineSettings(mode="simulated"), views.append)
        running = asyncio.create_task(run_exchanges(live, exchanges))

        def complete() -> bool:
            view = views[-1]
            rows = [view.rows.index.get(id, -1) for id in IDS]
            wanted = ("last", "bid", "ask", "turnover_24h")
            return (
                min(rows) >= 0 and all(view.columns[n][r] > 0 for n in wanted for r in rows) and traded(views) > 20
            )

        try:
            await run_until(live, views, complete)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await exchanges.close()
        assert complete()
        view = views[-1]
        perp = view.rows.instruments[view.rows.index[IDS[0]]]
        assert perp is not None
        assert (perp.kind.value, perp.base, perp.quote) == ("PERP", "BTC", "USDT")
        ids = [(r, e.id) for v in views for r, e in v.events if type(e) is Trade]
        assert len(ids) == len(set(ids)), "a trade that is told again is the same trade"
        again: list[View] = []
        replay(play(tmp_path / "tape"), Machine(READ), again.append)
        digests = {view.number: view.digest for view in again}
        assert all(digests[view.number] == view.digest for view in views)


def traded(views: list[View]) -> int:
    return sum(type(event) is Trade for view in views for _, event in view.events)


@pytest.mark.filterwarnings("ignore")
async def test_it_comes_back_after_a_failure(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = ExchangeSettings(rest=f"http://127.0.0.1:{port}", symbols=(SPOT,), channels=("ticker",), every_s=0.2,
                                sockets=False)  # fmt: skip
    config = Config(data=str(tmp_path), tape=TapeSettings(record=False), ccxt={"bybit": settings})
    live, exchanges, views = Live(config, ()), Exchanges(config.ccxt), list[View]()
    live.open(EngineSettings(mode="simulated"), views.append)
    running = [
        asyncio.create_task(run_exchanges(live, exchanges)),
        asyncio.create_task(live.run(live.pump(views.append, frozenset))),
    ]

    def is_open() -> bool:
        source = live.machine.state.sources.get("ccxt/0")
        return source is not None and source.is_open

    try:
        for _ in range(2):
            async with serve(SimSettings(seed=3, assets=10, rate=300.0, port=port)):
                await until(is_open)
            await until(lambda: not is_open())
        assert live.machine.state.sources["ccxt/0"].conn >= 2
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await exchanges.close()


async def until(done: Any) -> None:
    async with asyncio.timeout(60):
        while not done():
            await asyncio.sleep(0.02)


def test_every_channel_says_what_it_means() -> None:
    def read(channel: str, data: str) -> Any:
        return decode(f'{{"channel":"{channel}","symbol":"kraken:BTC/USD","data":{data}}}'.encode())

    (trade,) = read("trades", '[{"timestamp":5,"price":10.5,"amount":2,"side":"sell","id":"7"},{"price":null}]')
    assert trade == Trade("kraken:BTC/USD", 5_000_000, 10.5, 2.0, Side.SELL, "7")
    (unsided,) = read("trades", '[{"timestamp":5,"price":10.5,"amount":2}]')
    assert unsided.block, "kept out of flow: nobody says who was the taker"
    ticker, quote = read(
        "ticker", '{"last":10.5,"bid":10,"bidVolume":1,"ask":11,"percentage":-2.5,"quoteVolume":9}'
    )
    assert (type(ticker), ticker.last, ticker.turnover, ticker.change) == (Ticker, 10.5, 9.0, -0.025)
    assert (type(quote), quote.bid, quote.ask, quote.lagging) == (Quote, 10.0, 11.0, True)
    (book,) = read("book", '{"bids":[[10,1]],"asks":[[11,2,99]],"nonce":null,"timestamp":null}')
    assert (type(book), book.bids, book.asks) == (BookSnapshot, [(10.0, 1.0)], [(11.0, 2.0)])
    (candle,) = read("ohlcv", "[[60000,1,3,1,2,10],[120000,2,2,2,2,1]]")
    assert (type(candle), candle.ts_event, candle.high, candle.repaired) == (Candle, 60_000_000_000, 3.0, True)
    (listed,) = read("market", '{"base":"BTC","quote":"USD","type":"swap","contractSize":100,"inverse":true}')
    assert type(listed) is Listed
    assert (listed.instrument.kind.value, listed.instrument.contract, listed.instrument.inverse) == (
        "PERP",
        100.0,
        True,
    )
    assert not read("news", "{}")


@pytest.mark.parametrize(("inverse", "traded"), [(False, 0.02), (True, 0.002)])
def test_trades_count_contracts_and_candles_base_units(inverse: bool, traded: float) -> None:
    """ccxt's rule; both come out in base units."""
    machine, said = Machine([CCXT]), []
    contract = {"base": "BTC", "quote": "USD", "type": "swap", "contractSize": 0.01, "inverse": inverse}
    bars = [[60_000, 10, 10, 10, 10, 3.0], [120_000, 10, 10, 10, 10, 1.0]]
    trades = [{"timestamp": 200_000, "price": 10, "amount": 2, "side": "buy", "id": "7"}]
    for n, (channel, data) in enumerate((("market", contract), ("ohlcv", bars), ("trades", trades))):
        payload = msgspec.json.encode({"channel": channel, "symbol": "okx:BTC", "data": data})
        machine.feed(Frame(n, 210 * 10**9, "ccxt/0", 1, Kind.DATA, "", 0, "", payload))
        said += machine.state.events
        machine.state.events = []
    (candle,) = [e for _, e in said if isinstance(e, Candle)]
    (trade,) = [e for _, e in said if isinstance(e, Trade)]
    assert (candle.volume, candle.turnover) == (3.0, 30.0)
    assert trade.size == pytest.approx(traded)


@given(
    st.binary(max_size=200)
    | st.sampled_from([b'{"channel":"book","symbol":"x","data":{"bids":[["a"]],"asks":[]}}'])
)
def test_bytes_that_are_nothing_are_a_wire_error(payload: bytes) -> None:
    try:
        assert decode(payload) == []
    except WireError as error:
        assert str(error)  # noqa: PT017
