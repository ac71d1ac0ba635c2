"""Hyperliquid's figures and trades of one coin: the same on every channel and over REST."""

from __future__ import annotations

from typing import Literal

import msgspec

from crosstape.model.event import NAN, AnyEvent, Funding, Index, Mark, OpenInterest, Quote, Side, Ticker, Trade
from crosstape.venues.hyperliquid.names import MS, number

HOUR_MS = 3_600_000
_TAKER = {"B": Side.BUY, "A": Side.SELL}


class TradeRow(msgspec.Struct, gc=False):
    """One execution; `users` = buyer and seller."""

    coin: str
    side: Literal["B", "A"]
    px: float
    sz: float
    time: int
    tid: int
    users: tuple[str, str] | None = None


def trade_event(t: TradeRow) -> Trade:
    """As everybody's."""
    return Trade(t.coin, t.time * MS, t.px, t.sz, _TAKER[t.side], str(t.tid), counterparties=t.users)


class Context(msgspec.Struct, gc=False, rename="camel"):
    """Every figure stays text; null is "not known". Spot has no oracle, no funding and no open interest."""

    coin: str = ""
    funding: str | None = None
    open_interest: str | None = None
    prev_day_px: str | None = None
    day_ntl_vlm: str | None = None
    day_base_vlm: str | None = None
    oracle_px: str | None = None
    mark_px: str | None = None
    mid_px: str | None = None
    impact_pxs: tuple[str, str] | None = None


def context_events(coin: str, c: Context, clock_ms: int = 0) -> list[AnyEvent]:
    """What a context says. It carries no time of its own; `clock_ms` tells which hour's funding it is.

    The quote is the impact prices, which a taker of some thousand dollars would get: a mid on both sides would be
    a locked market. The mid stands for the last price, which is in no context.
    """
    events: list[AnyEvent] = []
    if c.oracle_px:
        events.append(Index(coin, 0, float(c.oracle_px)))
        if c.mark_px:
            events.append(Mark(coin, 0, float(c.mark_px)))
    if c.funding:
        due = (clock_ms // HOUR_MS + 1) * HOUR_MS * MS if clock_ms else 0
        events.append(Funding(coin, 0, float(c.funding), 1.0, due))
    if c.open_interest:
        events.append(OpenInterest(coin, 0, float(c.open_interest), 1))
    if c.impact_pxs is not None:
        bid, ask = map(float, c.impact_pxs)
        if bid < ask:
            events.append(Quote(coin, 0, bid, NAN, ask, NAN, partial=True, lagging=True))
    mark, before = number(c.mark_px), number(c.prev_day_px)
    last = number(c.mid_px) if c.mid_px else mark
    change = mark / before - 1.0 if before > 0 else NAN
    volume, turnover = number(c.day_base_vlm), number(c.day_ntl_vlm)
    events.append(Ticker(coin, 0, last, volume, turnover, change=change))
    return events
