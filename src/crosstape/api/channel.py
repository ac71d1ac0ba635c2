"""Channels: a topic computed and encoded once a tick for all who subscribed to the same."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from crosstape.api.codec import Head
from crosstape.api.message import Batch, Message, said
from crosstape.api.tables import millis
from crosstape.api.topic import Grouped, Spec, Topic
from crosstape.engine.view import View

TICKS_A_SECOND = 10
# Something is said at least once a second, so that silence means trouble.
QUIET_TICKS = 10


class Listener(Protocol):
    """Who gets a channel's batches."""

    def offer(self, batch: Batch) -> None:
        """Take it, or conflate. Never blocks."""
        ...

    def renew(self) -> None:
        """What was told is void: a snapshot is next."""
        ...


class Channel:
    """`seq` grows by one a batch; the newest batches are kept for clients that come back."""

    def __init__(self, spec: Spec, topic: Topic, number: int, first_seq: int, view: View, kept: int) -> None:
        self.spec, self.topic, self.number = spec, topic, number
        self.seq = first_seq
        self.listeners: set[Listener] = set()
        self.idle_since = 0.0
        self._every = TICKS_A_SECOND // spec.hz
        self._last = view.number
        self._ts = view.ts
        self._said = view.number
        self._kept: deque[Batch] = deque(maxlen=kept)
        self._snapshot: tuple[Message, ...] | None = None
        if not topic.events:
            # An event topic starts from the rings, which have this view's events already.
            topic.step(view, True, Grouped(view))

    def step(self, view: View, newest: bool, grouped: Grouped) -> Batch | None:
        """Take a view; the batch it closes, if one."""
        if view.number <= self._last:
            return None
        due = view.number // self._every > self._last // self._every
        if due and not newest and not self.topic.events:
            # State is told from the newest view only; leave it due.
            return None
        self._last = view.number
        count = self.topic.step(view, due, grouped)
        if not due or (not count and view.number - self._said < QUIET_TICKS):
            return None
        self._said, self._ts = view.number, view.ts
        self.seq = (self.seq + 1) & 0xFFFFFFFF
        self._snapshot = None
        batch = Batch(self.seq, self.topic.delta(self._head()), count)
        self._kept.append(batch)
        return batch

    def restart(self, topic: Topic, view: View) -> None:
        """Time has jumped: begin anew with this view. Nobody can resume across it."""
        self.topic = topic
        self._last = self._said = view.number
        self._ts = view.ts
        self.seq = (self.seq + 2) & 0xFFFFFFFF
        self._kept.clear()
        self._snapshot = None
        topic.step(view, True, Grouped(view))
        for listener in self.listeners:
            listener.renew()

    def snapshot(self) -> tuple[Message, ...]:
        """Everything as of `seq`; encoded once. Empty = not known yet."""
        if self._snapshot is None:
            self._snapshot = self.topic.snapshot(self._head())
        return self._snapshot or ()

    def missed(self, seq: int) -> list[Batch] | None:
        """Batches after `seq`; None when they are no longer kept, or never were."""
        if seq == self.seq:
            return []
        kept = list(self._kept)
        for i, batch in enumerate(kept):
            if batch.seq == (seq + 1) & 0xFFFFFFFF:
                return kept[i:]
        return None

    def ack(self) -> dict[str, object]:
        """What a subscriber must know to read it."""
        schema = self.topic.schema
        columns = [{"name": c.name, "unit": c.unit, "type": c.type} for c in schema.columns]
        return {"topic": self.spec.topic, "topic_id": self.number, "schema": schema.id, "columns": columns,
                "n": self.topic.n, "hz": self.spec.hz, "encoding": self.spec.encoding}  # fmt: skip

    def _head(self) -> Head:
        return Head(self.spec.topic, self.number, self.seq, millis(self._ts))


def lost(channel: Channel, count: int) -> Message:
    """Tells a client what it was too slow for."""
    return said({"kind": "dropped", "topic": channel.spec.topic, "dropped": count})
