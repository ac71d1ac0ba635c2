"""The topics of a venue's socket that somebody listens to, and which of them have something to say."""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from crosstape.sim.dialect import Key

F64 = npt.NDArray[np.float64]


class Rendered(Protocol):
    """A topic: its row (-1 = none of its own), when it may speak next, and what it says then."""

    row: int
    due_ns: int

    def render(self) -> Iterable[bytes]:
        """What is new."""
        ...


T = TypeVar("T", bound=Rendered)


class Running(Generic[T]):
    """Each topic runs once, whoever listens. `dirty`: those that wait for their time to speak."""

    def __init__(self) -> None:
        self.topics: dict[Key, T] = {}
        self.by_row: dict[int, dict[Key, T]] = {}
        self.dirty: dict[Key, T] = {}

    def open(self, key: Key, make: Callable[[str], T]) -> T:
        """The topic, made when it does not run yet."""
        topic = self.topics.get(key)
        if topic is None:
            topic = self.topics[key] = make(key[1])
            self.by_row.setdefault(topic.row, {})[key] = topic
        return topic

    def close(self, key: Key) -> None:
        """Nobody listens any more."""
        topic = self.topics.pop(key)
        del self.by_row[topic.row][key]
        self.dirty.pop(key, None)

    def touch(self, rows: Iterable[int]) -> None:
        """Something happened on these rows."""
        for row in rows:
            if row in self.by_row:
                self.dirty |= self.by_row[row]

    def say(self, now_ns: int) -> Iterator[tuple[Key, bytes]]:
        """Every message whose time has come, in order."""
        ready = [(key, topic) for key, topic in self.dirty.items() if now_ns >= topic.due_ns]
        for key, topic in ready:
            del self.dirty[key]
            for message in topic.render():
                yield key, message

    def load(self, rows: int, kind: Callable[[T], int]) -> F64:
        """How many topics of each kind (0 book, 1 trades, 2 ticker) each row has."""
        load = np.zeros((3, rows))
        for topic in self.topics.values():
            if topic.row >= 0:
                load[kind(topic), topic.row] += 1
        return load
