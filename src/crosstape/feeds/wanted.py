"""The topics one source is meant to carry, within what the venue allows on a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from crosstape.feeds.failed import failed
from crosstape.feeds.settings import Ports
from crosstape.wire.venue import StreamLimits


class Wanted:
    """`some` is set while there are any; `emptied` is called when the last one goes.

    Characters are counted as the topics' own lengths. A topic the venue refused is forgotten: a reconnect
    does not ask for it again, only a new Subscribe does.
    """

    def __init__(self, source: str, limits: StreamLimits, ports: Ports, emptied: Callable[[], None]) -> None:
        self.some = asyncio.Event()
        self._source, self._limits, self._ports, self._emptied = source, limits, ports, emptied
        self._topics: dict[str, None] = {}
        self._characters = 0

    def __len__(self) -> int:
        return len(self._topics)

    def topics(self) -> tuple[str, ...]:
        """All of them, oldest first."""
        return tuple(self._topics)

    def add(self, topics: Iterable[str]) -> list[str]:
        """Those that are new and fit; the others that are new are answered by FAILED frames."""
        fresh = []
        for topic in dict.fromkeys(topics):
            if topic in self._topics:
                continue
            reason = self._excess(topic)
            if reason:
                failed(self._ports, self._source, f"subscribe {topic}", reason)
                continue
            self._topics[topic] = None
            self._characters += len(topic)
            fresh.append(topic)
        if fresh:
            self.some.set()
        return fresh

    def remove(self, topics: Iterable[str]) -> list[str]:
        """Those that were there."""
        gone = [t for t in dict.fromkeys(topics) if t in self._topics]
        for topic in gone:
            del self._topics[topic]
            self._characters -= len(topic)
        if gone and not self._topics:
            self.some.clear()
            self._emptied()
        return gone

    def refuse(self, topic: str, reason: str) -> None:
        """The venue will not have this topic."""
        failed(self._ports, self._source, f"subscribe {topic}", reason)
        self.remove((topic,))

    def _excess(self, topic: str) -> str:
        most, longest = self._limits.topics_per_connection, self._limits.characters_per_connection
        if most and len(self._topics) >= most:
            return f"more than {most} topics on a connection"
        if longest and self._characters + len(topic) > longest:
            return f"more than {longest} characters of topics on a connection"
        return ""
