"""Effects: what the core wants done, as values that the shell performs."""

from __future__ import annotations

import msgspec

from crosstape.wire.request import Request


class Subscribe(msgspec.Struct, frozen=True, tag=True):
    """Have these topics on this source (a stream's shard, opened when it does not exist yet)."""

    source: str
    topics: tuple[str, ...]


class Unsubscribe(msgspec.Struct, frozen=True, tag=True):
    """Drop these topics from this source."""

    source: str
    topics: tuple[str, ...]


class Send(msgspec.Struct, frozen=True, tag=True):
    """Send these bytes on the source's connection."""

    source: str
    payload: bytes


class Fetch(msgspec.Struct, frozen=True, tag=True):
    """Ask this over REST; the answer comes back as an ANSWER or FAILED frame of `source`."""

    source: str
    request: Request


class Reconnect(msgspec.Struct, frozen=True, tag=True):
    """Replace connection `conn` of the source; from a decoder, source "" means the connection it serves."""

    source: str
    conn: int
    reason: str


Effect = Subscribe | Unsubscribe | Send | Fetch | Reconnect
