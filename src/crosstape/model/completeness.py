"""One source in one hour, as the ledger keeps it and the API tells it."""

from __future__ import annotations

import msgspec

from crosstape.model.event import Tally

NAN = float("nan")


class Completeness(msgspec.Struct, frozen=True):
    """`hour` = the hour's first ns; lags and offset NaN = not known.

    repaired          trades made up for over REST
    clock_offset_ms   the venue's clock minus ours, at least
    """

    source: str
    hour: int
    frames: int = 0
    bytes: int = 0
    gaps: int = 0
    seconds_lost: float = 0.0
    repaired: int = 0
    duplicates: int = 0
    decode_errors: int = 0
    lag_p50_ms: float = NAN
    lag_p99_ms: float = NAN
    clock_offset_ms: float = NAN


def of(tally: Tally) -> Completeness:
    """An hour as the fold tells it."""
    return Completeness(
        tally.source, tally.ts_event, tally.frames, tally.bytes, tally.gaps, tally.lost_s, tally.repaired,
        tally.duplicates, tally.errors, tally.lag_p50_ms, tally.lag_p99_ms, tally.offset_ms,
    )  # fmt: skip
