"""What is known of one source of frames."""

from __future__ import annotations

from dataclasses import dataclass

from crosstape.wire.venue import BookRule


@dataclass(slots=True)
class Source:
    """Counters and connection state of one stream shard or poll, all derived from its frames.

    streams  a socket's shard, not a poll; main: of the route that carries books; lossy: see Stream
    recent   trade ids seen while two connections overlap, None otherwise
    """

    name: str
    market: str
    rule: BookRule = BookRule.NONE
    streams: bool = False
    main: bool = True
    lossy: bool = False
    conn: int = 0
    opened_ts: int = 0
    closed_ts: int = 0
    opens: int = 0
    frames: int = 0
    bytes: int = 0
    last_ts: int = 0
    failed: int = 0
    errors: int = 0
    gaps: int = 0
    last_error: str = ""
    recent: dict[str, None] | None = None

    @property
    def shard(self) -> str:
        """The shard its rows are on; the routes of a market share it."""
        return f"{self.market}/{self.name.partition('/')[2]}"

    @property
    def is_open(self) -> bool:
        """A connection of it is up."""
        return self.opened_ts > self.closed_ts
