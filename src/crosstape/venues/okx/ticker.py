"""OKX's figures of one instrument: the same shapes on the socket and over REST."""

from __future__ import annotations

from typing import Literal

import msgspec

from crosstape.model.event import AnyEvent, Funding, Index, Mark, OpenInterest, Quote, Side, Ticker, Trade
from crosstape.venues.okx.names import MS, NAN, is_inverse, kind_of, number

HOUR_MS = 3_600_000
_SIDE = {"buy": Side.BUY, "sell": Side.SELL}


class TradeRow(msgspec.Struct, gc=False, rename="camel"):
    """`trades`."""

    inst_id: str
    trade_id: str
    px: float
    sz: float
    side: Literal["buy", "sell"]
    ts: int


def trade_event(t: TradeRow) -> Trade:
    """One execution."""
    return Trade(t.inst_id, t.ts * MS, t.px, t.sz, _SIDE[t.side], t.trade_id)


class TickerRow(msgspec.Struct, gc=False, rename="camel"):
    """`tickers`. Every figure stays text: "" is their null and must not become 0."""

    inst_id: str
    ts: int
    last: str = ""
    ask_px: str = ""
    ask_sz: str = ""
    bid_px: str = ""
    bid_sz: str = ""
    # Named by hand: the renaming would capitalise the h behind the digits.
    open24h: str = msgspec.field(name="open24h", default="")
    high24h: str = msgspec.field(name="high24h", default="")
    low24h: str = msgspec.field(name="low24h", default="")
    vol24h: str = msgspec.field(name="vol24h", default="")
    vol_ccy24h: str = msgspec.field(name="volCcy24h", default="")


class FundingRow(msgspec.Struct, gc=False, rename="camel"):
    """`funding-rate`."""

    inst_id: str
    funding_rate: str = ""
    funding_time: str = ""
    next_funding_time: str = ""
    ts: str = ""


class InterestRow(msgspec.Struct, gc=False, rename="camel"):
    """`open-interest`."""

    inst_id: str
    ts: int
    oi: str = ""


class MarkRow(msgspec.Struct, gc=False, rename="camel"):
    """`mark-price`."""

    inst_id: str
    mark_px: float
    ts: int


class IndexRow(msgspec.Struct, gc=False, rename="camel"):
    """`index-tickers`; the instrument is the index pair."""

    inst_id: str
    idx_px: float
    ts: int


def ticker_events(t: TickerRow) -> list[AnyEvent]:
    """Best bid and offer (a copy that trails their book) and the 24 h figures."""
    ts = t.ts * MS
    bid, bid_size, ask, ask_size = map(number, (t.bid_px, t.bid_sz, t.ask_px, t.ask_sz))
    last, opened, high, low = map(number, (t.last, t.open24h, t.high24h, t.low24h))
    turnover = day_turnover(t.inst_id, number(t.vol_ccy24h), (last, high, low))
    change = last / opened - 1.0 if opened > 0 else NAN
    return [
        Quote(t.inst_id, ts, bid, bid_size, ask, ask_size, partial=True, lagging=True),
        Ticker(t.inst_id, ts, last, number(t.vol24h), turnover, high, low, change),
    ]


def day_turnover(native: str, volume: float, prices: tuple[float, float, float]) -> float:
    """24 h turnover in the unit `Ticker` wants. `volCcy24h` counts quote currency on spot and coins on contracts.

    That is the turnover of an inverse contract. Of a linear one OKX sends none: coins times the day's typical
    price (last, high and low) stand for it.
    """
    if kind_of(native) == "SPOT" or is_inverse(native):
        return volume
    return volume * sum(prices) / 3.0


def funding_event(f: FundingRow) -> Funding:
    """The rate to be paid at fundingTime; the hours to the funding after it are the interval, which changes."""
    due, after = int(f.funding_time or 0), int(f.next_funding_time or 0)
    hours = (after - due) / HOUR_MS if after > due > 0 else 0.0
    return Funding(f.inst_id, int(f.ts or 0) * MS, number(f.funding_rate), hours, due * MS)


def interest_events(row: InterestRow) -> list[AnyEvent]:
    """Contracts, counted once for the two sides that hold them."""
    return [OpenInterest(row.inst_id, row.ts * MS, float(row.oi), 1)] if row.oi else []


def mark_event(row: MarkRow) -> Mark:
    """Mark price."""
    return Mark(row.inst_id, row.ts * MS, row.mark_px)


def index_events(row: IndexRow, natives: list[str]) -> list[Index]:
    """One index, for each instrument that follows it."""
    return [Index(native, row.ts * MS, row.idx_px) for native in natives]
