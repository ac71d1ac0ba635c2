"""What an instrument's mid was, out of the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstape.store.history.files import History

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SECOND_NS = 1_000_000_000


class HistoryMids:
    """Sampled quotes; where there are none, closes of one-second candles, known when their second is over."""

    def __init__(self, history: History) -> None:
        self._history = history

    def mids(self, instrument: str, since: int, until: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times in [since, until) ns, ascending, and mids; empty = not known."""
        import numpy as np

        market = instrument.partition(":")[0]
        rows = self._history.read("quotes", market, since, until, [instrument], ("ts", "bid", "ask"))
        if rows.num_rows:
            times = rows["ts"].to_numpy().astype(np.int64)
            values = (rows["bid"].to_numpy() + rows["ask"].to_numpy()) / 2.0
        else:
            first, columns = since - SECOND_NS, ("ts", "close")
            rows = self._history.read("candles_1s", market, first, until, [instrument], columns)
            times = rows["ts"].to_numpy().astype(np.int64) + SECOND_NS
            values = rows["close"].to_numpy()
        known = values > 0
        return times[known], values[known]
