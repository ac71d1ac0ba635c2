"""What happens to the state on a TICK, in slices short enough never to block the loop."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from crosstape.kernels.depth import profile
from crosstape.kernels.flow import median_and_mad
from crosstape.kernels.price import mid, spread_bps
from crosstape.model.event import Delisted
from crosstape.state.apply_book import set_top
from crosstape.state.book import Book
from crosstape.state.fields import (
    ASK,
    BID,
    CELL_SIZE,
    EMPTY_SECOND,
    FIRST_OF_SECOND,
    HIGH,
    LAST,
    LIVE,
    LOW,
    OI,
    SPREAD_DT,
    SPREAD_TIME,
    STREAMED,
    SUMS_FROM_NOW,
)
from crosstape.state.rings import REFRESH_STEPS, SURGE_HISTORY, SURGE_WINDOWS
from crosstape.state.state import (
    ASK_10,
    ASK_50,
    BID_10,
    BID_50,
    BUY_10K,
    BUY_100K,
    SELL_10K,
    SELL_100K,
    TRUNCATED,
    State,
)

F64 = NDArray[np.float64]
SECOND_NS = 1_000_000_000
FORGET_AFTER_S = 4 * 3600
LEVELS = 200
BANDS_BPS = (10.0, 50.0)
NOTIONALS = (1e4, 1e5)
PHASES = 10
CHUNK = 32
LARGE_MULTIPLE = 10.0


def gather(state: State, ts: int) -> Iterator[None]:
    """Bring `now` up to the tick: tops out of books, changed cells, time-weighted sums of the open second."""
    for i, row in enumerate(sorted(state.book_dirty)):
        book = state.books[row]
        if book is not None and book.synced and not state.quoted[row]:
            set_top(state, row, _folded_top(state, row, book))
        if i % 256 == 255:
            yield
    state.book_dirty.clear()
    cells, now = state.cells, state.now
    dirty, pack = sorted(state.dirty), packer(CELL_SIZE).pack
    for start in range(0, len(dirty), 1024):
        rows = dirty[start : start + 1024]
        packed = b"".join([pack(*cells[row]) for row in rows])
        now[:CELL_SIZE, rows] = np.frombuffer(packed).reshape(-1, CELL_SIZE).T
        yield
    state.touched |= state.dirty
    state.dirty.clear()
    elapsed = min(max(ts - state.ts, 0), SECOND_NS) * 1e-9 if state.ts else 0.0
    spread = spread_bps(now[BID], now[ASK])
    known = ~np.isnan(spread)
    now[SPREAD_TIME] += np.where(known, spread, 0.0) * elapsed
    now[SPREAD_DT] += known * elapsed
    now[LIVE] += live(state) * elapsed
    state.ts = ts
    yield


def live(state: State) -> NDArray[np.bool_]:
    """Rows whose stream is up, has spoken since it came up, and is not silent beyond its usual; (capacity)."""
    silent = state.trading.silent + state.touching.silent
    return np.asarray((state.now[STREAMED] >= state.opened) & (silent == 0.0))


def _folded_top(state: State, row: int, book: Book) -> tuple[float, float, float, float]:
    bid, bid_size, ask, ask_size = book.top()
    fold = state.table.folds[row]
    if fold is None:
        return bid, bid_size, ask, ask_size
    return fold.price(bid), fold.size(bid, bid_size), fold.price(ask), fold.size(ask, ask_size)


def advance(state: State, ts: int) -> Iterator[None]:
    """Close every second that ended before `ts`, and the minutes and five minutes that end with them."""
    second = ts // SECOND_NS
    if state.second == 0:
        state.second = second
    if second - state.second > FORGET_AFTER_S:
        _forget(state, second)
    while state.second < second:
        now = state.now
        state.rings.close_second(now[SUMS_FROM_NOW], now[HIGH], now[LOW], now[LAST], now[OI])
        _start_second(state)
        yield
        state.second += 1
        if state.second % 60 == 0:
            yield from _close_minute(state, state.second * SECOND_NS)


def _start_second(state: State) -> None:
    for row in state.touched:
        state.cells[row][FIRST_OF_SECOND:] = EMPTY_SECOND
    state.touched.clear()
    state.now[FIRST_OF_SECOND:CELL_SIZE] = np.array(EMPTY_SECOND)[:, None]
    state.now[SPREAD_TIME:] = 0.0


def _forget(state: State, second: int) -> None:
    """A silence longer than this is a new beginning: windows start empty."""
    fresh = type(state.rings)(state.capacity)
    state.rings = fresh
    state.second = second
    _start_second(state)


def _close_minute(state: State, ts: int) -> Iterator[None]:
    rings, now = state.rings, state.now
    rings.close_minute(now[LAST], now[OI])
    yield
    bought, sold, trades = (rings.minute.run[i, 1] for i in (0, 1, 2))
    with np.errstate(all="ignore"):
        large = LARGE_MULTIPLE * (bought + sold) / trades
    state.large_at[:] = np.where(np.isfinite(large) & (large > 0), large, np.inf)[: state.rows].tolist()
    yield from _usual(state, (60,))
    if state.second % 300 == 0:
        rings.close_five(now[LAST], now[OI])
        yield
        yield from _usual(state, SURGE_WINDOWS[1:])
    for row in state.table.expired(ts):
        instrument = state.table.instruments[row]
        if instrument is not None:
            state.events.append((row, Delisted(instrument.native, ts)))
        state.free(row)
    yield


def _usual(state: State, windows: tuple[int, ...]) -> Iterator[None]:
    for window in windows:
        ring = state.rings.minute if window == 60 else state.rings.five
        if ring.filled < SURGE_HISTORY * window // ring.step_s:
            continue
        slot = SURGE_WINDOWS.index(window)
        for start in range(0, state.capacity, 512):
            part = slice(start, start + 512)
            state.rings.usual[slot, :, part] = median_and_mad(state.rings.turnover_history(window, part))
            yield


def close_bars(state: State, ts: int) -> Iterator[None]:
    """Emit the candles that are final at `ts`; looked at once a second, sliced."""
    all_bars = state.bars
    due = sorted([row for row in state.open_bars if all_bars[row].due <= ts])
    for i, row in enumerate(due):
        instrument, bars = state.table.instruments[row], all_bars[row]
        if instrument is not None:
            state.events += [(row, candle) for candle in bars.close(instrument.native, ts)]
        if bars.empty:
            state.open_bars.discard(row)
        if i % 64 == 63:
            yield


def measure_depth(state: State, phase: int) -> Iterator[None]:
    """Depth, imbalance and impact of the rows of this phase whose book changed: each row once a second."""
    rows = sorted(row for row in state.depth_dirty if row % PHASES == phase)
    for start in range(0, len(rows), CHUNK):
        _measure(state, rows[start : start + CHUNK])
        yield
    state.depth_dirty.difference_update(rows)


def _measure(state: State, rows: list[int]) -> None:
    kept = [row for row in rows if (book := state.books[row]) is not None and book.synced]
    lost = [row for row in rows if row not in set(kept)]
    if lost:
        state.depth[:, lost] = np.nan
    if not kept:
        return
    bids, asks = _sides(state, kept)
    m = mid(bids[0][:, 0], asks[0][:, 0])
    out = np.empty((state.depth.shape[0], len(kept)))
    out[[BID_10, BID_50]], bids_known, out[[SELL_10K, SELL_100K]] = profile(*bids, m, BANDS_BPS, NOTIONALS)
    out[[ASK_10, ASK_50]], asks_known, out[[BUY_10K, BUY_100K]] = profile(*asks, m, BANDS_BPS, NOTIONALS)
    out[TRUNCATED] = ~(bids_known & asks_known).all(axis=0)
    state.depth[:, kept] = out


def _sides(state: State, rows: list[int]) -> tuple[tuple[F64, F64], tuple[F64, F64]]:
    """The best levels of both sides of these rows as padded matrices, unified."""
    books = [book for row in rows if (book := state.books[row]) is not None]
    folds = [(i, fold) for i, row in enumerate(rows) if (fold := state.table.folds[row]) is not None]
    bids, asks = _best([book.bids for book in books], True), _best([book.asks for book in books], False)
    for prices, sizes in (bids, asks):
        for i, fold in folds:
            n = np.count_nonzero(sizes[i])
            p, s = prices[i, :n], sizes[i, :n]
            sizes[i, :n] = fold.contract * (s / p if fold.inverse else s * fold.multiplier)
            prices[i, :n] = p / fold.multiplier
    return bids, asks


def _best(sides: list[dict[float, float]], reverse: bool) -> tuple[F64, F64]:
    """The best levels of one side of several books, a row each, best first, native, padded with NaN and 0."""
    for side in sides:
        if len(side) > 2 * LEVELS:
            for price in [price for price, size in side.items() if size == 0.0]:
                del side[price]
    width = max(LEVELS, max(map(len, sides)))
    prices, sizes = np.full((len(sides), width), np.nan), np.zeros((len(sides), width))
    at, into_prices, into_sizes = 0, prices.data.cast("B"), sizes.data.cast("B")
    for side in sides:
        pack_into = packer(len(side)).pack_into
        pack_into(into_prices, at, *side)
        pack_into(into_sizes, at, *side.values())
        at += width * 8
    if np.count_nonzero(sizes) != sum(map(len, sides)):
        prices[sizes == 0.0] = np.nan
    order = (-prices if reverse else prices).argsort(axis=1)[:, :LEVELS]
    order += np.arange(0, prices.size, width)[:, None]
    return prices.ravel().take(order), sizes.ravel().take(order)


@cache
def packer(n: int) -> Struct:
    """Packs n float64 at once: half the time `np.fromiter` takes for a dict."""
    return Struct(f"{n}d")


def refresh(state: State, number: int) -> None:
    """One step of the exact recomputation of the running sums; a whole round takes less than a minute."""
    if number % 16 == 0:
        state.rings.refresh(number // 16 % REFRESH_STEPS)
