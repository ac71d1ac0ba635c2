"""The hub: the newest view, and what outlives one: trades, liquidations, candles, series, encoded answers."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable

from crosstape.api.candles import Before, Candles
from crosstape.api.lookup import Lookup
from crosstape.api.series import Series
from crosstape.api.trades import CONTINUITY, LIQUIDATIONS, Broken, Forced, RecentTrades
from crosstape.engine.view import Rows, View
from crosstape.model.event import AnyEvent, Candle, Continuity, Drift, Liquidation, Trade

RECENT_VIEWS = 32
DRIFTS = 200
ASKED_BOOKS = 256
ASKED_NS = 10_000_000_000
ANSWERS = 512
ANSWERS_BYTES = 16_000_000


class Hub:
    """Written by `publish` on every tick, read by REST and by the topics of `/ws`; one event loop, no locks.

    Bounds at 5 000 rows: trades 60 000 (~20 MB), candles 950 000 (~53 MB), series 28.8 MB, liquidations 5 000,
    continuity 2 000, drifts 200, answers of one view 16 MB: below 120 MB in all.
    """

    def __init__(self) -> None:
        self.view: View | None = None
        self.lookup: Lookup | None = None
        self.trades = RecentTrades()
        self.candles = Candles()
        self.series = Series()
        self.liquidations: deque[Forced] = deque(maxlen=LIQUIDATIONS)
        self.continuity: deque[Broken] = deque(maxlen=CONTINUITY)
        self.said: Counter[tuple[str, str]] = Counter()
        self.drifts: deque[Drift] = deque(maxlen=DRIFTS)
        self.answers: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
        self._answers_bytes = 0
        self._views: deque[View] = deque(maxlen=RECENT_VIEWS)
        self._came = asyncio.Event()
        self._asked: dict[int, int] = {}
        self.watched: Callable[[], Iterable[int]] = tuple
        self.views_skipped = 0
        self.epoch = 0

    def publish(self, view: View, tell: bool = True) -> None:
        """Take the view of a tick. Cheap: nothing is encoded here. Without `tell` topics wait for a later one."""
        if self.view is None or self.view.rows is not view.rows:
            self._relist(view.rows)
        self.view = view
        self.answers.clear()
        self._answers_bytes = 0
        self._keep(view.events)
        self.candles.file_some()
        self.series.sample(view)
        if len(self._views) == RECENT_VIEWS:
            self.views_skipped += 1
        self._views.append(view)
        if tell:
            self._came.set()

    def rewind(self, before: Before | None = None) -> None:
        """Time will jump: forget what happened. The newest view stays until there is another.

        `before` gives a row's candles of the time before.
        """
        self.trades, self.candles, self.series = RecentTrades(), Candles(before=before), Series()
        self.liquidations.clear()
        self.continuity.clear()
        self._views.clear()
        self._asked.clear()

    def repaint(self) -> None:
        """Time has jumped: every topic begins anew, with a snapshot."""
        self.epoch += 1
        self._views.clear()
        self._came.set()

    def interest(self) -> frozenset[int]:
        """Rows whose books the engine should copy: subscribed ones and those asked for of late."""
        now = self.view.ts if self.view is not None else 0
        self._asked = {row: ts for row, ts in self._asked.items() if now - ts < ASKED_NS}
        return frozenset(self._asked).union(self.watched())

    def ask_book(self, row: int) -> None:
        """A book is wanted for the next ten seconds; full = the longest asked for goes."""
        self._asked.pop(row, None)
        self._asked[row] = self.view.ts if self.view is not None else 0
        if len(self._asked) > ASKED_BOOKS:
            del self._asked[next(iter(self._asked))]

    async def next_view(self) -> None:
        """Returns after the next `publish`."""
        came = self._came
        if came.is_set():
            came = self._came = asyncio.Event()
        await came.wait()

    def take_views(self) -> list[View]:
        """Views since this was last called, oldest first; bounded, the oldest go."""
        views = list(self._views)
        self._views.clear()
        return views

    def remember(self, key: tuple[bytes, bytes], kind: bytes, body: bytes) -> None:
        """Keep an encoded answer until the next view; full = it is not kept."""
        size = len(body) + len(key[0]) + len(key[1])
        if len(self.answers) < ANSWERS and self._answers_bytes + size <= ANSWERS_BYTES:
            self.answers[key] = (kind, body)
            self._answers_bytes += size

    def _keep(self, events: Iterable[tuple[int, AnyEvent]]) -> None:
        trades: list[tuple[int, Trade]] = []
        ids = self.lookup.ids if self.lookup is not None else []
        for pair in events:
            row, event = pair
            if type(event) is Trade:
                trades.append(pair)  # type: ignore[arg-type]
            elif type(event) is Candle:
                self.candles.add(row, event)
            elif type(event) is Liquidation:
                self.liquidations.append(Forced(ids[row], row, event))
            elif type(event) is Drift:
                self.drifts.append(event)
            elif type(event) is Continuity:
                self.said[event.source, event.what] += 1
                self.continuity.append(Broken(ids[row] if row >= 0 else "", row, event))
        self.trades.extend(trades)

    def _relist(self, rows: Rows) -> None:
        old, self.lookup = self.lookup, Lookup(rows)
        if old is None:
            return
        for row, (was, now) in enumerate(zip(old.ids, self.lookup.ids, strict=False)):
            if was and was != now:
                self.trades.drop(row)
                self.candles.drop(row)
                self.series.drop(row)
                self._asked.pop(row, None)
