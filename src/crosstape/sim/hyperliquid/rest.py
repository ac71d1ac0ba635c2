"""Hyperliquid's POST /info over one world: a body in, native JSON out. Pure."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from crosstape.sim.answer import Answer
from crosstape.sim.hyperliquid.listing import DEX
from crosstape.sim.hyperliquid.native import (
    INTERVALS,
    MS,
    candle_rows,
    context,
    contexts,
    levels,
    meta,
    pairs,
    plain,
    spot_meta,
    trade_row,
)
from crosstape.sim.hyperliquid.stream import Stream

MOST_ROWS: Final = 500
MINUTE_NS: Final = 60_000 * MS
LIGHT: Final = ("l2Book", "allMids", "clearinghouseState", "spotClearinghouseState", "exchangeStatus")
UNREADABLE: Final = Answer(422, b"Failed to deserialize the JSON body into the target type")
VENUES: Final = {"binance": "BinPerp", "hyperliquid": "HlPerp", "bybit": "BybitPerp"}


class Wrong(Exception):
    """There is no such coin, or the body is not what the type takes."""


class Body(msgspec.Struct, rename="camel"):
    """What reads take; each takes some of it."""

    type: str = ""
    coin: str = ""
    dex: str | None = ""
    user: str = ""
    interval: str = "1h"
    start_time: int = 0
    end_time: int | None = None
    req: dict[str, Any] = {}


class Weights:
    """What was asked for within a minute."""

    def __init__(self) -> None:
        self.asked: deque[tuple[int, int]] = deque()
        self.sum = 0

    def over(self, now_ns: int, weight: int) -> bool:
        """Counts one more; whether that is more than 1 200."""
        while self.asked and self.asked[0][0] <= now_ns - MINUTE_NS:
            self.sum -= self.asked.popleft()[1]
        if self.sum + weight > 1200:
            return True
        self.asked.append((now_ns, weight))
        self.sum += weight
        return False


def answer(stream: Stream, weights: Weights, text: bytes) -> Answer:
    """Any body of a POST to /info."""
    try:
        body = msgspec.json.decode(text, type=Body)
    except msgspec.MsgspecError:
        return UNREADABLE
    if body.type not in READS:
        return UNREADABLE
    if weights.over(stream.world.now_ns, 2 if body.type in LIGHT else 20):
        return Answer(429, b"null")
    try:
        return Answer(200, msgspec.json.encode(READS[body.type](stream, body)))
    except msgspec.MsgspecError:
        return UNREADABLE
    except Wrong:
        return Answer(500, b"null")


def row_of(stream: Stream, body: Body) -> int:
    """The row of a request for one coin."""
    if body.coin not in stream.rows:
        raise Wrong(body.coin)
    return stream.rows[body.coin]


def dex_of(body: Body) -> str:
    """The dex of a request, their own when it names none."""
    if body.dex not in (None, "", DEX):
        raise Wrong(str(body.dex))
    return body.dex or ""


def one_meta(stream: Stream, body: Body) -> object:
    """`meta` of a dex."""
    return meta(stream.world, dex_of(body))


def meta_and_contexts(stream: Stream, body: Body) -> object:
    """A dex's coins, and their figures by place."""
    return [meta(stream.world, dex_of(body)), contexts(stream.world, dex_of(body))]


def all_metas(stream: Stream, body: Body) -> object:
    """`meta` of every dex."""
    return [meta(stream.world, dex) for dex in ("", DEX)]


def dexes(stream: Stream, body: Body) -> object:
    """Every dex; their own is null."""
    named = {"name": DEX, "fullName": "HyENA", "deployer": f"0x{7:040x}", "oracleUpdater": None}
    return [None, named | {"feeRecipient": f"0x{7:040x}", "assetToStreamingOiCap": []}]


def one_spot_meta(stream: Stream, body: Body) -> object:
    """Tokens and pairs."""
    return spot_meta(stream.world)


def spot_meta_and_contexts(stream: Stream, body: Body) -> object:
    """Tokens and pairs, and the pairs' figures."""
    world = stream.world
    return [spot_meta(world), [context(world, row) for _, row in pairs(world)]]


def book(stream: Stream, body: Body) -> object:
    """The book's top 20 levels."""
    row = row_of(stream, body)
    return {"coin": body.coin, "time": stream.world.now_ns // MS, "levels": levels(stream.world, row, 20)}


def recent_trades(stream: Stream, body: Body) -> object:
    """The newest trades since the start, newest first."""
    newest = list(stream.recent[row_of(stream, body)])[: -MOST_ROWS - 1 : -1]
    return [trade_row(stream.world, trade) for trade in newest]


def candle_snapshot(stream: Stream, body: Body) -> object:
    """Candles, oldest first."""
    asked = msgspec.convert(body.req, Body)
    if asked.interval not in INTERVALS:
        raise Wrong(asked.interval)
    end = stream.world.now_ns // MS if asked.end_time is None else asked.end_time
    return candle_rows(stream.world, row_of(stream, asked), asked.interval, asked.start_time, end)


def funding_history(stream: Stream, body: Body) -> object:
    """Hourly settlements, oldest first, 500 a page."""
    carry, now = stream.world.trading.carry[row_of(stream, body)], stream.world.now_ns
    if not carry.interval_ns:
        raise Wrong(body.coin)
    first = body.start_time * MS
    last = min(now if body.end_time is None else body.end_time * MS, now, first + MOST_ROWS * carry.interval_ns)
    return [
        {"coin": body.coin, "fundingRate": plain(rate), "premium": plain(rate / 2), "time": ts // MS}
        for ts, rate in reversed(carry.rates(first, last, MOST_ROWS))
    ]


def predicted(stream: Stream, body: Body) -> object:
    """Funding that comes next, here and on the other venues of this world; each rate is for its own interval."""
    rows, carry = stream.world.rows, stream.world.trading.carry
    by_asset: dict[int, list[tuple[str, object]]] = {}
    for row, c in enumerate(rows.contracts):
        if c.kind == "PERP" and c.venue in VENUES and not c.inverse and ":" not in c.symbol and rows.alive[row]:
            said = {
                "fundingRate": plain(carry[row].rate), "nextFundingTime": carry[row].next_ns // MS,
                "fundingIntervalHours": c.funding_hours,
            }  # fmt: skip
            by_asset.setdefault(c.asset, []).append((VENUES[c.venue], said))
    own = [
        (coin, row) for coin, row in stream.rows.items() if rows.contracts[row].kind == "PERP" and ":" not in coin
    ]
    return [[coin, by_asset[rows.contracts[row].asset]] for coin, row in own]


def mids(stream: Stream, body: Body) -> object:
    """Every coin's mid."""
    return stream.mids_of(dex_of(body))["mids"]


def account(stream: Stream, body: Body) -> object:
    """An account on which nothing is."""
    zero = {"accountValue": "0.0", "totalNtlPos": "0.0", "totalRawUsd": "0.0", "totalMarginUsed": "0.0"}
    return {
        "marginSummary": zero, "crossMarginSummary": zero, "crossMaintenanceMarginUsed": "0.0",
        "withdrawable": "0.0", "assetPositions": [], "time": stream.world.now_ns // MS,
    }  # fmt: skip


def spot_account(stream: Stream, body: Body) -> object:
    """No balance."""
    return {"balances": []}


READS: Final[Mapping[str, Callable[[Stream, Body], object]]] = {
    "meta": one_meta,
    "metaAndAssetCtxs": meta_and_contexts,
    "allPerpMetas": all_metas,
    "perpDexs": dexes,
    "spotMeta": one_spot_meta,
    "spotMetaAndAssetCtxs": spot_meta_and_contexts,
    "l2Book": book,
    "recentTrades": recent_trades,
    "candleSnapshot": candle_snapshot,
    "fundingHistory": funding_history,
    "predictedFundings": predicted,
    "allMids": mids,
    "clearinghouseState": account,
    "spotClearinghouseState": spot_account,
}
