"""Candles built from trades: one-minute bars by the venue's own time, longer ones out of closed minutes."""

from __future__ import annotations

from crosstape.model.event import Candle

MINUTE_NS = 60_000_000_000
GRACE_NS = 1_000_000_000
NEVER = float("inf")
LONGER_S = (180, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
TIMEFRAMES: dict[str, int] = {
    "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600,
    "2h": 7200, "4h": 14400, "6h": 21600, "12h": 43200, "1d": 86400,
}  # fmt: skip

# A bar is a list: start (ns), open, high, low, close, volume, turnover, trades, taker buy volume.
Bar = list[float]


class Bars:
    """One row's open bars. A minute closes one second after its end; a trade that comes later still is late."""

    __slots__ = ("before", "closed", "due", "longer", "minute")

    def __init__(self) -> None:
        # No bar is final before; too early costs only a look.
        self.due = 0.0
        self.minute: Bar | None = None
        self.before: Bar | None = None
        self.closed = 0
        self.longer: dict[int, Bar] = {}

    def trade(self, ts: int, price: float, size: float, notional: float, bought: bool) -> bool:
        """Take one trade. False: its minute is closed already and the trade is in no candle."""
        bar = self.minute
        if bar is None or not bar[0] <= ts < bar[0] + MINUTE_NS:
            start = ts - ts % MINUTE_NS
            if start < self.closed:
                return False
            if bar is None or start > bar[0]:
                if bar is not None:
                    self.before = bar
                self.due = min(self.due, start + MINUTE_NS + GRACE_NS)
                self.minute = [start, price, price, price, price, size, notional, 1.0, size if bought else 0.0]
                return True
            if self.before is None or start != self.before[0]:
                return False
            bar = self.before
        if price > bar[2]:
            bar[2] = price
        if price < bar[3]:
            bar[3] = price
        bar[4] = price
        bar[5] += size
        bar[6] += notional
        bar[7] += 1.0
        if bought:
            bar[8] += size
        return True

    def close(self, symbol: str, now: int) -> list[Candle]:
        """The candles that are final at `now`: the minute, and every longer one that ends with it."""
        done: list[Candle] = []
        if self.before is not None and now >= self.before[0] + MINUTE_NS + GRACE_NS:
            done += self._finish(symbol, self.before)
            self.before = None
        if self.minute is not None and now >= self.minute[0] + MINUTE_NS + GRACE_NS:
            done += self._finish(symbol, self.minute)
            self.minute = None
        for seconds in [s for s, b in self.longer.items() if now >= b[0] + s * 1_000_000_000 + GRACE_NS]:
            done.append(candle(symbol, seconds, self.longer.pop(seconds)))
        ends = [bar[0] + MINUTE_NS for bar in (self.minute, self.before) if bar is not None]
        ends += [bar[0] + seconds * 1_000_000_000 for seconds, bar in self.longer.items()]
        self.due = min(ends, default=NEVER) + GRACE_NS
        return done

    def _finish(self, symbol: str, bar: Bar) -> list[Candle]:
        done = [candle(symbol, 60, bar)]
        self.closed = max(self.closed, int(bar[0]) + MINUTE_NS)
        for seconds in LONGER_S:
            span = seconds * 1_000_000_000
            start = int(bar[0]) - int(bar[0]) % span
            longer = self.longer.get(seconds)
            if longer is not None and longer[0] != start:
                done.append(candle(symbol, seconds, longer))
                longer = None
            if longer is None:
                self.longer[seconds] = [start, *bar[1:]]
            else:
                merge(longer, bar)
        return done

    @property
    def empty(self) -> bool:
        """Nothing is open."""
        return self.minute is None and self.before is None and not self.longer


def merge(into: Bar, bar: Bar) -> None:
    """Add a later bar to an open one."""
    into[2] = max(into[2], bar[2])
    into[3] = min(into[3], bar[3])
    into[4] = bar[4]
    for i in (5, 6, 7, 8):
        into[i] += bar[i]


def candle(symbol: str, seconds: int, bar: Bar) -> Candle:
    """The event of a closed bar."""
    o, h, low, c, volume, turnover, trades, bought = bar[1:]
    return Candle(symbol, int(bar[0]), seconds, o, h, low, c, volume, turnover, trades, bought)
