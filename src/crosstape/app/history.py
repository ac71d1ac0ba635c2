"""Candles of the hours before a jump, from what a checkpoint remembers of them: its minute ring."""

from __future__ import annotations

import math

import numpy as np

from crosstape.model.event import Candle
from crosstape.state.fields import BOUGHT, INDEX_OF_SUM, SOLD, TRADES
from crosstape.state.state import State

MINUTE_S = 60


class Minutes:
    """One-minute candles of up to four hours.

    Opens are the closes before and volumes the turnover at the middle of the range: they are marked `repaired`.
    """

    def __init__(self, state: State) -> None:
        ring = state.rings.minute
        places = ring.closed(ring.filled)
        self._first = (state.second // MINUTE_S - ring.filled) * MINUTE_S
        self._close, self._high, self._low = ring.close[places], ring.high[places], ring.low[places]
        sums = ring.sums[[INDEX_OF_SUM[field] for field in (BOUGHT, SOLD, TRADES)]]
        self._flows = sums[:, places]

    def of(self, row: int) -> list[Candle]:
        """A row's, oldest first; none for a minute without trades."""
        if row >= self._close.shape[1]:
            return []
        found, before = [], math.nan
        bought, sold, trades = self._flows[:, :, row]
        for i in np.flatnonzero(trades > 0).tolist():
            close, high, low = (float(a[i, row]) for a in (self._close, self._high, self._low))
            if not (math.isfinite(close) and math.isfinite(high) and math.isfinite(low)):
                continue
            opened = before if math.isfinite(before) else close
            turnover, middle = float(bought[i] + sold[i]), (high + low) / 2
            found.append(
                Candle(
                    "", (self._first + i * MINUTE_S) * 1_000_000_000, MINUTE_S, opened, max(high, opened),
                    min(low, opened), close, turnover / middle, turnover, float(trades[i]),
                    float(bought[i]) / middle, repaired=True,
                )
            )  # fmt: skip
            before = close
        return found
