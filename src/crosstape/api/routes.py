"""The route table: an endpoint is a function and a row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from crosstape.api import (
    metrics,
    routes_account,
    routes_across,
    routes_audit,
    routes_cache,
    routes_credentials,
    routes_events,
    routes_markets,
    routes_own,
    routes_past,
    routes_push,
    routes_quality,
    routes_remote,
    routes_replay,
    routes_sql,
    routes_streams,
    routes_system,
)
from crosstape.api.context import Answer, Ask, Context
from crosstape.api.ports import Role
from crosstape.api.query import (
    Across,
    Audited,
    Bars,
    Deep,
    Described,
    Filtered,
    Liquidated,
    Listed,
    MarketMaking,
    OfAccount,
    OfAssets,
    OneAsset,
    Own,
    Query,
    Ranked,
    Recent,
    Sampled,
    Trusted,
)

Endpoint = Callable[[Context, Ask[Any]], Awaitable[Answer]]
V1 = "/api/v1"


class Route(msgspec.Struct, frozen=True):
    """path     one {variable} at most; it may contain slashes
    kept     its answer holds until the next view, whoever asks
    role     the least a caller needs; None = open without a key
    also     answers besides 200 and the ones every endpoint may give
    takes    what its body is decoded into
    media    of an answer that is not JSON
    upload   its body may have `max_upload` bytes
    reads    changes nothing, whatever its method: not in the audit log
    """

    path: str
    call: Endpoint
    query: type[Query] = Query
    method: str = "GET"
    kept: bool = False
    role: Role | None = Role.VIEWER
    also: tuple[int, ...] = ()
    takes: Any = dict[str, Any]
    media: str = ""
    reads: bool = False
    upload: bool = False

    @property
    def prefix(self) -> str:
        """In front of the variable."""
        return self.path.partition("{")[0]

    @property
    def variable(self) -> str:
        """The variable's name, or ""."""
        return self.path.partition("{")[2].partition("}")[0]

    @property
    def suffix(self) -> str:
        """Behind the variable."""
        return self.path.partition("}")[2]


# fmt: off
ROUTES: tuple[Route, ...] = (
    Route("/health", routes_system.health, role=None),
    Route("/ready", routes_system.ready, role=None, also=(503,)),
    Route("/metrics", metrics.metrics, media="text/plain"),
    Route(f"{V1}/status", routes_system.status, kept=True),
    Route(f"{V1}/admin/system", routes_system.admin_system, role=Role.ADMIN),
    Route(f"{V1}/quality", routes_quality.quality, Trusted),
    Route(f"{V1}/kpis", routes_quality.key_figures),
    Route(f"{V1}/venues", routes_system.venues, kept=True),
    Route(f"{V1}/columns", routes_markets.columns, Described, kept=True),
    Route(f"{V1}/filters", routes_markets.filters, kept=True),
    Route(f"{V1}/instruments", routes_markets.instruments, Filtered, kept=True),
    Route(f"{V1}/markets", routes_markets.markets, Listed, kept=True),
    Route(f"{V1}/markets/{{id}}", routes_markets.market, kept=True, also=(404,)),
    Route(f"{V1}/markets/{{id}}/book", routes_events.book, Deep, also=(404,)),
    Route(f"{V1}/markets/{{id}}/trades", routes_events.trades, Recent, kept=True, also=(404,)),
    Route(f"{V1}/markets/{{id}}/candles", routes_events.candles, Bars, kept=True, also=(404,)),
    Route(f"{V1}/markets/{{id}}/series", routes_events.series, Sampled, kept=True, also=(404,)),
    Route(f"{V1}/boards", routes_markets.boards, kept=True),
    Route(f"{V1}/boards/{{name}}", routes_markets.board, Ranked, kept=True, also=(404,)),
    Route(f"{V1}/leaderboards/{{name}}", routes_markets.board, Ranked, kept=True, also=(404,)),
    Route(f"{V1}/assets", routes_markets.assets, OfAssets, kept=True),
    Route(f"{V1}/assets/{{asset}}", routes_markets.asset, OneAsset, kept=True, also=(404,)),
    Route(f"{V1}/assets/{{asset}}/candles", routes_events.asset_candles, Bars, kept=True, also=(404,)),
    Route(f"{V1}/overview", routes_across.overview, kept=True),
    Route(f"{V1}/spreads", routes_across.spreads, Across, kept=True),
    Route(f"{V1}/funding", routes_across.funding, Across, kept=True),
    Route(f"{V1}/liquidations", routes_events.liquidations, Liquidated, kept=True, also=(404,)),
    Route(f"{V1}/cache/stats", routes_cache.stats),
    Route(f"{V1}/ohlcv", routes_remote.ohlcv, routes_remote.Ohlcv, also=(404, 502)),
    Route(f"{V1}/ticker", routes_remote.ticker, routes_remote.OfSymbol, also=(404, 502)),
    Route(f"{V1}/balance", routes_remote.balance, routes_remote.OfExchange, role=Role.TRADER, also=(404, 502)),
    Route(f"{V1}/history", routes_past.history, routes_past.Searched),
    Route(f"{V1}/streams", routes_streams.streams),
    Route(f"{V1}/streams/file", routes_streams.load, routes_streams.File, method="POST", role=Role.TRADER,
          also=(409, 413), takes=bytes, upload=True),
    Route(f"{V1}/streams/preview", routes_streams.look, routes_streams.File, method="POST", role=Role.TRADER,
          also=(409, 413), takes=bytes, upload=True, reads=True),
    Route(f"{V1}/streams/api", routes_streams.fetch, method="POST", role=Role.TRADER, also=(404, 409, 413, 502),
          takes=routes_streams.Fetching),
    Route(f"{V1}/streams/{{stream}}", routes_streams.stream, also=(404,)),
    Route(f"{V1}/streams/{{stream}}/trades", routes_streams.trades, Recent, also=(404, 409)),
    Route(f"{V1}/streams/{{stream}}", routes_streams.remove, method="DELETE", role=Role.TRADER, also=(404,)),
    Route(f"{V1}/ticks", routes_push.tick, method="POST", role=Role.TRADER, also=(413,), takes=routes_push.Given),
    Route(f"{V1}/ticks/batch", routes_push.batch, method="POST", role=Role.TRADER, also=(413,),
          takes=routes_push.Batch, upload=True),
    Route(f"{V1}/prefs", routes_system.prefs),
    Route(f"{V1}/prefs", routes_system.put_prefs, method="PUT", also=(413,)),
    Route(f"{V1}/account", routes_account.account, OfAccount, role=Role.TRADER, also=(404,)),
    Route(f"{V1}/stats", routes_own.stats, Own, also=(413,)),
    Route(f"{V1}/profile", routes_own.profile, Own, also=(413,)),
    Route(f"{V1}/mm/stats", routes_own.mm_stats, MarketMaking, also=(413,)),
    Route(f"{V1}/mm/sessions", routes_own.mm_sessions, MarketMaking, also=(413,)),
    Route(f"{V1}/credentials", routes_credentials.credentials, role=Role.ADMIN, also=(409,)),
    Route(f"{V1}/credentials", routes_credentials.keep, method="POST", role=Role.ADMIN, also=(409, 413),
          takes=routes_credentials.Kept),
    Route(f"{V1}/credentials/{{name}}", routes_credentials.remove, method="DELETE", role=Role.ADMIN,
          also=(404, 409)),
    Route(f"{V1}/credentials/{{name}}/test", routes_credentials.test, method="POST", role=Role.ADMIN,
          also=(404, 409)),
    Route(f"{V1}/audit", routes_audit.audit, Audited, role=Role.ADMIN),
    Route(f"{V1}/query", routes_sql.query, method="POST", also=(408, 409, 413), takes=routes_sql.Question,
          reads=True),
    Route(f"{V1}/query", routes_sql.query, method="POST", also=(408, 409, 413), takes=routes_sql.Question),
    Route(f"{V1}/sql/boards", routes_sql.sql_boards, also=(409,)),
    Route(f"{V1}/sql/boards/{{name}}", routes_sql.sql_board, also=(404, 409)),
    Route(f"{V1}/sql/boards/{{name}}", routes_sql.put_sql_board, method="PUT", role=Role.TRADER, also=(409, 413),
          takes=routes_sql.Written),
    Route(f"{V1}/sql/boards/{{name}}", routes_sql.delete_sql_board, method="DELETE", role=Role.TRADER,
          also=(404, 409)),
    Route(f"{V1}/tapes", routes_replay.tapes, also=(409,)),
    Route(f"{V1}/replay", routes_replay.replay, also=(409,)),
    Route(f"{V1}/replay", routes_replay.control, method="POST", also=(409, 413), takes=routes_replay.Control),
    Route(f"{V1}/replays", routes_replay.replays, also=(409,)),
    Route(f"{V1}/replays", routes_replay.open_replay, method="POST", also=(404, 409, 413),
          takes=routes_replay.Opening),
    Route(f"{V1}/replays/{{replay}}", routes_replay.one_replay, also=(404, 409)),
    Route(f"{V1}/replays/{{replay}}", routes_replay.end_replay, method="DELETE", also=(404, 409)),
)
# fmt: on


def matching(method: str, prefix: str, rest: str, known: Callable[[str], bool]) -> tuple[Route, str] | None:
    """The route below a prefix, and its variable. A name that is known whole wins over one with a suffix."""
    below = [route for route in ROUTES if route.prefix == prefix and route.variable and route.method == method]
    plain = [route for route in below if not route.suffix]
    if plain and known(rest):
        return plain[0], rest
    for route in below:
        if route.suffix and rest.endswith(route.suffix) and len(rest) > len(route.suffix):
            return route, rest.removesuffix(route.suffix)
    return (plain[0], rest) if plain else None


def role_of(method: str, path: str) -> Role | None:
    """The least a caller needs for what is served there; None = nothing special."""
    pattern = pattern_of(path)
    return next((route.role for route in ROUTES if (route.path, route.method) == (pattern, method)), None)


def pattern_of(path: str) -> str:
    """The route an address belongs to, for counting; "pages" and "other" for what is none of the table's."""
    if path in EXACT:
        return path
    for route in BELOW:
        if path.startswith(route.prefix) and path.endswith(route.suffix):
            return route.path
    return "pages" if path == "/" or path.startswith(("/static/", "/schema")) else "other"


EXACT = frozenset(route.path for route in ROUTES if not route.variable)
# Those with a suffix first: they are the narrower ones.
BELOW = (*(r for r in ROUTES if r.variable and r.suffix), *(r for r in ROUTES if r.variable and not r.suffix))
