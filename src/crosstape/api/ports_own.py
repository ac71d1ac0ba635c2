"""What the API needs of others about own trading."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Mids(Protocol):
    """Who knows what an instrument's mid was. Called in a thread; StoreError becomes a 503."""

    def mids(self, instrument: str, since: int, until: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times in [since, until) ns, ascending, and mids; empty = not known."""
        ...
