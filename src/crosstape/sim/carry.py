"""Funding and open interest of every row: now, at each settlement and five-minute mark, and before the start."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crosstape.sim.history import unit_noise
from crosstape.sim.listing import Contract

F64 = npt.NDArray[np.float64]
HOUR_NS = 3_600_000_000_000
BUCKET_NS = 300_000_000_000
BUCKETS_KEPT = 2_000
CAP = 0.005


class Carry:
    """One row's funding rates and open interest, both with a made-up past."""

    def __init__(self, contract: Contract, salt: int, start_ns: int, oi: int) -> None:
        self.interval_ns = contract.funding_hours * HOUR_NS
        self.salt, self.start_ns, self.home = salt, start_ns, max(oi, 1)
        self.oi = oi
        self.rate = self.past_rate(start_ns // self.interval_ns) if self.interval_ns else 0.0
        self.next_ns = (start_ns // self.interval_ns + 1) * self.interval_ns if self.interval_ns else 0
        self.settled: list[tuple[int, float]] = []
        self.marks: dict[int, int] = {}

    def cap(self) -> float:
        """The largest rate of one interval."""
        return CAP * self.interval_ns / (8 * HOUR_NS)

    def predict(self, premium: float) -> None:
        """The rate that the next settlement will apply."""
        rate = (premium * 0.5 + 1e-4) * self.interval_ns / (8 * HOUR_NS)
        self.rate = round(min(max(rate, -self.cap()), self.cap()), 8)

    def settle(self, now_ns: int) -> None:
        """Applies every settlement that has come due."""
        while self.interval_ns and now_ns >= self.next_ns:
            self.settled.append((self.next_ns, self.rate))
            self.next_ns += self.interval_ns

    def past_rate(self, index: int) -> float:
        """The rate of settlement `index` before the start."""
        slow = unit_noise(self.salt, 21, index // 9)
        own = unit_noise(self.salt, 22, index)
        return round((1e-4 + 0.8e-4 * slow + 0.3e-4 * own) * self.interval_ns / (8 * HOUR_NS), 8)

    def rates(self, first_ns: int, last_ns: int, limit: int) -> list[tuple[int, float]]:
        """Settlements first <= t <= last, newest first."""
        found = [s for s in reversed(self.settled) if first_ns <= s[0] <= last_ns][:limit]
        index = min(last_ns, self.start_ns) // self.interval_ns
        while len(found) < limit and index * self.interval_ns >= first_ns and index > 0:
            found.append((index * self.interval_ns, self.past_rate(index)))
            index -= 1
        return found

    def trade(self, lots: int, draw: float) -> None:
        """A trade opens, closes or hands on a position; open interest stays near its home."""
        opening = 0.36 + 0.06 * (1.0 - self.oi / self.home)
        if draw < opening:
            self.oi += lots
        elif draw < opening + 0.36:
            self.oi = max(self.oi - lots, 0)

    def mark(self, bucket: int) -> None:
        """Remembers open interest at a five-minute mark."""
        self.marks[bucket] = self.oi
        if len(self.marks) > BUCKETS_KEPT:
            del self.marks[next(iter(self.marks))]

    def interest(self, bucket: int) -> int:
        """Open interest in lots at a five-minute mark; before the start it is made up."""
        known = self.marks.get(bucket)
        if known is not None:
            return known
        wave = self._wave(bucket) - self._wave(self.start_ns // BUCKET_NS)
        return max(int(self.home * (1 + wave)), 1)

    def _wave(self, bucket: int) -> float:
        """A slow and a fast swing of open interest."""
        phase = (self.salt % 628) / 100.0
        slow, fast = np.sin(bucket / 211.0 + phase), np.sin(bucket / 37.0 + 2 * phase)
        return float(0.08 * slow + 0.03 * fast)


def crowding(salt: int, bucket: int, crowd: float) -> float:
    """Share of accounts that are long at a mark."""
    return 0.5 + 0.28 * float(np.tanh(crowd)) + 0.02 * unit_noise(salt, 31, bucket)


def start_interest(contracts: Sequence[Contract], turnover_usd: F64, lot_usd: F64) -> list[int]:
    """Open interest in lots at the start: about a third of a day's turnover, none for spot."""
    held = (turnover_usd * 0.35 / lot_usd).astype(np.int64).tolist()
    return [0 if c.kind == "SPOT" else max(oi, 1) for c, oi in zip(contracts, held, strict=True)]
