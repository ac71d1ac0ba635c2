"""The slow, obvious model: a log of what happened, and every column computed from it from scratch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

NAN = float("nan")
SLOT = {60: 1, 300: 1, 900: 60, 3600: 60, 14400: 60, 86400: 300}
SUMS = ("bought", "sold", "trades", "large", "ofi", "liq_long", "liq_short", "spread_time", "spread_dt", "live")


@dataclass
class Row:
    """One instrument, unified; one entry a second since `first`."""

    first: int
    seconds: list[dict[str, float]] = field(default_factory=list)
    last: float = NAN
    oi: float = NAN
    quote: tuple[float, float, float, float] = (NAN, NAN, NAN, NAN)
    large_at: float = 25_000.0

    def open(self) -> dict[str, float]:
        return self.seconds[-1]

    def start_second(self) -> None:
        if self.seconds:
            self.open()["close"], self.open()["oi"] = self.last, self.oi
        self.seconds.append(dict.fromkeys(SUMS, 0.0) | {"high": -math.inf, "low": math.inf})

    def trade(self, price: float, size: float, buy: bool) -> None:
        now, notional = self.open(), price * size
        self.last = price
        now["bought" if buy else "sold"] += notional
        now["trades"] += 1
        now["large"] += notional if notional >= self.large_at else 0.0
        now["high"], now["low"] = max(now["high"], price), min(now["low"], price)

    def set_quote(self, new: tuple[float, float, float, float]) -> None:
        (b0, bs0, a0, as0), (b1, bs1, a1, as1) = self.quote, new
        if new != self.quote and not math.isnan(b0):
            flow = (bs1 if b1 >= b0 else 0) - (bs0 if b1 <= b0 else 0)
            flow += (as0 if a1 >= a0 else 0) - (as1 if a1 <= a0 else 0)
            self.open()["ofi"] += flow * (b1 + a1) / 2
        self.quote = new

    def tick(self, elapsed: float) -> None:
        bid, _, ask, _ = self.quote
        if ask > bid:
            self.open()["spread_time"] += 1e4 * (ask - bid) / ((ask + bid) / 2) * elapsed
            self.open()["spread_dt"] += elapsed
        self.open()["live"] += elapsed


class Batch:
    """Columns of one row at time t (s), out of its log; `open_second` = the log's last entry."""

    def __init__(self, row: Row, t: float) -> None:
        self.row, self.t = row, t
        self.now = math.floor(t)
        self.log = {k: np.array([s.get(k, NAN) for s in row.seconds]) for k in (*SUMS, "high", "low")}
        self.close = np.array([s["close"] for s in row.seconds[:-1]])
        self.oi = np.array([s["oi"] for s in row.seconds[:-1]])

    def between(self, name: str, start: int, end: int) -> np.ndarray:
        first = self.row.first
        return self.log[name][max(start - first, 0) : max(end - first, 0)]

    def total(self, name: str, w: int) -> float:
        slot = SLOT[w]
        c = self.now // slot
        n = w // slot
        whole = self.between(name, (c - n) * slot, self.now + 1).sum()
        oldest = self.between(name, (c - n) * slot, (c - n + 1) * slot).sum()
        if name != "live" and self.total("live", w) < 1e-3:
            return NAN
        return float(whole - (self.t / slot - c) * oldest)

    def at(self, values: np.ndarray, second: int) -> float:
        """Value as of the end of the second before `second`."""
        i = second - 1 - self.row.first
        return float(values[i]) if 0 <= i < len(values) else NAN

    def ago(self, values: np.ndarray, w: int) -> float:
        slot = next(s for s, longest in ((1, 300), (60, 14400), (300, 86400)) if w <= longest)
        return self.at(values, (self.now // slot - w // slot) * slot)

    def extreme(self, name: str, w: int) -> float:
        slot = SLOT[w]
        part = self.between(name, (self.now // slot - w // slot) * slot, self.now + 1)
        best = part.max() if name == "high" else part.min()
        return float(best) if math.isfinite(best) else NAN

    def squares(self, w: int) -> float:
        """Sum of squared log returns on the window's grid, closed slots only, the oldest in proportion."""
        step = 1 if w <= 300 else 60
        slot = SLOT[w]
        c = self.now // slot
        marks = range((c - w // slot) * slot, self.now // step * step, step)
        r = {m: self._square(m, step) for m in marks}
        oldest = sum(v for m, v in r.items() if m < (c - w // slot + 1) * slot)
        return sum(r.values()) - (self.t / slot - c) * oldest

    def _square(self, start: int, step: int) -> float:
        before, after = self.at(self.close, start), self.at(self.close, start + step)
        value = math.log(after / before) ** 2 if before > 0 and after > 0 else 0.0
        return value

    def ranges(self, w: int) -> float:
        slot = SLOT[w]
        c = self.now // slot
        found = {}
        for start in range((c - w // slot) * slot, self.now // 60 * 60, 60):
            high, low = self.between("high", start, start + 60), self.between("low", start, start + 60)
            top, bottom = high.max(initial=-math.inf), low.min(initial=math.inf)
            found[start] = math.log(top / bottom) ** 2 if top > 0 and math.isfinite(bottom) else 0.0
        oldest = sum(v for m, v in found.items() if m < (c - w // slot + 1) * slot)
        return sum(found.values()) - (self.t / slot - c) * oldest

    def usual(self, w: int) -> tuple[float, float]:
        """Median and scaled log MAD of the 20 windows before the last time they were looked at."""
        step = 60 if w == 60 else 300
        end = self.now // step * step
        history, seen = [], []
        for i in range(20, 0, -1):
            start = end - i * w
            if start < self.row.first // step * step:
                return NAN, NAN
            part = (start, start + w)
            history.append(float(self.between("bought", *part).sum() + self.between("sold", *part).sum()))
            seen.append(float(self.between("live", *part).sum()))
        if min(seen) <= 0:
            return NAN, NAN
        logs = np.log(np.where(np.array(history) > 0, history, NAN))
        deviation = np.abs(logs - np.median(logs))
        return float(np.median(history)), 1.4826 * float(np.median(deviation))
