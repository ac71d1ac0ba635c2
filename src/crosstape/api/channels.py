"""All channels: opened on demand, stepped with every view, closed when nobody comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from itertools import count

from crosstape.api.catalogue import topic_of
from crosstape.api.channel import Channel
from crosstape.api.context import Context
from crosstape.api.errors import ApiError
from crosstape.api.topic import Grouped, Spec
from crosstape.engine.view import View

SLICE_S = 0.002
WAKES = 16
MAX_CHANNELS = 20_000


class Channels:
    """One task steps them; between slices the loop is free for others."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: dict[Spec, Channel] = {}
        self._by_number: dict[int, Channel] = {}
        self._numbers = count(1)
        # Any seq of a run that ended is lower: a client cannot resume into another run's batches.
        self._first_seq = int(time.time() * 10)
        self._sleepers: dict[asyncio.Event, None] = {}
        context.hub.watched = self.books

    def get(self, spec: Spec) -> Channel:
        """The channel of a spec, opened when there is none."""
        channel = self._open.get(spec)
        if channel is None:
            if len(self._open) >= MAX_CHANNELS:
                raise ApiError(503, "too_many_topics", "too many different topics are open; try again later")
            topic = topic_of(self._context, spec)
            view = self._context.view
            channel = Channel(spec, topic, self._number(), (self._first_seq + view.number) & 0xFFFFFFFF, view,
                              self._context.settings.kept_batches)  # fmt: skip
            self._open[spec] = self._by_number[channel.number] = channel
        return channel

    def books(self) -> Iterable[int]:
        """Rows whose books subscriptions need."""
        return [row for channel in self._open.values() for row in channel.topic.books]

    def wake(self, sleeper: asyncio.Event) -> None:
        """Set this event soon: clients are woken a few at a time."""
        self._sleepers[sleeper] = None

    async def run(self) -> None:
        """Until cancelled."""
        hub, traffic = self._context.hub, self._context.traffic
        since, sent, epoch = time.monotonic(), traffic.sent, hub.epoch
        while True:
            if epoch != hub.epoch:
                epoch = hub.epoch
                await self._restart()
                # It may have changed meanwhile, and waiting would miss that.
                continue
            views = hub.take_views()
            if not views:
                await hub.next_view()
                continue
            for view in views:
                await self._step(view, view is views[-1])
            await self._wake_all()
            now = time.monotonic()
            if now - since >= 1.0:
                traffic.per_s = (traffic.sent - sent) / (now - since)
                since, sent = now, traffic.sent
                self._close_idle(now)

    async def _step(self, view: View, newest: bool) -> None:
        if not self._open:
            return
        grouped = Grouped(view)
        started = time.perf_counter()
        for channel in list(self._open.values()):
            batch = channel.step(view, newest, grouped)
            if batch is not None:
                for listener in channel.listeners:
                    listener.offer(batch)
            if time.perf_counter() - started > SLICE_S:
                await asyncio.sleep(0)
                started = time.perf_counter()

    async def _restart(self) -> None:
        """Every topic anew; one whose instrument is not listed at that time keeps to what it was."""
        for channel in list(self._open.values()):
            try:
                topic = topic_of(self._context, channel.spec)
            except ApiError:
                topic = channel.topic
            channel.restart(topic, self._context.view)
            await asyncio.sleep(0)
        await self._wake_all()

    async def _wake_all(self) -> None:
        sleepers, self._sleepers = list(self._sleepers), {}
        for i, sleeper in enumerate(sleepers):
            sleeper.set()
            if i % WAKES == WAKES - 1:
                await asyncio.sleep(0)

    def _close_idle(self, now: float) -> None:
        for spec, channel in list(self._open.items()):
            if channel.listeners:
                channel.idle_since = 0.0
            elif not channel.idle_since:
                channel.idle_since = now
            elif now - channel.idle_since > self._context.settings.idle_s:
                del self._open[spec], self._by_number[channel.number]

    def _number(self) -> int:
        for number in self._numbers:
            if (number := number & 0xFFFF) not in self._by_number:
                return number
        raise AssertionError("an endless count ended")
