"""Candles of any interval, built from the world's minutes; an interval is minutes, or D, W, M."""

from typing import Final

import numpy as np
import numpy.typing as npt

from crosstape.sim.history import MINUTES, Candles
from crosstape.sim.listing import Contract
from crosstape.sim.world import World

I64 = npt.NDArray[np.int64]
MINUTE_MS: Final = 60_000
SPANS: Final = {"1": 1, "3": 3, "5": 5, "15": 15, "30": 30, "60": 60, "120": 120, "240": 240, "360": 360,
                "720": 720, "D": 1440, "W": 10_080, "M": 43_200}  # fmt: skip
MONDAY: Final = 4 * MINUTES


def starts_of(minute: I64, interval: str) -> I64:
    """The first minute of the candle that each minute belongs to."""
    if interval == "M":
        months = (minute // MINUTES).astype("datetime64[D]").astype("datetime64[M]")
        return np.asarray(months.astype("datetime64[D]").astype(np.int64) * MINUTES, np.int64)
    span, offset = SPANS[interval], MONDAY if interval == "W" else 0
    return np.asarray((minute - offset) // span * span + offset, np.int64)


def start_of(minute: int, interval: str) -> int:
    """The first minute of a minute's candle."""
    return int(starts_of(np.array([minute], np.int64), interval)[0])


def next_start(start: int, interval: str) -> int:
    """The first minute of the candle after the one that starts at `start`."""
    return start_of(start + 32 * MINUTES, "M") if interval == "M" else start + SPANS[interval]


def merge(minutes: Candles, interval: str) -> Candles:
    """Minutes to candles of an interval."""
    if not len(minutes.minute) or interval == "1":
        return minutes
    start = starts_of(minutes.minute, interval)
    first = np.flatnonzero(np.diff(start, prepend=start[0] - 1))
    last = np.append(first[1:], len(start)) - 1
    return Candles(
        start[first],
        minutes.open[first],
        np.maximum.reduceat(minutes.high, first),
        np.minimum.reduceat(minutes.low, first),
        minutes.close[last],
        np.add.reduceat(minutes.volume, first),
        np.add.reduceat(minutes.turnover, first),
    )


def candles(world: World, row: int, interval: str, first: int, last: int) -> Candles:
    """Candles that start in first <= minute <= last, oldest first; the newest may be unfinished."""
    contract, salt = world.rows.contracts[row], world.rows.salt[row]
    begin = start_of(first, interval)
    begin += SPANS[interval] if begin < first and interval != "M" else 0
    end = min(start_of(last, interval) + SPANS[interval] + MINUTES, world.now_ns // 60_000_000_000 + 1)
    found = merge(world.trading.minutes.between(row, contract, salt, begin, end), interval)
    keep = slice(*np.searchsorted(found.minute, (first, last + 1)))
    return Candles(*(getattr(found, name)[keep] for name in Candles.__struct_fields__))


def texts(contract: Contract, found: Candles) -> list[list[str]]:
    """Candles as REST prints them: start, open, high, low, close, volume, turnover."""
    price, size = contract.price_text, contract.size_text
    digits = 8 if contract.inverse else 4
    columns = (found.minute, found.open, found.high, found.low, found.close, found.volume, found.turnover)
    return [
        [str(m * MINUTE_MS), price(o), price(h), price(low), price(c), size(v), f"{t:.{digits}f}"]
        for m, o, h, low, c, v, t in zip(*(column.tolist() for column in columns), strict=True)
    ]
