"""What one connection has asked for, what is confirmed, and what is still to be asked. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from crosstape.wire.venue import Ack


class Batch(msgspec.Struct):
    """One subscribe or unsubscribe message. `sent` ns, 0 = not yet; `again` = sent twice."""

    id: str
    subscribe: bool
    topics: tuple[str, ...]
    sent: int = 0
    again: bool = False


class Settled(msgspec.Struct):
    """What an ack came to: topics refused for good, or an answer that cannot be trusted."""

    refused: tuple[str, ...] = ()
    doubtful: bool = False


class Desk:
    """Level-triggered bookkeeping of one connection's topics.

    A refused batch is halved until the topics that are to blame stand alone. A refusal of a batch that was
    sent twice is doubtful (it may only say "already subscribed"): the connection has to be replaced.
    """

    def __init__(self, wanted: Iterable[str], per_request: int) -> None:
        self._chunk = per_request if per_request > 0 else 1_000_000
        self._todo = dict.fromkeys(wanted)
        self._drop: dict[str, None] = {}
        self._renew: set[str] = set()
        self._asked: set[str] = set()
        self._halves: deque[tuple[str, ...]] = deque()
        self._count = 0
        self.outstanding: dict[str, Batch] = {}

    def add(self, topics: Iterable[str]) -> None:
        """These are wanted now."""
        for topic in topics:
            if topic in self._drop:
                # Not "never mind": whoever drops and takes a topic wants what only a fresh subscription brings.
                self._renew.add(topic)
            elif topic not in self._asked:
                self._todo[topic] = None

    def remove(self, topics: Iterable[str]) -> None:
        """These are no longer wanted."""
        for topic in topics:
            self._renew.discard(topic)
            if topic in self._asked:
                self._drop[topic] = None
            else:
                self._todo.pop(topic, None)

    def next(self) -> Batch | None:
        """The next message to send, None = nothing to ask now."""
        while self._halves:
            half = self._halves.popleft()
            kept = tuple(t for t in half if t not in self._drop)
            self._forget(t for t in half if t in self._drop)
            if kept:
                return self._batch(True, kept)
        if self._drop:
            # A topic whose subscribe is unanswered is dropped when the answer is there.
            busy = {t for b in self.outstanding.values() if b.subscribe for t in b.topics}
            gone = tuple(t for t in self._drop if t not in busy)[: self._chunk]
            if gone:
                self._forget(gone)
                return self._batch(False, gone)
        if self._todo:
            fresh = tuple(self._todo)[: self._chunk]
            for topic in fresh:
                del self._todo[topic]
            self._asked.update(fresh)
            return self._batch(True, fresh)
        return None

    def settle(self, ack: Ack) -> Settled:
        """Take the venue's answer."""
        key = ack.request_id or next(iter(self.outstanding), "")
        batch = self.outstanding.pop(key, None)
        if batch is None or ack.ok or not batch.subscribe:
            return Settled()
        if batch.again:
            return Settled(doubtful=True)
        if len(batch.topics) == 1:
            self._forget(batch.topics)
            return Settled(refused=batch.topics)
        middle = len(batch.topics) // 2
        self._halves.extendleft((batch.topics[middle:], batch.topics[:middle]))
        return Settled()

    def overdue(self, before: int) -> Batch | None:
        """A message sent before that time which nobody answered."""
        for batch in self.outstanding.values():
            if 0 < batch.sent < before:
                return batch
        return None

    def restart(self, now: int) -> None:
        """We did not listen until now, so nobody is late yet."""
        for batch in self.outstanding.values():
            if batch.sent:
                batch.sent = now

    @property
    def pending(self) -> bool:
        """Whether there may be something to send."""
        return bool(self._halves or self._drop or self._todo)

    @property
    def idle(self) -> bool:
        """Everything asked and answered."""
        return not (self.outstanding or self.pending)

    def _batch(self, subscribe: bool, topics: tuple[str, ...]) -> Batch:
        self._count += 1
        batch = Batch(str(self._count), subscribe, topics)
        self.outstanding[batch.id] = batch
        return batch

    def _forget(self, topics: Iterable[str]) -> None:
        for topic in tuple(topics):
            self._asked.discard(topic)
            self._drop.pop(topic, None)
            if topic in self._renew:
                self._renew.discard(topic)
                self._todo[topic] = None
