"""What watches over the data: silence, holes, changes of shape, the account of the hour."""

from __future__ import annotations

from collections.abc import Mapping

from crosstape.engine import mending
from crosstape.engine.accounts import Shards, account
from crosstape.engine.liveness import Liveness
from crosstape.model.event import Drift
from crosstape.model.frame import Frame
from crosstape.state.source import Source
from crosstape.state.state import State
from crosstape.wire.drift import Canary
from crosstape.wire.venue import Stream, Venue

SECOND_NS = 1_000_000_000
# One message in so many is looked at for a change of shape; primes, so that no rhythm hides a kind from it.
LEARNING, SAMPLED, ENOUGH = 211, 2039, 600


class Trust:
    """canaries   market -> what its messages look like
    accounted  the tick whose figures were last accounted for, and when that was
    """

    def __init__(self) -> None:
        self.liveness = Liveness()
        self.canaries: dict[str, Canary] = {}
        self.accounted = (0, 0)
        self.shards = Shards()

    def look(self, state: State, source: Source, frame: Frame) -> None:
        """Hold a message against what its kind looked like before; not what an own account is told."""
        if source.private:
            return
        canary = self.canaries.get(source.market)
        if canary is None:
            canary = self.canaries[source.market] = Canary()
        source.look_at = source.frames + (LEARNING if canary.looks < ENOUGH else SAMPLED)
        for change in canary.look(frame.payload):
            source.drifts += 1
            event = Drift("", frame.ts_recv, source.name, change.kind, change.path, change.what, change.sample)
            state.events.append((-1, event))

    def each_second(
        self, state: State, streams: Mapping[str, Stream], venues: Mapping[str, Venue], ts: int
    ) -> None:
        """At the first TICK of every second, before the tick itself is folded."""
        if ts // SECOND_NS == state.ts // SECOND_NS:
            return
        mending.doubt(state, self.liveness.judge(state, streams, ts), ts, ts)
        mending.go_on(state, streams, venues, ts)
        account(state, self.shards, self.accounted, ts)
        self.accounted = (state.ts, ts)
