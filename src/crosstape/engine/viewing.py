"""How a view is made on a TICK: state brought up to the instant, columns, quality, boards, digest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crosstape.boards.board import Board, Ranking, rank
from crosstape.engine.accounts import tally
from crosstape.engine.assets import group
from crosstape.engine.crossing import Crossing
from crosstape.engine.digest import Digest
from crosstape.engine.owning import own_accounts
from crosstape.engine.settings import EngineSettings
from crosstape.engine.view import Assets, BookCopy, Rows, SourceState, View
from crosstape.metrics.column import Cadence, Column
from crosstape.model.event import AnyEvent, Tally
from crosstape.model.frame import Frame
from crosstape.model.quality import Quality
from crosstape.state import tick
from crosstape.state.at import At
from crosstape.state.catalogue import Catalogue
from crosstape.state.fields import ASK, BID, DAY_TURNOVER, LAST, LIVE
from crosstape.state.state import TRUNCATED, State

F64 = NDArray[np.float64]
Scalar = TypeVar("Scalar", bound=np.generic)
BATCH = 24
GAP_S = 3600.0
BOOK_LEVELS = 200


class Viewer:
    """Keeps what outlives a tick: slower columns, the catalogue's arrays, the digest."""

    def __init__(self, columns: tuple[Column, ...], boards: tuple[Board, ...], digest: Digest) -> None:
        self.columns, self.boards, self.digest = columns, boards, digest
        self.number = 0
        self.second = 0
        self.values: dict[str, F64] = {}
        self.rankings: dict[str, Ranking] = {}
        self.rows = Rows(-1, (), {}, (), np.zeros(0, bool))
        self.crossing: Crossing | None = None
        self.known: Catalogue | None = None
        self.assets = Assets((), {}, np.zeros(0, np.intp))
        self.interest: frozenset[int] = frozenset()
        self.hours: tuple[Tally, ...] = ()

    def view(self, state: State, settings: EngineSettings, frame: Frame) -> Iterator[View | None]:
        """Slices, then the view. The state's events of the tick leave with it."""
        ts = frame.ts_recv
        with np.errstate(all="ignore"):
            for _ in tick.gather(state, ts):
                yield None
            new_second = ts // tick.SECOND_NS != self.second
            for _ in tick.advance(state, ts):
                yield None
            if new_second:
                self.second = ts // tick.SECOND_NS
                for _ in tick.close_bars(state, ts):
                    yield None
            for _ in tick.measure_depth(state, self.number % tick.PHASES):
                yield None
            tick.refresh(state, self.number)
            state.leadlag.sample(state.now[BID], state.now[ASK])
            known = self._catalogue(state, settings, new_second)
            yield None
            at = At(state, ts, known)
            if new_second:
                for _ in self._across(state, at):
                    yield None
            at.across = self.crossing.on_rows if self.crossing is not None else {}
            for _ in self._compute(at, new_second):
                yield None
            quality = _quality(state, known, at, settings.mode)
            self._rank(known, quality, new_second)
            yield None
            if new_second:
                self.assets = group(known, self.values, self.crossing.by_asset if self.crossing else {})
                for values in self.assets.columns.values():
                    self.digest.add(np.where(values == values, values, np.nan))
                for one in own_accounts(state):
                    self.digest.add_own(one)
                self.hours = tuple(tally(source) for source in state.sources.values() if source.hour.began)
                yield None
            yield self._publish(state, settings.mode, frame, quality)

    def _across(self, state: State, at: At) -> Iterator[None]:
        if self.crossing is not None:
            if self.second % 60 == 0:
                state.leadlag.follow(self.crossing.pairs(at))
                yield from state.leadlag.measure()
            self.crossing.measure(state, at)
            yield
        closes = None
        if self.second % 3600 == 0:
            ring = state.rings.five
            closes = ring.close[ring.closed(ring.slots), : at.n]
        price, changed = at[LAST] * at.usd, False
        if self.known is not None and ((self.known.asset_code < 0) & self.known.alive & (price > 0)).any():
            changed = state.identity.join(state.table, price, at[DAY_TURNOVER] * at.usd)
        if closes is not None:
            changed |= state.identity.split(state.table, closes)
        state.table.version += changed

    def _catalogue(self, state: State, settings: EngineSettings, new_second: bool) -> Catalogue:
        known = self.known
        if known is None or known.version != state.table.version:
            known = self.describe(state, settings)
            new_second = True
            self.values = {name: _wider(v, state.rows) for name, v in self.values.items()}
        if new_second:
            known.price(state.now[:, : state.rows])
            state.usd = known.usd
        return known

    def describe(self, state: State, settings: EngineSettings) -> Catalogue:
        """Take the table as it is now."""
        known = self.known = Catalogue(state.table, state.identity)
        self.crossing = Crossing(state.table, known, settings)
        self.rows = Rows(
            known.version,
            tuple(state.table.instruments),
            {i.id: row for row, i in enumerate(state.table.instruments) if i is not None},
            tuple(state.table.tiers),
            _frozen(known.alive),
            tuple(state.identity.asset(row) for row in range(state.rows)),
            tuple(state.identity.reason(row) for row in range(state.rows)),
        )
        return known

    def _due(self, column: Column, new_second: bool) -> bool:
        if column.cadence is Cadence.TICK or column.name not in self.values:
            return True
        if column.cadence is Cadence.SECOND:
            return new_second
        return new_second and self.second % 60 == 0

    def _compute(self, at: At, new_second: bool) -> Iterator[None]:
        due = [column for column in self.columns if self._due(column, new_second)]
        for i, column in enumerate(due):
            values = np.asarray(column.compute(at), np.float64)
            # One NaN for all: its sign bit depends on the instruction that made it, and the digest sees bits.
            values = np.where(values == values, values, np.nan)
            self.values[column.name] = _frozen(values)
            self.digest.add_text(column.name)
            self.digest.add(values)
            if i % BATCH == BATCH - 1 or column.cadence is Cadence.MINUTE:
                yield

    def _rank(self, known: Catalogue, quality: NDArray[np.uint32], new_second: bool) -> None:
        for board in self.boards:
            if board.column.cadence is Cadence.TICK or new_second or board.name not in self.rankings:
                ranking = rank(board, self.values, quality, known.alive)
                self.rankings[board.name] = ranking
                self.digest.add(ranking.rows)

    def still(self, state: State, mode: str, seq: int) -> View | None:
        """The newest view once more, from the state: for who begins at a checkpoint. None before the first view.

        Nothing is counted or digested; events are not known.
        """
        known = self.known
        if known is None or not self.values:
            return None
        quality = _quality(state, known, At(state, state.ts, known), mode)
        return self._made(state, mode, seq, state.ts, quality, (), self.digest.value.hex())

    def _publish(self, state: State, mode: str, frame: Frame, quality: NDArray[np.uint32]) -> View:
        events, state.events = tuple(state.events), []
        self.digest.add(quality)
        self.digest.add_events(events)
        self.number += 1
        return self._made(state, mode, frame.seq, frame.ts_recv, quality, events, self.digest.close())

    def _made(
        self,
        state: State,
        mode: str,
        seq: int,
        ts: int,
        quality: NDArray[np.uint32],
        events: tuple[tuple[int, AnyEvent], ...],
        digest: str,
    ) -> View:
        return View(
            number=self.number,
            seq=seq,
            ts=ts,
            mode=mode,
            rows=self.rows,
            columns=dict(self.values),
            quality=quality,
            boards=dict(self.rankings),
            assets=self.assets,
            events=events,
            books={row: copy for row in sorted(self.interest) if (copy := book_copy(state, row)) is not None},
            sources=tuple(_source_states(state)),
            usd=_frozen(self.known.usd) if self.known is not None else np.zeros(0),
            late_trades=state.late_trades,
            digest=digest,
            hours=self.hours,
            own=tuple(own_accounts(state)),
        )


def _quality(state: State, known: Catalogue, at: At, mode: str) -> NDArray[np.uint32]:
    n, now, seconds = state.rows, state.now, at.ts * 1e-9
    bid, ask = now[BID, :n], now[ASK, :n]
    crossed = bid >= ask
    state.crossed_s[:n] = np.where(crossed, np.minimum(state.crossed_s[:n], seconds), np.inf)
    covered = at.total(LIVE, 3600)
    conditions: Sequence[tuple[Quality, NDArray[np.bool_]]] = (
        (Quality.STALE, known.wanted & ~tick.live(state)[:n]),
        (Quality.GAP, seconds - state.gap_s[:n] < GAP_S),
        (Quality.RESYNCING, state.resyncing[:n]),
        (Quality.CROSSED, crossed),
        (Quality.TRUNCATED, state.depth[TRUNCATED, :n] == 1.0),
        (Quality.PARTIAL_WINDOW, covered < 0.99 * 3600.0),
        (Quality.UNDESCRIBED, known.undescribed),
        (Quality.HALVED_OI, state.halved[:n]),
        (Quality.LOSSY, state.lossy[:n]),
        (Quality.UNPROVEN, state.unproven[:n]),
        (Quality.SAMPLED, state.sampled[:n]),
        (Quality.SKEWED, state.skewed[:n]),
        (Quality.REPAIRED, seconds - state.repaired_s[:n] < GAP_S),
        (Quality.SIMULATED, np.full(n, mode == "simulated")),
    )
    flags = np.zeros(n, np.uint32)
    for flag, rows in conditions:
        flags[rows] |= flag.value
    return flags


def book_copy(state: State, row: int) -> BookCopy | None:
    """The row's book as of now, unified; None where it has none."""
    if row >= state.rows or (book := state.books[row]) is None:
        return None
    bids, asks = book.levels(BOOK_LEVELS) if book.synced else ([], [])
    fold = state.table.folds[row]
    if fold is not None:
        bids = [(fold.price(p), fold.size(p, s)) for p, s in bids]
        asks = [(fold.price(p), fold.size(p, s)) for p, s in asks]
    return BookCopy(state.ts, book.synced, bids, asks, book.last)


def _source_states(state: State) -> Iterator[SourceState]:
    for s in state.sources.values():
        since = s.opened_ts if s.is_open else s.closed_ts
        yield SourceState(s.name, s.market, s.is_open, since, s.last_ts, s.conn, s.opens, s.frames, s.bytes,
                          s.failed, s.errors, s.gaps, s.last_error, s.duplicates, s.repaired, s.drifts,
                          s.silent, s.skips, s.checked, s.differing)  # fmt: skip


def _frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    array.flags.writeable = False
    return array


def _wider(values: F64, rows: int) -> F64:
    if values.shape[0] == rows:
        return values
    wide = np.full(rows, np.nan)
    wide[: values.shape[0]] = values
    return wide
