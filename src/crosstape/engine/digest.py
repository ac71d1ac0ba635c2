"""The digest: one number for a whole run, a fold over what every view showed anew."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from crosstape.engine.view import OwnAccount
from crosstape.model.event import AnyEvent

_encoder = msgspec.msgpack.Encoder()


class Digest:
    """Chained: the next value hashes the last one, so a checkpoint needs only these 16 bytes."""

    def __init__(self, value: bytes = bytes(16)) -> None:
        self.value = value
        self._next = xxhash.xxh3_128(value)

    def add(self, array: NDArray[np.generic]) -> None:
        """Take an array's bytes (contiguous, NaN canonical)."""
        self._next.update(array.data)

    def add_text(self, text: str) -> None:
        """Take a name, so that swapped columns differ."""
        self._next.update(text.encode())

    def add_events(self, events: Iterable[tuple[int, AnyEvent]]) -> None:
        """Take the view's events."""
        self._next.update(_encoder.encode(events))

    def add_own(self, account: OwnAccount) -> None:
        """Take an own account."""
        self._next.update(_encoder.encode(account))

    def close(self) -> str:
        """End of one view; the value so far, hex."""
        self.value = self._next.digest()
        self._next = xxhash.xxh3_128(self.value)
        return self.value.hex()
