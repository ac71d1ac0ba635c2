"""Bybit's ticker: one shape on the socket (snapshot, then changed fields) and over REST."""

from __future__ import annotations

import msgspec

from crosstape.model.event import NAN, AnyEvent, Funding, Index, Mark, OpenInterest, Quote, Ticker

MS = 1_000_000


class TickerRow(msgspec.Struct, gc=False, rename="camel"):
    """Every figure stays text: absent and "" both mean "not said", and neither may become 0."""

    symbol: str
    last_price: str = ""
    mark_price: str = ""
    index_price: str = ""
    open_interest: str = ""
    single_open_interest: str = ""
    turnover24h: str = ""
    volume24h: str = ""
    # Named by hand: the renaming would capitalise the h behind the digits.
    high_price24h: str = msgspec.field(name="highPrice24h", default="")
    low_price24h: str = msgspec.field(name="lowPrice24h", default="")
    price24h_pcnt: str = ""
    funding_rate: str = ""
    funding_interval_hour: str = ""
    next_funding_time: str = ""
    bid1_price: str = ""
    bid1_size: str = ""
    ask1_price: str = ""
    ask1_size: str = ""


def ticker_events(t: TickerRow, ts: int) -> list[AnyEvent]:
    """What a ticker says, one event a thing, nothing for what it does not say."""
    events: list[AnyEvent] = []
    if t.mark_price:
        events.append(Mark(t.symbol, ts, float(t.mark_price)))
    if t.index_price:
        events.append(Index(t.symbol, ts, float(t.index_price)))
    if t.funding_rate or t.next_funding_time not in ("", "0") or t.funding_interval_hour:
        hours, due = number(t.funding_interval_hour, 0.0), int(t.next_funding_time or 0) * MS
        events.append(Funding(t.symbol, ts, number(t.funding_rate), hours, due))
    if t.single_open_interest:
        events.append(OpenInterest(t.symbol, ts, float(t.single_open_interest), 1))
    elif t.open_interest:
        events.append(OpenInterest(t.symbol, ts, float(t.open_interest), 2))
    if t.bid1_price or t.ask1_price or t.bid1_size or t.ask1_size:
        bid, bid_size, ask, ask_size = map(number, (t.bid1_price, t.bid1_size, t.ask1_price, t.ask1_size))
        events.append(Quote(t.symbol, ts, bid, bid_size, ask, ask_size, partial=True, lagging=True))
    day = (t.last_price, t.volume24h, t.turnover24h, t.high_price24h, t.low_price24h, t.price24h_pcnt)
    if any(day):
        events.append(Ticker(t.symbol, ts, *(number(x) for x in day)))
    return events


def number(text: str, missing: float = NAN) -> float:
    """Their text as a number; "" is `missing`."""
    return float(text) if text else missing
