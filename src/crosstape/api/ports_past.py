"""What the API asks of the instruments that users brought in."""

from __future__ import annotations

from typing import Any, Protocol


class Past(Protocol):
    """Instruments of the history, whether they are live too or not. Called in a thread.

    ConfigError: what was asked for is wrong, "name: reason". StoreError: disk or ledger are not there.
    """

    def instruments(self) -> list[dict[str, Any]]:
        """Every one, the newest data first: id, market, native, sources, kinds, rows, from, to (ms), streams."""
        ...

    def one(self, id: str) -> dict[str, Any] | None:
        """With `last`, its last price; None where nothing of it was brought in."""
        ...

    def candles(self, id: str, timeframe: str, since_ms: int, limit: int) -> list[dict[str, Any]] | None:
        """The newest, oldest first; None where nothing of it was brought in."""
        ...

    def trades(self, id: str, since_ms: int, limit: int) -> list[dict[str, Any]]:
        """The newest, newest first."""
        ...
