"""Writes into the ledger beside the live path: own fills, hours that ended, and the running one each minute."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from crosstape.app.booking import Booker
from crosstape.engine.view import View
from crosstape.model.completeness import of
from crosstape.model.errors import StoreError
from crosstape.model.event import Tally
from crosstape.store.ledger import Ledger

EVERY_S = 60.0
MOST = 20_000


class Keeper:
    """Takes views on the loop, writes in a thread.

    Rows wait by source and hour, the newest word of each; beyond `MOST` the oldest are dropped and counted in
    `lost`.
    A ledger that does not answer is tried again a minute later.
    """

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger, self._booker = ledger, Booker(ledger)
        self._waiting: dict[tuple[str, int], Tally] = {}
        self._running: Sequence[Tally] = ()
        self.lost = 0

    def take(self, view: View) -> None:
        """Hours that ended leave with the view's events."""
        self._booker.take(view)
        self._running = view.hours
        for row, event in view.events:
            if row < 0 and type(event) is Tally:
                self._add(event)

    def _add(self, tally: Tally) -> None:
        self._waiting[tally.source, tally.ts_event] = tally
        while len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]
            self.lost += 1

    async def run(self) -> None:
        """Until cancelled; what waits then is written by `flush`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._booker.run())
            while True:
                await asyncio.sleep(EVERY_S)
                await self.flush()

    async def flush(self) -> None:
        """Write what waits and how far the running hour is."""
        await self._booker.flush()
        if self._ledger is None:
            return
        for tally in self._running:
            self._add(tally)
        taken, self._waiting = self._waiting, {}
        try:
            await asyncio.to_thread(self._ledger.completeness_put, [of(tally) for tally in taken.values()])
        except StoreError as error:
            self._waiting = taken | self._waiting
            structlog.get_logger("crosstape").warning("the completeness ledger waits", reason=str(error))
