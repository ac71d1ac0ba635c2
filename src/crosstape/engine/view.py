"""A view: everything crosstape knows at one tick, immutable."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from crosstape.boards.board import Ranking
from crosstape.model.event import AnyEvent, Levels, OwnBalance, OwnFill, OwnOrder, OwnPosition, Tally
from crosstape.model.instrument import Instrument

F64 = NDArray[np.float64]


class Rows(msgspec.Struct, frozen=True):
    """Which instrument sits in which row; the same object as long as nothing is listed or delisted.

    instruments   None = a freed row
    index         instrument id -> row
    tiers         "A", "B" or "C"
    assets, why   each row's asset ("" = not known yet) and why it belongs to it
    alive         rows that are listed now
    """

    version: int
    instruments: tuple[Instrument | None, ...]
    index: Mapping[str, int]
    tiers: tuple[str, ...]
    alive: NDArray[np.bool_]
    assets: tuple[str, ...] = ()
    why: tuple[str, ...] = ()


class BookCopy(msgspec.Struct, frozen=True):
    """A book as of the tick, unified prices and base sizes, best first."""

    ts: int
    synced: bool
    bids: Levels
    asks: Levels
    last: int


class SourceState(msgspec.Struct, frozen=True):
    """What the fold knows of one source of frames."""

    name: str
    market: str
    open: bool
    since_ts: int
    last_ts: int
    conn: int
    opens: int
    frames: int
    bytes: int
    failed: int
    errors: int
    gaps: int
    last_error: str
    duplicates: int = 0
    repaired: int = 0
    drifts: int = 0
    silent: bool = False
    skips: int = 0
    checked: int = 0
    differing: int = 0


class OwnAccount(msgspec.Struct, frozen=True):
    """An own account as of the tick; orders are the open ones, fills the newest, oldest first.

    state     "synced", "stale" (its connection is down, or not everything was asked since it came up), "opening"
              (it never was), "refused" (`reason` says why)
    heard_ts  when it last said anything; whole_ts: when everything was last asked and answered
    """

    name: str
    venue: str
    state: str
    reason: str
    heard_ts: int
    whole_ts: int
    balances: tuple[OwnBalance, ...]
    positions: tuple[OwnPosition, ...]
    orders: tuple[OwnOrder, ...]
    fills: tuple[OwnFill, ...]


class Assets(msgspec.Struct, frozen=True):
    """One entry an asset (unified base); `columns` each (assets)."""

    names: tuple[str, ...]
    columns: Mapping[str, F64]
    code: NDArray[np.intp]


class View(msgspec.Struct, frozen=True):
    """Immutable; arrays are read-only and cover all rows (freed ones are NaN).

    number    counts ticks from the run's first
    seq       of the TICK frame
    columns   column name -> (rows) float64
    quality   (rows) flags of `model.quality`
    events    (row, event) since the previous view, in order
    books     of the rows in the interest set, as of this tick
    usd       (rows) dollars a unit of quote
    digest    fold of all views so far, hex
    own       own accounts, by name
    hours     the running hour of every source, as of the last second; not in the digest
    """

    number: int
    seq: int
    ts: int
    mode: str
    rows: Rows
    columns: Mapping[str, F64]
    quality: NDArray[np.uint32]
    boards: Mapping[str, Ranking]
    assets: Assets
    events: tuple[tuple[int, AnyEvent], ...]
    books: Mapping[int, BookCopy]
    sources: tuple[SourceState, ...]
    usd: F64
    late_trades: int
    digest: str
    hours: tuple[Tally, ...] = ()
    own: tuple[OwnAccount, ...] = ()
