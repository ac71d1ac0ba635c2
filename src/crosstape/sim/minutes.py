"""The last 24 hours of every contract by the minute, rolled as the clock goes, sums kept exact."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crosstape.sim.history import MINUTES, Candles, History, concat, select
from crosstape.sim.listing import Contract

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


class Minutes:
    """A ring of 1 440 minutes a row, the current one included; older minutes since the start are forgotten."""

    def __init__(self, contracts: Sequence[Contract], salts: Sequence[int], history: History) -> None:
        self.history, self.now = history, history.minute
        self.counts: I64 = np.zeros((5, 0, MINUTES), np.int64)
        self.turnover: F64 = np.zeros((0, MINUTES))
        parts = [self._past(c, s) for c, s in zip(contracts, salts, strict=True)]
        self.counts = np.stack([p[0] for p in parts], axis=1)
        self.turnover = np.stack([p[1] for p in parts])
        self._summarise()
        self.live = [[c, c, c, c, 0] for c in self.counts[CLOSE, :, (self.now - 1) % MINUTES].tolist()]
        self.live_turnover = [0.0] * len(contracts)

    def _past(self, contract: Contract, salt: int) -> tuple[I64, F64]:
        """One row of the ring at the start, slot = minute % 1440."""
        past = concat([self.history.candles(contract, salt, self.now // MINUTES - back) for back in (1, 0)])
        at = int(np.searchsorted(past.minute, self.now))
        past = select(past, slice(at - MINUTES, at))
        old = past.minute < contract.launch_ns // 60_000_000_000
        past.volume[old], past.turnover[old] = 0, 0.0
        order = np.argsort(past.minute % MINUTES)
        counts = np.stack([past.open, past.high, past.low, past.close, past.volume])[:, order]
        return counts, past.turnover[order]

    def grow(self, ticks: int) -> None:
        """Room for one more contract, which has no past."""
        blank = np.zeros((5, 1, MINUTES), np.int64)
        blank[:VOLUME] = ticks
        self.counts = np.concatenate((self.counts, blank), axis=1)
        self.turnover = np.vstack((self.turnover, np.zeros((1, MINUTES))))
        self.live.append([ticks, ticks, ticks, ticks, 0])
        self.live_turnover.append(0.0)
        self._summarise()

    def _summarise(self) -> None:
        """What the 1 439 closed minutes of the window sum to."""
        slot = self.now % MINUTES
        closed = np.arange(MINUTES) != slot
        self.volume_closed: list[int] = self.counts[VOLUME][:, closed].sum(axis=1).tolist()
        self.turnover_closed: list[float] = self.turnover[:, closed].sum(axis=1).tolist()
        self.high_closed: list[int] = self.counts[HIGH][:, closed].max(axis=1).tolist()
        self.low_closed: list[int] = self.counts[LOW][:, closed].min(axis=1).tolist()
        self.day_ago: list[int] = self.counts[OPEN, :, (slot + 1) % MINUTES].tolist()
        self.hour_ago: list[int] = self.counts[OPEN, :, (slot - 59) % MINUTES].tolist()

    def add(self, row: int, ticks: int, lots: int, turnover: float) -> None:
        """A trade in the current minute."""
        live = self.live[row]
        if not live[VOLUME]:
            live[OPEN] = live[HIGH] = live[LOW] = ticks
        elif ticks > live[HIGH]:
            live[HIGH] = ticks
        elif ticks < live[LOW]:
            live[LOW] = ticks
        live[CLOSE] = ticks
        live[VOLUME] += lots
        self.live_turnover[row] += turnover

    def roll(self, minute: int) -> None:
        """Closes minutes until `minute` is the current one."""
        for _ in range(min(minute - self.now, MINUTES)):
            slot = self.now % MINUTES
            self.counts[:, :, slot] = np.array(self.live, np.int64).T
            self.turnover[:, slot] = self.live_turnover
            self.live = [[c, c, c, c, 0] for _, _, _, c, _ in self.live]
            self.live_turnover = [0.0] * len(self.live)
            self.now += 1
        self.now = minute
        self._summarise()

    def between(self, row: int, contract: Contract, salt: int, first: int, last: int) -> Candles:
        """Minutes first <= m < last of a row: made up before the ring, from the ring in it."""
        ring_first = self.now - MINUTES + 1
        older = self.history.between(contract, salt, first, min(last, ring_first))
        minute = np.arange(max(first, ring_first), min(last, self.now), dtype=np.int64)
        minute = minute[minute >= contract.launch_ns // 60_000_000_000]
        slots = minute % MINUTES
        o, h, low, c, v = self.counts[:, row, slots]
        parts = [older, Candles(minute, o, h, low, c, v, self.turnover[row, slots])]
        if first <= self.now < last:
            m, o, h, low, c, v = (np.array([value], np.int64) for value in (self.now, *self.live[row]))
            parts.append(Candles(m, o, h, low, c, v, np.array([self.live_turnover[row]])))
        return concat(parts)
