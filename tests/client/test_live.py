"""Live subscriptions: what is put together is the view; connections that break come back where they were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from crosstape.api import ApiSettings
from crosstape.api.catalogue import TOPICS
from crosstape.client import AsyncClient, Refused, Unreachable, topics
from crosstape.client.merged import EventState, Table, TableState
from crosstape.client.results import Candle, Status, Trade
from crosstape.client.stream import Subscription
from crosstape.engine.view import View
from support.served import Stage, all_views, staged

BTC = "bybit-linear:BTCUSDT"
PATIENCE_S = 30.0


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged() as stage:
        yield stage


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(f"http://127.0.0.1:{stage.port}") as client:
        yield client


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not done():
            await asyncio.sleep(0.01)


async def value_when(subscription: Subscription[Any], good: Callable[[Any], bool]) -> Any:
    """The first value that is good."""
    async with asyncio.timeout(PATIENCE_S):
        async for value in subscription:
            if good(value):
                return value


def at(view: View) -> Callable[[Any], bool]:
    """Whether a value is as of this view."""
    return lambda value: int(value.ts_ms) == view.ts // 1_000_000


def same(table: Table, view: View, rows: Any) -> None:
    """The table holds exactly these rows of the view."""
    known = view.rows.instruments
    assert list(table.ids) == [known[row].id for row in rows]  # type: ignore[union-attr]
    for name, values in table.columns.items():
        np.testing.assert_array_equal(values, view.columns[name][rows].astype(values.dtype))
    np.testing.assert_array_equal(table.quality, view.quality[rows])


def test_every_topic_has_a_function() -> None:
    names = set()
    for make in topics.ALL:
        given = {"id": "{id}", "name": "{name}", "asset": "{asset}", "tf": "{tf}"}
        code = make.__code__
        names.add(make(**{key: given[key] for key in code.co_varnames[: code.co_argcount] if key in given}).name)
    assert names == set(TOPICS)


async def test_snapshot_and_deltas_are_the_view(client: AsyncClient, stage: Stage) -> None:
    board = client.open(topics.board("turnover_24h", n=10))
    markets = client.open(topics.markets(columns=("last", "bid", "change_24h", "age_ms")))
    for _ in range(8):
        view = await stage.tick()
        same(
            await value_when(board, at(view)),
            view, view.boards["turnover_24h"].rows[:10],
        )  # fmt: skip
        table = await value_when(markets, at(view))
        same(table, view, np.flatnonzero(view.rows.alive))
    frame = table.polars()
    assert frame.columns == ["id", "quality", "last", "bid", "change_24h", "age_ms"]
    assert table.units["last"] == "price"


async def test_events_are_all_told_once(client: AsyncClient, stage: Stage) -> None:
    subscription = client.open(topics.trades(BTC, n=500))
    told: list[Trade] = []
    first = await value_when(subscription, lambda events: True)
    assert first.snapshot
    told += first.rows
    while (view := await stage.tick()).number < 30:
        pass
    row = view.rows.index[BTC]
    wanted = [t.id for t in stage.hub.trades.of(row, 500)]
    async with asyncio.timeout(PATIENCE_S):
        async for events in subscription:
            told += events.rows
            if len(told) >= len(wanted):
                break
    assert [trade.id for trade in told] == wanted
    assert not events.dropped


async def test_a_book_and_the_status(client: AsyncClient, stage: Stage) -> None:
    book, status = client.open(topics.book(BTC, n=5)), client.open(topics.status())
    await until(lambda: book.held)
    for _ in range(3):
        view = await stage.tick()
    copy = view.books[view.rows.index[BTC]]
    found = await value_when(book, at(view))
    assert found.synced
    assert list(found.bids) == copy.bids[:5]
    assert list(found.asks) == copy.asks[:5]
    await stage.tick(10)
    assert isinstance(await value_when(status, lambda s: s.digest != ""), Status)


async def test_a_slow_reader_gets_the_newest(client: AsyncClient, stage: Stage) -> None:
    subscription = client.open(topics.markets(columns=("last",)))
    await value_when(subscription, lambda table: True)
    for _ in range(15):
        view = await stage.tick()
    await until(lambda: at(view)(subscription.merging))
    same(await anext(subscription), view, np.flatnonzero(view.rows.alive))
    assert subscription.poll() is None


async def test_a_wrong_topic_is_refused_in_the_servers_words(client: AsyncClient) -> None:
    with pytest.raises(Refused, match="did you mean last"):
        await anext(client.subscribe(topics.markets(columns=("lats",))))  # type: ignore[arg-type]
    with pytest.raises(Refused, match="nearest: gainers_5m"):
        await anext(client.subscribe(topics.board("gainer_5m")))  # type: ignore[arg-type]
    assert client.stream.subscriptions == {}


async def cut(client: AsyncClient) -> None:
    """The network fails."""
    ws = client.stream._ws
    assert ws is not None
    transport = ws._response.connection.transport  # type: ignore[union-attr]
    transport.abort()
    await until(lambda: client.stream._ws is not ws)


async def test_a_broken_connection_goes_on_where_it_was(client: AsyncClient, stage: Stage) -> None:
    table, trades = client.open(topics.markets(columns=("last",))), client.open(topics.trades(BTC))
    first = await value_when(trades, lambda events: True)
    told = [t.id for t in first.rows]
    before = (await value_when(table, lambda t: len(t) > 0)).seq
    kinds: list[int] = []
    taken = table.merging.take_frame
    table.merging.take_frame = lambda frame: (kinds.append(frame[1]), taken(frame))[1]  # type: ignore[method-assign]
    await cut(client)
    for _ in range(4):
        view = await stage.tick()
    await until(lambda: client.stream.state == "open")
    view = await stage.tick()
    found = await value_when(table, at(view))
    same(found, view, np.flatnonzero(view.rows.alive))
    assert found.seq == before + 5
    assert set(kinds) == {2}, "deltas only: it was resumed"
    wanted = [t.id for t in stage.hub.trades.of(view.rows.index[BTC], 500)]
    while told[-1] != wanted[-1]:
        async with asyncio.timeout(PATIENCE_S):
            told += [t.id for t in (await anext(trades)).rows]
    assert told == wanted[-len(told) :]


async def test_a_server_that_is_restarted(client: AsyncClient) -> None:
    async with AsyncClient("http://127.0.0.1:1") as nobody:
        waiting = nobody.open(topics.markets())
        await until(lambda: nobody.stream.state == "waiting")
        assert "refused" in nobody.stream.error.lower() or "connect" in nobody.stream.error.lower()
        with pytest.raises(Unreachable):
            await nobody.health()
        assert waiting.poll() is None
    async with staged() as first:
        settings = ApiSettings(port=first.port)
        desk = AsyncClient(f"http://127.0.0.1:{first.port}")
        subscription = desk.open(topics.markets(columns=("last",)))
        market = desk.open(topics.market(BTC, columns=("last",)))
        before = await value_when(subscription, lambda t: len(t) > 0)
        await value_when(market, lambda t: len(t) == 1)
    try:
        await until(lambda: desk.stream.state in ("waiting", "connecting"))
        async with staged(settings, ticks=0) as second:
            # Before the first view every subscription is refused as "not ready", and asked for again.
            await until(lambda: desk.stream.state == "open")
            view = await second.tick(20)
            found = await value_when(subscription, lambda t: t.seq != before.seq and len(t) > 0)
            if not at(view)(found):
                found = await value_when(subscription, at(view))
            same(found, view, np.flatnonzero(view.rows.alive))
            assert await value_when(market, lambda t: len(t) == 1)
    finally:
        await desk.close()


def test_a_missing_batch_is_noticed() -> None:
    state = EventState("candles:x:1m", Candle)
    assert state.take({"kind": "snapshot", "seq": 5, "ts_ms": 1.0, "rows": []})
    assert not state.take({"kind": "delta", "seq": 7, "ts_ms": 1.0, "rows": []})
    assert state.take({"kind": "dropped", "dropped": 3})
    assert state.take({"kind": "delta", "seq": 9, "ts_ms": 1.0, "rows": []})
    assert state.value().dropped == 3


async def test_what_is_no_frame_is_an_error() -> None:
    state = TableState("markets")
    state.acknowledged({"schema": 1, "columns": [{"name": "last", "unit": "price", "type": "f64"}]})
    with pytest.raises(ValueError, match="shorter than its header"):
        state.take_frame(b"\x01\x01")


async def test_the_views_are_not_all_alike() -> None:
    """What the tests above compare differs from view to view."""
    views = all_views()
    assert len({msgspec.json.encode(v.columns["last"].tolist()) for v in views[10:20]}) == 10
