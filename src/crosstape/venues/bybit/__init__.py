"""Bybit v5, linear, inverse and spot: the declaration."""

from __future__ import annotations

from functools import partial

from crosstape.venues.bybit.account import ACCOUNT
from crosstape.venues.bybit.builtin import builtin
from crosstape.venues.bybit.past import decode_funding_past, funding_past
from crosstape.venues.bybit.private import PRIVATE
from crosstape.venues.bybit.rest import (
    backfill,
    book_request,
    decode_book,
    decode_instruments,
    decode_interest_past,
    decode_klines,
    decode_ratio,
    decode_tickers,
    decode_trades,
    instruments_page,
    interest_past,
    past,
    ratio_request,
    refusal,
)
from crosstape.venues.bybit.stream import ack, book_topics, decode, subscribe, topics
from crosstape.wire.request import Request
from crosstape.wire.venue import BookRule, Budget, Capability, Ping, Poll, Stream, StreamLimits, Venue

CATEGORIES = ("linear", "inverse", "spot")


def _stream(category: str) -> Stream:
    return Stream(
        market=f"bybit-{category}",
        url=f"wss://stream.bybit.com/v5/public/{category}",
        subscribe=subscribe,
        unsubscribe=partial(subscribe, op="unsubscribe"),
        open=lambda: decode,
        ack=ack,
        topics=partial(topics, category),
        book_topics=partial(book_topics, category),
        ping=Ping(b'{"op":"ping"}', every_s=20.0),
        limits=StreamLimits(
            topics_per_request=10 if category == "spot" else 50,
            characters_per_connection=21_000,
            requests_per_s=5.0,
            connects_per_window=450,
            connect_window_s=300.0,
        ),
        book_rule=BookRule.STEP,
        past=past,
        check=book_request,
    )


def _polls(category: str) -> tuple[Poll, ...]:
    market = f"bybit-{category}"
    tickers = Request("tickers", "/v5/market/tickers", (("category", category),))
    polls: tuple[Poll, ...] = (
        Poll(market, "instruments", lambda: (instruments_page(category),), 300.0,
             partial(decode_instruments, category)),
        Poll(market, "tickers", lambda: (tickers,), 10.0, decode_tickers),
        Poll(market, "klines", tuple, 0.0, decode_klines),
        Poll(market, "trades", tuple, 0.0, decode_trades),
        Poll(market, "check", tuple, 0.0, decode_book),
    )  # fmt: skip
    if category == "spot":
        return polls
    polls += (
        Poll(market, "interest_past", tuple, 0.0, decode_interest_past),
        Poll(market, "funding_past", tuple, 0.0, decode_funding_past),
    )
    return (*polls, Poll(market, "ratio", tuple, 0.0, decode_ratio, each=ratio_request, each_s=300.0, per_s=2.0))


CAPABILITIES = (
    Capability("instruments", "REST, paged", "every 5 min; a built-in list when REST refuses"),
    Capability("trades", "stream", "every trade; block trades kept out of flow; holes made up for over REST"),
    Capability("quote", "stream", "orderbook.1, 10 ms"),
    Capability("book", "stream, sequence checked", "orderbook.200, 100 ms, update id + 1"),
    Capability("ticker", "stream + REST", "snapshot and changed fields; all markets every 10 s"),
    Capability("mark, index", "stream", "with the ticker"),
    Capability("funding", "stream", "with its interval, per instrument"),
    Capability("open interest", "stream", "single-sided where sent, else half and flagged; past from REST"),
    Capability("liquidations", "stream", "every liquidation, 500 ms batches; price is the bankruptcy price"),
    Capability("long/short ratio", "REST", "tier A contracts, each every 5 min; accounts"),
    Capability("candles", "built from trades", "back-filled from REST klines, flagged REPAIRED"),
    Capability("own account", "private stream + signed REST", "unified account; a key that may only read"),
)

BYBIT = Venue(
    id="bybit",
    docs="https://bybit-exchange.github.io/docs/v5/intro",
    rest="https://api.bybit.com",
    budget=Budget(weight=250.0, window_s=5.0),
    streams=tuple(_stream(category) for category in CATEGORIES),
    polls=tuple(poll for category in CATEGORIES for poll in _polls(category)),
    capabilities=CAPABILITIES,
    refusal=refusal,
    backfill=backfill,
    interest=interest_past,
    funding=funding_past,
    builtin=builtin,
    account=ACCOUNT,
    private=(PRIVATE,),
)
