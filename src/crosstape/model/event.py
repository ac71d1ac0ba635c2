"""What happened: the events every venue's messages are turned into.

`symbol` is the venue's native symbol; the market is the source's. Prices and sizes are the venue's own until
`State.apply` folds multipliers, contract sizes and inverse contracts. NaN or 0 in an optional field = not said.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from crosstape.model.instrument import Instrument

NAN = float("nan")
Levels = list[tuple[float, float]]


class Side(IntEnum):
    """Side of an aggressor or of a forced order."""

    BUY = 1
    SELL = -1


class Event(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="type"):
    """Something a venue told us. `ts_event` is the venue's time, ns since the epoch, 0 when it sent none."""

    symbol: str
    ts_event: int


class Trade(Event, frozen=True, gc=False):
    """One execution; `taker` is the aggressor's side, never the maker's. `block`: off-book, kept out of CVD.
    `counterparties`: buyer and seller, where the venue names them."""

    price: float
    size: float
    taker: Side
    id: str
    block: bool = False
    counterparties: tuple[str, str] | None = None


class Quote(Event, frozen=True, gc=False):
    """Best bid and offer. 0 size = the side is empty. `partial`: NaN = unchanged. `lagging`: a copy that trails
    the venue's book, used only where no book or quote stream of the instrument is live."""

    bid: float
    bid_size: float
    ask: float
    ask_size: float
    partial: bool = False
    lagging: bool = False


class BookSnapshot(Event, frozen=True, gc=False):
    """The whole book as the venue shows it, replacing what was known; `last` = its update id."""

    bids: Levels
    asks: Levels
    last: int
    depth: int = 0


class BookDelta(Event, frozen=True, gc=False):
    """Absolute sizes by price, 0 removes. `first..last` = the update ids it covers, `prev` = the id it follows
    (-1 where the venue does not say)."""

    bids: Levels
    asks: Levels
    first: int
    last: int
    prev: int = -1


class Mark(Event, frozen=True, gc=False):
    """Mark price."""

    price: float


class Index(Event, frozen=True, gc=False):
    """Index price."""

    price: float


class Funding(Event, frozen=True, gc=False):
    """Rate to be paid at `next_ts` for one interval; + means longs pay. NaN/0 = unchanged."""

    rate: float
    interval_hours: float = 0.0
    next_ts: int = 0


class OpenInterest(Event, frozen=True, gc=False):
    """Open interest in native size units. `sides` = 2 where the venue adds longs and shorts. `held_s`: it is of
    the past and held for so many seconds; 0 = it holds now."""

    size: float
    sides: int = 1
    held_s: int = 0


class Ticker(Event, frozen=True, gc=False):
    """The venue's own 24 h figures; NaN = unchanged. `volume` in native size units, `turnover` in the venue's
    value unit (quote currency; base currency for inverse contracts), `change` a fraction."""

    last: float = NAN
    volume: float = NAN
    turnover: float = NAN
    high: float = NAN
    low: float = NAN
    change: float = NAN


class LongShort(Event, frozen=True, gc=False):
    """Share of the venue's accounts with a position in the instrument that are long, in [0, 1]."""

    long_share: float


class Liquidation(Event, frozen=True, gc=False):
    """A forced order; `side` is the side of that order: SELL = a long was closed."""

    side: Side
    price: float
    size: float


class Candle(Event, frozen=True, gc=False):
    """One bar, [start, start + timeframe). `ts_event` = start. `trades`/`taker_buy_volume`: NaN = not known."""

    timeframe_s: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float
    trades: float = NAN
    taker_buy_volume: float = NAN
    repaired: bool = False


class Listed(Event, frozen=True, gc=False):
    """The catalogue describes this instrument (again)."""

    instrument: Instrument


class Delisted(Event, frozen=True, gc=False):
    """The instrument is gone."""


class CatalogueEnd(Event, frozen=True, gc=False):
    """Last page of a market's catalogue: what it did not name is gone. `symbol` is empty."""


class Status(Event, frozen=True, gc=False):
    """The venue says something about itself or about one instrument."""

    text: str


class Gap(Event, frozen=True, gc=False):
    """Messages first..last of the instrument's stream were missed; everyone else's are fine."""

    first: int
    last: int


class Continuity(Event, frozen=True, gc=False):
    """Derived by the fold: `what` is one of Opened Snapshot Gap Skipped Lenient Differs
    Repaired Stale Resumed Closed.

    first, last   Gap, Skipped, Snapshot: update ids; Lenient: how many gaps in a row had missed nothing; Differs:
                  how many of the best levels are others over REST, and its id; Opened, Closed: connection and
                  status; Repaired: how many trades were made up for, and 1 when they fill the whole hole
    """

    source: str
    what: str
    first: int = 0
    last: int = 0


class Tally(Event, frozen=True, gc=False):
    """Derived by the fold: one source in one hour, `ts_event` = the hour's first ns. Lags and offset NaN = not
    known; `offset_ms` = the venue's clock minus ours, at least."""

    source: str
    lost_s: float
    lag_p50_ms: float
    lag_p99_ms: float
    offset_ms: float
    frames: int
    bytes: int
    gaps: int
    repaired: int
    duplicates: int
    errors: int


class Drift(Event, frozen=True, gc=False):
    """Derived by the fold: messages of one kind have another shape than before. `what` is one of appeared
    vanished changed; `sample` is what stood there."""

    source: str
    kind: str
    path: str
    what: str
    sample: str


class OwnBalance(Event, frozen=True, gc=False):
    """What an own account holds of an asset (`symbol`), as exact decimals."""

    total: str
    free: str


class OwnPosition(Event, frozen=True, gc=False):
    """An own position. `size` is exact, ≥ 0, in the market's own units, "0" = closed; `leg` is "long" or "short"
    where both can be held at once. Prices and `pnl` (unrealised, in the settlement currency): "" = not said."""

    market: str
    side: Side
    size: str
    entry: str = ""
    mark: str = ""
    pnl: str = ""
    leverage: str = ""
    leg: str = ""


class OwnOrder(Event, frozen=True, gc=False):
    """An own order as of `ts_event`. `status` is one of open filled cancelled rejected; `price` "" = at the
    market; the fold adds whose it is."""

    market: str
    id: str
    side: Side
    price: str
    size: str
    filled: str
    status: str
    kind: str = ""
    average: str = ""
    reduce_only: bool = False
    created_ts: int = 0
    account: str = ""


class OwnFill(Event, frozen=True, gc=False):
    """One execution of an own account. `fee` + was paid, in `fee_asset` ("" = the currency profit is paid in);
    `liquidity` is maker, taker or ""; `kind` is trade, funding or liquidation; the fold adds whose it is."""

    market: str
    id: str
    order_id: str
    side: Side
    price: str
    size: str
    fee: str
    fee_asset: str = ""
    liquidity: str = ""
    kind: str = "trade"
    account: str = ""


class OwnPicture(Event, frozen=True, gc=False):
    """A full picture of an own account's `what` (balances, positions, orders) in `market` ("" = all of it) begins,
    or ends: what it did not name is gone. `whole`: with it everything about the account has been asked."""

    what: str
    market: str = ""
    begins: bool = False
    ends: bool = False
    whole: bool = False


class OwnRefused(Event, frozen=True, gc=False):
    """The venue will not have the account's key, in its words."""

    reason: str


OwnEvent = OwnBalance | OwnPosition | OwnOrder | OwnFill | OwnPicture | OwnRefused
AnyEvent = (
    Trade
    | Quote
    | BookSnapshot
    | BookDelta
    | Mark
    | Index
    | Funding
    | OpenInterest
    | Ticker
    | LongShort
    | Liquidation
    | Candle
    | Listed
    | Delisted
    | CatalogueEnd
    | Status
    | Gap
    | Continuity
    | Tally
    | Drift
    | OwnEvent
)
