"""Which instrument sits in which row."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from crosstape.model.instrument import Fold, Instrument, InstrumentKind, fold_of

T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode
KEEP_NS = 24 * 3600 * 1_000_000_000


class Table:
    """Rows are handed out in the order instruments appear; a row is freed a day after its delisting."""

    def __init__(self) -> None:
        self.instruments: list[Instrument | None] = []
        self.folds: list[Fold | None] = []
        self.tiers: list[str] = []
        self.shards: list[str] = []
        self.gone_ts: list[int] = []
        self.by_market: dict[str, dict[str, int]] = {}
        self.seen: dict[str, set[str]] = {}
        self.free: list[int] = []
        self.version = 0

    def __len__(self) -> int:
        return len(self.instruments)

    def put(self, instrument: Instrument) -> tuple[int, bool]:
        """The instrument's row, and whether it is a new one. A known instrument is described again in place."""
        rows = self.by_market.setdefault(instrument.market, {})
        row = rows.get(instrument.native)
        if row is not None:
            # As bytes: a NaN that came out of a checkpoint is no other instrument.
            if _encode(self.instruments[row]) != _encode(instrument):
                self.instruments[row] = instrument
                self.folds[row] = fold_of(instrument)
                self.version += 1
            self.gone_ts[row] = 0
            return row, False
        row = self.free.pop() if self.free else len(self.instruments)
        place(self.instruments, row, instrument)
        place(self.folds, row, fold_of(instrument))
        place(self.tiers, row, "C")
        place(self.shards, row, "")
        place(self.gone_ts, row, 0)
        rows[instrument.native] = row
        self.version += 1
        return row, True

    def find(self, instrument_id: str) -> int | None:
        """Row of "<market>:<native>"."""
        market, _, native = instrument_id.partition(":")
        return self.by_market.get(market, {}).get(native)

    def delist(self, row: int, now: int) -> None:
        """Start the day after which the row is freed."""
        if not self.gone_ts[row]:
            self.gone_ts[row] = now
            self.version += 1

    def missing(self, market: str) -> list[int]:
        """Rows of a market that a whole catalogue did not name; starts the next round. None after an empty or
        suspiciously short catalogue."""
        seen = self.seen.pop(market, set())
        rows = self.by_market.get(market, {})
        known = [row for native, row in rows.items() if native not in seen and not self.gone_ts[row]]
        return known if len(seen) * 2 >= len(rows) else []

    def expired(self, now: int) -> list[int]:
        """Rows whose day is over."""
        return [row for row, ts in enumerate(self.gone_ts) if ts and now - ts >= KEEP_NS]

    def drop(self, row: int) -> None:
        """Free a row."""
        instrument = self.instruments[row]
        if instrument is None:
            return
        del self.by_market[instrument.market][instrument.native]
        self.instruments[row], self.folds[row] = None, None
        self.tiers[row], self.shards[row], self.gone_ts[row] = "C", "", 0
        self.free.append(row)
        self.version += 1


def undescribed(market: str, native: str) -> Instrument:
    """An instrument no catalogue described: multiplier 1, its quote unknown, flagged."""
    kind = InstrumentKind.SPOT if market.endswith("spot") else InstrumentKind.PERP
    return Instrument(market, native, kind, native, "", "", described=False, status="undescribed")


def place(column: list[T], row: int, value: T) -> None:
    """Set a row's entry, or append the next row's."""
    if row == len(column):
        column.append(value)
    else:
        column[row] = value
