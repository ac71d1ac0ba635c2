"""The sides of the comparison: each takes the venue's own bytes and ends in the same accumulators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

Trades = dict[str, tuple[float, float, int, float, float, float]]
Top = tuple[float, float, float, float]
SAMPLE = 500
PRUNE = 10


class Books(NamedTuple):
    """Every book as (bids, asks), the tops last read, how many were read, and the sum of their prices."""

    books: dict[str, tuple[dict[float, float], dict[float, float]]]
    tops: dict[str, Top]
    reads: int
    total: float


class Side(Protocol):
    """One library. `trades`: bought, sold, count, last, high, low by native symbol.

    `every` messages the tops of the books that changed are read, as a tick or a strategy would; 1 = after each.
    """

    name: str

    def trades(self, messages: Sequence[bytes]) -> None:
        """Fold trade messages; timed."""
        ...

    def books(self, messages: Sequence[bytes], every: int) -> None:
        """Fold book messages; timed."""
        ...

    def traded(self) -> Trades:
        """What the trades came to; not timed."""
        ...

    def booked(self) -> Books:
        """What the books came to; not timed."""
        ...
