"""What the API answers, typed. Times are ms since the epoch, `None` = not known; new fields are ignored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from crosstape.client.dataframes import to_pandas, to_polars

if TYPE_CHECKING:
    import pandas
    import polars

Number = float | None
Row = dict[str, Any]
T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True):
    """What every answer carries: live, simulated or replay; the view's time and number."""

    mode: str = ""
    ts_ms: float = 0.0
    view: int = 0


class Rows(Answer, Generic[T], frozen=True):
    """Rows of one kind; `total` counts those of all pages, 0 where there is one page only."""

    rows: tuple[T, ...] = ()
    total: int = 0
    offset: int = 0
    id: str = ""
    quality: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[T]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def polars(self) -> polars.DataFrame:
        """As a polars DataFrame; columns that end in `_ms` become times, flags become lists."""
        return to_polars(self.rows)

    def pandas(self) -> pandas.DataFrame:
        """As a pandas DataFrame; ClientError when pandas is not installed."""
        return to_pandas(self.rows)


class Board(msgspec.Struct, frozen=True):
    """What a board ranks, which way, and what may stand on it."""

    name: str
    title: str
    column: str
    unit: str
    ascending: bool
    min_turnover_usd: float
    fields: tuple[str, ...]
    top: int
    refuses: tuple[str, ...] = ()


class Ranked(Rows[Row], frozen=True):
    """A board and its rows, best first: rank, id, names, quality, value, then `fields`."""

    board: Board | None = None
    fields: tuple[str, ...] = ()


class Markets(Rows[Row], frozen=True):
    """Instruments with the columns asked for."""

    fields: tuple[str, ...] = ()


class Instrument(msgspec.Struct, frozen=True):
    """One instrument, as the catalogue describes it."""

    id: str
    symbol: str
    market: str
    venue: str
    native: str
    kind: str
    base: str
    quote: str
    settle: str
    tier: str
    status: str
    described: bool
    inverse: bool
    multiplier: Number = None
    contract: Number = None
    tick_size: Number = None
    lot_size: Number = None
    min_size: Number = None
    funding_hours: Number = None
    listed_ms: Number = None
    expiry_ms: Number = None
    strike: Number = None
    right: str = ""
    quality: tuple[str, ...] = ()


class Past(msgspec.Struct, frozen=True, rename={"from_ms": "from", "to_ms": "to"}):
    """An instrument that was imported, fetched or pushed; `sources`: file, api, push; `live`: also live."""

    id: str
    market: str
    native: str
    sources: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: int
    from_ms: int
    to_ms: int
    live: bool = False
    streams: tuple[Row, ...] = ()


class Market(Answer, frozen=True):
    """One instrument: its record, and every column. `history`: it is not live, and came so."""

    instrument: Instrument | None = None
    quality: tuple[str, ...] = ()
    columns: dict[str, Number] = {}
    history: Past | None = None


class Book(Answer, frozen=True):
    """An order book: levels are (price, size), best first; empty unless synced."""

    id: str = ""
    quality: tuple[str, ...] = ()
    synced: bool = False
    last: float = 0
    bids: tuple[tuple[float, float], ...] = ()
    asks: tuple[tuple[float, float], ...] = ()


class Trade(msgspec.Struct, frozen=True):
    """One execution; `taker` is the aggressor, BUY or SELL; `counterparties`: buyer, seller, where told."""

    ts_ms: float
    price: Number
    size: Number
    notional: Number
    taker: str
    id: str = ""
    block: bool = False
    counterparties: tuple[str, str] | None = None


class Candle(msgspec.Struct, frozen=True):
    """One closed candle; `ts_ms` is its start."""

    ts_ms: float
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    turnover: Number
    trades: Number
    taker_buy_volume: Number
    quality: tuple[str, ...] = ()


class Candles(Rows[Candle], frozen=True):
    """Candles, oldest first; an asset's come from the market in `id`, `fallback` = not its first choice."""

    tf: str = ""
    asset: str = ""
    fallback: bool = False


class Liquidation(msgspec.Struct, frozen=True):
    """A forced order; SELL = a long was closed."""

    ts_ms: float
    id: str
    side: str
    price: Number
    size: Number
    notional: Number
    usd: Number


class Asset(Rows[Row], frozen=True):
    """One asset: its sums, and its instruments side by side."""

    asset: str = ""
    sums: dict[str, Number | str] = {}
    fields: tuple[str, ...] = ()


class Filtering(Answer, frozen=True):
    """The words that filters take."""

    market: tuple[str, ...] = ()
    venue: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    quote: tuple[str, ...] = ()
    tier: tuple[str, ...] = ()


class Column(msgspec.Struct, frozen=True):
    """A column: unit, window, cadence, definition."""

    name: str
    metric: str
    unit: str
    window: str
    cadence: str
    doc: str


class Columns(Rows[Column], frozen=True):
    """Every column; `quality` here gives each flag's meaning."""

    quality: dict[str, str] = {}  # type: ignore[assignment]


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str
    timestamp: float
    version: str
    mode: str


class Ready(Answer, frozen=True):
    """Good to rely on; Refused (503) with the reasons where it is not. `warnings`: what is kept nowhere."""

    status: str = ""
    warnings: tuple[str, ...] = ()


class Status(Answer, frozen=True):
    """How the server is doing. Records keep the API's names; see /schema."""

    version: str = ""
    reasons_not_ready: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    process: Row = {}
    instruments: int = 0
    late_trades: int = 0
    digest: str = ""
    sources: tuple[Row, ...] = ()
    hosts: tuple[Row, ...] = ()
    tape: Row = {}
    history: Row = {}
    websocket: Row = {}
    hub: Row = {}
    metrics: tuple[Row, ...] = ()
    continuity: tuple[Row, ...] = ()
    kpis: tuple[Row, ...] = ()


class Overview(Answer, frozen=True):
    """The market at a glance; money in dollars, changes as fractions. Records keep the API's names."""

    markets: int = 0
    active: int = 0
    assets: int = 0
    turnover_usd_24h: Number = None
    spot_turnover_usd_24h: Number = None
    derivatives_turnover_usd_24h: Number = None
    oi_usd: Number = None
    liquidations_usd_1h: Number = None
    btc_turnover_share: Number = None
    breadth: dict[str, Row] = {}
    volatility: Row = {}
    by_market: tuple[Row, ...] = ()
    tiles: tuple[Row, ...] = ()
    funding: Any = None


class Kpi(msgspec.Struct, frozen=True):
    """One figure; `met` None = not known yet."""

    name: str
    value: Number
    unit: str
    target: str
    met: bool | None
    how: str


class Hour(msgspec.Struct, frozen=True):
    """One source in one hour; `complete` 0 … 1, the share of it with a live stream."""

    hour_ms: float
    source: str
    frames: int
    bytes: int
    gaps: int
    seconds_lost: float
    repaired: int
    duplicates: int
    decode_errors: int
    lag_p50_ms: Number
    lag_p99_ms: Number
    clock_offset_ms: Number
    complete: float
    running: bool


class Quality(Rows[Hour], frozen=True):
    """The completeness ledger; rows by flag, changed shapes of messages, KPIs. `note`: why older hours lack."""

    note: str = ""
    flags: tuple[Row, ...] = ()
    drifts: tuple[Row, ...] = ()
    kpis: tuple[Kpi, ...] = ()


class Prefs(msgspec.Struct, frozen=True):
    """What a user's dashboard saved."""

    prefs: Row = {}


class Replay(Answer, frozen=True, rename={"start": "from", "end": "to"}):
    """Where a replay is. Times ms; state: seeking playing paused ended failed; progress 0 … 1 of a seek."""

    at: float = 0.0
    start: float = 0.0
    end: float = 0.0
    speed: float = 1.0
    progress: float = 1.0
    state: str = ""
    error: str = ""


class Tape(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """A tape that can be replayed. Times ms; state: recording sound torn damaged."""

    name: str
    start: float
    end: float
    frames: int
    bytes: int
    segments: int
    checkpoints: int
    markets: tuple[str, ...]
    sources: tuple[str, ...]
    state: str
    problem: str = ""


class Session(Answer, frozen=True):
    """A replay that runs; its API is below `base`."""

    id: str = ""
    base: str = ""
    tape: str = ""
    running_s: float = 0.0
    idle_s: float = 0.0
