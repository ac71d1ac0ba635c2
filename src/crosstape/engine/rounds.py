"""What is asked over REST for one instrument at a time, round after round."""

from __future__ import annotations

from collections.abc import Iterable

from crosstape.state.state import State
from crosstape.wire.effect import Effect, Fetch
from crosstape.wire.venue import Poll

SECOND_NS = 1_000_000_000


def due(state: State, polls: Iterable[Poll], before: int, ts: int) -> list[Effect]:
    """The requests whose turn came between two ticks: every tier A instrument once a round, spread evenly.

    A round gets longer when it would ask for more than the poll allows a second.
    """
    # Whole seconds only: ticks come more often than that.
    then, now = before // SECOND_NS, ts // SECOND_NS
    if not before or then == now:
        return []
    effects: list[Effect] = []
    for poll in polls:
        rows = [row for row in state.table.by_market.get(poll.market, {}).values() if _wanted(state, row)]
        span = max(poll.each_s, len(rows) / poll.per_s, 1.0)
        for i, row in enumerate(rows):
            phase, instrument = i * span / len(rows), state.table.instruments[row]
            if poll.each is None or instrument is None or (then + phase) // span == (now + phase) // span:
                continue
            effects.append(Fetch(poll.source, poll.each(instrument)))
    return effects


def _wanted(state: State, row: int) -> bool:
    return state.table.tiers[row] == "A" and not state.table.gone_ts[row]
