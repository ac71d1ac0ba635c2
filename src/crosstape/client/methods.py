"""Every endpoint as a method of both clients: written once, typed for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

from crosstape.client import credentials as keys
from crosstape.client import endpoints as of
from crosstape.client import records, remote
from crosstape.client import sql as queries
from crosstape.client import streams as inflow
from crosstape.client.endpoints import Request

P = ParamSpec("P")
T = TypeVar("T")


class Method(Generic[P, T]):
    """Asks what `make` says."""

    def __init__(self, make: Callable[P, Request[T]]) -> None:
        self.make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: AtOnce, owner: Any) -> Callable[P, T]: ...

    @overload
    def __get__(self, client: Awaited, owner: Any) -> Callable[P, Awaitable[T]]: ...

    @overload
    def __get__(self, client: None, owner: Any) -> Method[P, T]: ...

    def __get__(self, client: Any, owner: Any) -> Any:
        if client is None:
            return self

        def call(*given: P.args, **named: P.kwargs) -> Any:
            return client.send(self.make(*given, **named))

        call.__doc__, call.__name__ = self.__doc__, self.make.__name__
        return call


class Methods:
    """What a crosstape can be asked."""

    health = Method(of.health)
    ready = Method(of.ready)
    status = Method(of.status)
    quality = Method(of.quality)
    kpis = Method(of.kpis)
    venues = Method(of.venues)
    filters = Method(of.filters)
    columns = Method(of.columns)
    instruments = Method(of.instruments)
    markets = Method(of.markets)
    market = Method(of.market)
    book = Method(of.book)
    trades = Method(of.trades)
    candles = Method(of.candles)
    series = Method(of.series)
    boards = Method(of.boards)
    board = Method(of.board)
    leaderboard = Method(of.leaderboard)
    assets = Method(of.assets)
    asset = Method(of.asset)
    asset_candles = Method(of.asset_candles)
    overview = Method(of.overview)
    spreads = Method(of.spreads)
    funding = Method(of.funding)
    liquidations = Method(of.liquidations)
    audit = Method(records.audit)
    credentials = Method(keys.credentials)
    keep_credential = Method(keys.keep_credential)
    try_credential = Method(keys.try_credential)
    remove_credential = Method(keys.remove_credential)
    account = Method(records.account)
    stats = Method(records.stats)
    profile = Method(records.profile)
    mm_stats = Method(records.mm_stats)
    mm_sessions = Method(records.mm_sessions)
    prefs = Method(of.prefs)
    put_prefs = Method(of.put_prefs)
    tapes = Method(of.tapes)
    replay = Method(of.replay)
    control = Method(of.control)
    replays = Method(of.replays)
    open_replay = Method(of.open_replay)
    one_replay = Method(of.one_replay)
    end_replay = Method(of.end_replay)
    sql = Method(queries.sql)
    sql_bytes = Method(queries.sql_bytes)
    admin_system = Method(records.admin_system)
    sql_boards = Method(queries.sql_boards)
    sql_board = Method(queries.sql_board)
    put_sql_board = Method(queries.put_sql_board)
    delete_sql_board = Method(queries.delete_sql_board)
    cache_stats = Method(remote.cache_stats)
    history = Method(inflow.history)
    streams = Method(inflow.streams)
    one_stream = Method(inflow.one_stream)
    stream_trades = Method(inflow.stream_trades)
    end_stream = Method(inflow.end_stream)
    import_file = Method(inflow.import_file)
    preview_file = Method(inflow.preview_file)
    fetch_history = Method(inflow.fetch_history)
    push_tick = Method(inflow.push_tick)
    push_ticks = Method(inflow.push_ticks)
    ohlcv = Method(remote.ohlcv)
    ticker = Method(remote.ticker)
    balance = Method(remote.balance)


class Awaited(Methods):
    """A client whose methods are awaited."""


class AtOnce(Methods):
    """A client whose methods answer at once."""
