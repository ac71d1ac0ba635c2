"""What is known of one source of frames."""

from __future__ import annotations

from dataclasses import dataclass, field

from crosstape.state.hour import Hour
from crosstape.wire.venue import BookRule


@dataclass(slots=True)
class Source:
    """Counters and connection state of one stream shard or poll, all derived from its frames.

    private  an own account's: what it says is shown to few, so samples of it are not told as changes of shape
    streams  a socket's shard, not a poll; main: of the route that carries books; lossy, sampled,
             candles_in_base: see Stream
    recent   (symbol, id) of trades seen while two connections overlap, None otherwise
    spoke_ts when it last brought an event; pongs and acks do not count
    heard_ts, longest_s, pauses   what is usual for it, see `engine.liveness`
    silent   it has said nothing for longer than it ever does; mute: how often it never spoke at all in a row
    replaced_ts  when its connection was last asked to be replaced for that
    duplicates   trades and deltas that had come before; repaired: trades made up for over REST
    drifts   changes in the shape of its messages; look_at: the frame looked at next for that
    checked  books held against its own answers over REST; differing: those that were other books
    equal    gaps in a row behind which nothing had been missed; skips: gaps that were counted only, since then
    skew     seconds its clock looked wrong lately, at most ten
    """

    name: str
    market: str
    rule: BookRule = BookRule.NONE
    private: bool = False
    streams: bool = False
    main: bool = True
    lossy: bool = False
    sampled: bool = False
    candles_in_base: bool = False
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
    recent: dict[tuple[str, str], None] | None = None
    spoke_ts: int = 0
    heard_ts: int = 0
    longest_s: float = 0.0
    pauses: int = 0
    silent: bool = False
    mute: int = 0
    replaced_ts: int = 0
    duplicates: int = 0
    repaired: int = 0
    drifts: int = 0
    look_at: int = 0
    skew: int = 0
    checked: int = 0
    differing: int = 0
    equal: int = 0
    skips: int = 0
    hour: Hour = field(default_factory=Hour)

    @property
    def shard(self) -> str:
        """The shard its rows are on; the routes of a market share it."""
        return f"{self.market}/{self.name.partition('/')[2]}"

    @property
    def is_open(self) -> bool:
        """A connection of it is up."""
        return self.opened_ts > self.closed_ts
