"""Recent events by instrument: bounded rings filled from `view.events`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from crosstape.model.event import Continuity, Liquidation, Trade

TRADES_A_ROW = 500
TRADES = 60_000
LIQUIDATIONS = 5_000
CONTINUITY = 2_000


class Forced(msgspec.Struct, frozen=True):
    """A liquidation with the id it had then: a row may be reused."""

    id: str
    row: int
    event: Liquidation


class Broken(msgspec.Struct, frozen=True):
    """A continuity event; `id` "" when it is about a whole source."""

    id: str
    row: int
    event: Continuity


class RecentTrades:
    """The newest trades of each row; full = the oldest go, a row's own first, then the oldest of all."""

    def __init__(self, a_row: int = TRADES_A_ROW, bound: int = TRADES) -> None:
        self._a_row, self._bound = a_row, bound
        self._rows: dict[int, deque[Trade]] = {}
        self._order: deque[tuple[int, Trade]] = deque()

    def __len__(self) -> int:
        return len(self._order)

    def extend(self, pairs: Iterable[tuple[int, Trade]]) -> None:
        """Take trades, in order."""
        rows, order = self._rows, self._order
        for pair in pairs:
            row, trade = pair
            kept = rows.get(row)
            if kept is None:
                kept = rows[row] = deque(maxlen=self._a_row)
            kept.append(trade)
            order.append(pair)
        while len(order) > self._bound:
            row, trade = order.popleft()
            kept = rows.get(row)
            if kept and kept[0] is trade:
                kept.popleft()

    def of(self, row: int, most: int) -> list[Trade]:
        """Newest last."""
        kept = self._rows.get(row)
        return list(kept)[-most:] if kept and most > 0 else []

    def drop(self, row: int) -> None:
        """The row belongs to another instrument now."""
        self._rows.pop(row, None)
