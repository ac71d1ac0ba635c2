"""Where bytes are kept, and how they look there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import zstandard

from crosstape.model.errors import StoreError

PLAIN, PACKED = b"\x01", b"\x02"
LEVEL = 3
MOST_BYTES = 256 << 20


class Backend(Protocol):
    """TimeoutError: it did not answer in time. StoreError: it cannot be reached, or refuses."""

    async def get(self, key: str) -> bytes | None:
        """What was put, if its time is not over."""
        ...

    async def put(self, key: str, value: bytes, ttl_s: float) -> Sequence[str]:
        """Keep it; the keys that had to go for it, where that is known."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


def pack(value: bytes, over: int) -> bytes:
    """One byte that says how, then the value: compressed above `over` bytes where that makes it smaller."""
    if len(value) > over:
        packed = zstandard.ZstdCompressor(LEVEL).compress(value)
        if len(packed) < len(value):
            return PACKED + packed
    return PLAIN + value


def unpack(kept: bytes) -> bytes:
    """What was packed; StoreError for bytes that are not ours."""
    head, body = kept[:1], kept[1:]
    if head == PLAIN:
        return body
    if head != PACKED:
        raise StoreError("the cache holds bytes under our key that we did not put there")
    try:
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=MOST_BYTES)
    except zstandard.ZstdError as error:
        raise StoreError("the cache holds a damaged answer") from error
