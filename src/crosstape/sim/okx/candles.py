"""OKX's bars, built from the world's minutes: those of six hours and longer begin at UTC+8 unless they say utc."""

from typing import Final

import numpy as np

from crosstape.sim.history import DAYS_KEPT, MINUTES, Candles
from crosstape.sim.klines import MINUTE_MS, candles
from crosstape.sim.listing import Contract
from crosstape.sim.okx.native import plain, price_text, size_text
from crosstape.sim.world import World

INTERVALS: Final = {
    "1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1H": "60", "2H": "120", "4H": "240",
    "6Hutc": "360", "12Hutc": "720", "1Dutc": "D", "1Wutc": "W", "1Mutc": "M",
}  # fmt: skip
SPANS: Final = {"D": 1440, "W": 10_080, "M": 44_640}
EASTERN: Final = {"6H": 360, "12H": 720, "1D": 1440}
AHEAD: Final = 480


class NotABar(Exception):
    """There is no such bar."""


def bars(world: World, row: int, bar: str, before: int, after: int, limit: int) -> list[list[str]]:
    """Up to `limit` bars with before < start < after (ms, 0 = unbounded), newest first."""
    span = EASTERN.get(bar) or _span(bar)
    now = world.now_ns // 60_000_000_000
    last = min((after - 1) // MINUTE_MS, now) if after else now
    oldest = max(last - (limit + 1) * span, now - (DAYS_KEPT - 2) * MINUTES)
    first = max(before // MINUTE_MS + 1, oldest) if before else oldest
    if first > last:
        return []
    if bar in EASTERN:
        found = eastern(candles(world, row, "60", first - span, last), span)
    else:
        found = candles(world, row, INTERVALS[bar], first, last)
    rows = texts(world.rows.contracts[row], found, span, now)
    return [r for r in reversed(rows) if before < int(r[0]) and (not after or int(r[0]) < after)][:limit]


def _span(bar: str) -> int:
    interval = INTERVALS.get(bar)
    if interval is None:
        raise NotABar(bar)
    return SPANS.get(interval) or int(interval)


def eastern(hours: Candles, span: int) -> Candles:
    """Hours to bars that begin at multiples of the span in UTC+8. The first, which may lack hours, goes."""
    if not len(hours.minute):
        return hours
    start = (hours.minute + AHEAD) // span * span - AHEAD
    first = np.flatnonzero(np.diff(start, prepend=start[0] - 1))
    last = np.append(first[1:], len(start)) - 1
    return Candles(
        start[first][1:],
        hours.open[first][1:],
        np.maximum.reduceat(hours.high, first)[1:],
        np.minimum.reduceat(hours.low, first)[1:],
        hours.close[last][1:],
        np.add.reduceat(hours.volume, first)[1:],
        np.add.reduceat(hours.turnover, first)[1:],
    )


def texts(c: Contract, found: Candles, span: int, now: int) -> list[list[str]]:
    """Start, open, high, low, close, volume, volCcy, volCcyQuote, confirm."""
    columns = (found.minute, found.open, found.high, found.low, found.close, found.volume, found.turnover)
    rows = []
    for m, o, h, low, close, lots, turnover in zip(*(column.tolist() for column in columns), strict=True):
        coins = turnover if c.inverse else lots * c.lot
        quote = lots * c.lot if c.inverse else turnover
        sizes = (size_text(c, lots), plain(quote if c.kind == "SPOT" else coins, 8), plain(quote, 8))
        prices = (price_text(c, ticks) for ticks in (o, h, low, close))
        rows.append([str(m * MINUTE_MS), *prices, *sizes, "1" if m + span <= now else "0"])
    return rows
