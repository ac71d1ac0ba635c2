"""Writes the history beside the live path: a bounded queue, one thread, files."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from crosstape.model.errors import StoreError
from crosstape.store.history import parts
from crosstape.store.history.compaction import compact
from crosstape.store.history.files import History, day_of
from crosstape.store.history.gathering import Gatherer, Moment, Tables
from crosstape.store.history.retention import prune, size_of
from crosstape.store.history.schemas import KINDS
from crosstape.store.history.settings import HistorySettings

MOMENTS = 1_200
ROWS = 400_000
PENDING_ROWS = 2_000_000
UPKEEP_S = 300.0
# What the engine says once: candles may come again from the venue, and forced orders from a second stream.
ONCE = frozenset({"trades", "quotes", "metrics", "open_interest", "funding", "candles_1s"})
STOP = Moment(-1, (), ())


class Recorder:
    """Takes moments from any thread. At most MOMENTS wait; one that finds no room is dropped and its events are
    counted in `lost`.

    Rows reach the disk every `flush_s`, sooner when ROWS are gathered. While the disk refuses, up to PENDING_ROWS
    are tried again; then the oldest tables go, counted in `lost`. `failed` says why the last try failed.
    """

    def __init__(self, history: History, settings: HistorySettings, now: Callable[[], int] = time.time_ns) -> None:
        self.history, self._settings, self._now = history, settings, now
        self._queue: queue.Queue[tuple[Moment, bool]] = queue.Queue(MOMENTS)
        self._gatherer = Gatherer(settings.kinds or tuple(KINDS), settings.metrics)
        self._pending: deque[tuple[str, str, object, bool]] = deque()
        # What is folded again after a restart may be there already; what comes live is new.
        self._again = True
        self.rows = self.lost = self.bytes = 0
        self.failed = ""
        self._thread = threading.Thread(target=self._work, name="history", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Moments that wait."""
        return self._queue.qsize()

    def take(self, moment: Moment, wait: bool = False, again: bool = False) -> None:
        """Never blocks, unless told to wait for room. `again`: it may have been taken by the run before."""
        if not self._thread.is_alive():
            self.lost += len(moment.events)
            return
        try:
            self._queue.put((moment, again), block=wait)
        except queue.Full:
            self.lost += len(moment.events)

    def close(self, timeout_s: float = 30.0) -> None:
        """Write what was taken, whole, and end. A disk that does not answer in time has failed."""
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._queue.put((STOP, False), timeout=timeout_s)
                self._thread.join(timeout_s)
        if self._thread.is_alive():
            self.failed = self.failed or f"the disk did not answer within {timeout_s:g} s"

    def _work(self) -> None:
        ended = False
        try:
            self._run()
            ended = True
        finally:
            if not ended:
                self.failed = "the recorder has stopped; see the log"
            # Whoever waits for room must not wait for ever.
            while not self._queue.empty():
                self.lost += len(self._queue.get()[0].events)

    def _run(self) -> None:
        flushed = kept = time.monotonic()
        self._sweep()
        while True:
            try:
                moment, again = self._queue.get(timeout=1.0)
            except queue.Empty:
                moment, again = None, self._again
            if self._again and not again:
                self._flush()
                self._again = False
            if moment is STOP:
                self._flush(everything=True)
                return
            if moment is not None:
                self._gatherer.take(moment)
            now = time.monotonic()
            if self._gatherer.rows >= ROWS or now - flushed >= self._settings.flush_s:
                self._flush()
                flushed = now
            if now - kept >= UPKEEP_S:
                self._upkeep(prune_too=True)
                kept = now

    def _flush(self, everything: bool = False) -> None:
        tables: Tables = self._gatherer.tables(everything)
        self._pending.extend((*one, not self._again and one[0] in ONCE) for one in tables)
        touched = set()
        while self._pending:
            kind, market, table, once = self._pending[0]
            try:
                self.rows += self.history.append(kind, market, table, once)
                self.failed = ""
            except StoreError as error:
                self.failed = str(error)
                self._bound()
                return
            self._pending.popleft()
            touched.add((kind, market))
        for kind, market in touched:
            self._compact(kind, market)

    def _bound(self) -> None:
        rows = [table.num_rows for _, _, table, _ in self._pending]  # type: ignore[attr-defined]
        total = sum(rows)
        for n in rows:
            if total <= PENDING_ROWS:
                return
            self._pending.popleft()
            self.lost += n
            total -= n

    def _compact(self, kind: str, market: str) -> None:
        today = f"day={day_of(self._now())}"
        for folder in parts.days(self.history.folder, kind, market)[-2:]:
            try:
                compact(self.history, folder, folder.name < today)
            except StoreError as error:
                self.failed = str(error)

    def _upkeep(self, prune_too: bool) -> None:
        try:
            if prune_too:
                limit = int(self._settings.retention_gb * 1e9)
                prune(self.history, self._now(), self._settings.retention_days, limit)
            self.bytes = size_of(self.history)
        except OSError as error:
            self.failed = f"history: {error}"

    def _sweep(self) -> None:
        for kind in KINDS:
            for folder in parts.days(self.history.folder, kind):
                try:
                    with parts.alone(folder):
                        parts.swept(folder)
                except (OSError, StoreError) as error:
                    self.failed = str(error)
        self._upkeep(prune_too=True)
