"""Binance USD-M, spot, and books of COIN-M: the declaration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from crosstape.model.instrument import Instrument
from crosstape.venues.binance.account import ACCOUNT
from crosstape.venues.binance.builtin import builtin
from crosstape.venues.binance.past import decode_funding_past, funding_past
from crosstape.venues.binance.private import PRIVATE
from crosstape.venues.binance.rest import (
    ROOTS,
    backfill,
    book_request,
    check_request,
    decode_book,
    decode_days,
    decode_instruments,
    decode_interest,
    decode_interest_past,
    decode_intervals,
    decode_klines,
    decode_ratio,
    decode_trades,
    interest_past,
    interest_request,
    past,
    ratio_request,
    refusal,
)
from crosstape.venues.binance.spot import PRIVATE_SPOT
from crosstape.venues.binance.stream import (
    CM,
    UM,
    ack,
    all_topics,
    book_topics,
    decode,
    market_topics,
    public_topics,
    subscribe,
)
from crosstape.wire.request import Request
from crosstape.wire.venue import BookRule, Budget, Capability, Poll, Rest, Stream, StreamLimits, Venue

Topics = Callable[[Instrument, str], tuple[str, ...]]
USDM, COINM, SPOT = "binance-usdm", "binance-coinm", "binance-spot"
# Client messages count pings; connections are closed after 24 hours.
LIMITS = StreamLimits(
    topics_per_request=100,
    topics_per_connection=1024,
    requests_per_s=3.0,
    connects_per_window=250,
    connect_window_s=300.0,
    lifetime_s=24 * 3600.0,
)


def _stream(market: str, url: str, other: int, topics: Topics, **more: Any) -> Stream:
    """`other`: what the broadcasts of the other futures house call themselves; they are left out."""
    whole = Stream(
        market=market,
        url=url,
        subscribe=subscribe,
        unsubscribe=partial(subscribe, method="UNSUBSCRIBE"),
        open=lambda: partial(decode, other),
        ack=ack,
        topics=topics,
        book_topics=book_topics,
        limits=LIMITS,
        past=past,
    )
    return msgspec.structs.replace(whole, **more)


def _books(market: str, rule: BookRule) -> dict[str, Any]:
    return {"book_rule": rule, "snapshot": partial(book_request, market), "check": partial(check_request, market)}


def _streams() -> tuple[Stream, ...]:
    return (
        _stream(USDM, "wss://fstream.binance.com/public/stream", CM, public_topics, past=None,
                **_books(USDM, BookRule.JOIN)),
        _stream(USDM, "wss://fstream.binance.com/market/stream", CM, market_topics, route="market", lossy=True,
                book_topics=lambda instrument, tier: (),
                bulk=("!markPrice@arr@1s", "!ticker@arr", "!forceOrder@arr")),
        _stream(SPOT, "wss://stream.binance.com:9443/stream", 0, all_topics, bulk=("!miniTicker@arr",),
                **_books(SPOT, BookRule.SPAN)),
        _stream(COINM, "wss://dstream.binance.com/stream", UM, all_topics, **_books(COINM, BookRule.JOIN)),
    )  # fmt: skip


def _polls(market: str, catalogue_weight: float, days_weight: float) -> tuple[Poll, ...]:
    root = ROOTS[market]
    catalogue = Request("instruments", f"{root}/exchangeInfo", weight=catalogue_weight)
    days = Request("tickers", f"{root}/ticker/24hr", weight=days_weight, priority=3)
    return (
        Poll(market, "instruments", lambda: (catalogue,), 300.0, partial(decode_instruments, market)),
        Poll(market, "tickers", lambda: (days,), 60.0, decode_days),
        Poll(market, "books", tuple, 0.0, decode_book),
        Poll(market, "klines", tuple, 0.0, decode_klines),
        Poll(market, "trades", tuple, 0.0, decode_trades),
        Poll(market, "check", tuple, 0.0, decode_book),
    )


INTERVALS = Request("intervals", "/fapi/v1/fundingInfo", priority=3)

CAPABILITIES = (
    Capability("instruments", "REST", "every 5 min; a built-in list when REST refuses"),
    Capability("trades", "stream", "aggTrade, 100 ms, without ADL and insurance fills; holes filled over REST"),
    Capability("quote", "stream", "bookTicker; on spot without a time"),
    Capability("book", "stream joined to REST snapshots", "depth 100 ms; pu (futures) or U (spot) checked"),
    Capability("ticker", "stream + REST", "the whole market each second; REST each minute"),
    Capability("mark, index", "stream", "the whole USD-M market each second"),
    Capability("funding", "stream + REST", "rate and time with the mark; intervals from fundingInfo"),
    Capability("open interest", "REST", "USD-M tier A, each every 30 s, 8 a second at most; one side; past too"),
    Capability("liquidations", "stream, lossy", "USD-M; at most one order a symbol and second"),
    Capability("long/short ratio", "REST", "USD-M tier A, each every 5 min; accounts"),
    Capability("candles", "built from trades", "back-filled from REST klines, flagged REPAIRED"),
    Capability(
        "own account", "private stream + signed REST", "USD-M and spot, each for itself; a key that may only read"
    ),
)

BINANCE = Venue(
    id="binance",
    docs="https://developers.binance.com/docs",
    rest="https://fapi.binance.com",
    # USD-M and COIN-M share 2400 a minute by address; 70 % of it is ours, most of it USD-M's.
    budget=Budget(weight=1440.0, window_s=60.0),
    others=(
        Rest((SPOT,), "https://api.binance.com", Budget(weight=4200.0, window_s=60.0)),
        Rest((COINM,), "https://dapi.binance.com", Budget(weight=240.0, window_s=60.0)),
    ),
    streams=_streams(),
    polls=(
        *_polls(USDM, 1.0, 40.0),
        Poll(USDM, "intervals", lambda: (INTERVALS,), 300.0, decode_intervals),
        Poll(USDM, "interest", tuple, 0.0, decode_interest, each=interest_request, each_s=30.0, per_s=8.0),
        Poll(USDM, "interest_past", tuple, 0.0, decode_interest_past),
        Poll(USDM, "funding_past", tuple, 0.0, decode_funding_past),
        Poll(USDM, "ratio", tuple, 0.0, decode_ratio, each=ratio_request, each_s=300.0, per_s=2.0),
        *_polls(SPOT, 20.0, 80.0),
        *_polls(COINM, 1.0, 40.0),
    ),
    capabilities=CAPABILITIES,
    refusal=refusal,
    backfill=backfill,
    interest=interest_past,
    funding=funding_past,
    builtin=builtin,
    account=ACCOUNT,
    private=(PRIVATE, PRIVATE_SPOT),
)
