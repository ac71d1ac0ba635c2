"""Open interest of the past goes where it belongs: against a list of what held in each second."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crosstape.state.rings import Rings
from crosstape.wire.past import interest

START = 1_795_000_200


def closed(seconds: int, value: float = 1.0) -> Rings:
    """Rings of two rows whose open interest was `value` in every second so far."""
    rings, each = Rings(2), np.full(2, value)
    sums = np.zeros((rings.second.part.shape[0] - 2, 2))
    for second in range(START + 1, START + seconds + 1):
        rings.close_second(sums, each, each, each, each)
        if second % 60 == 0:
            rings.close_minute(each, each)
        if second % 300 == 0:
            rings.close_five(each, each)
    return rings


RINGS = closed(7200)
NOW = START + 7200


@given(st.integers(START - 100_000, NOW), st.integers(1, 5000))
def test_exactly_the_slots_that_closed_then_hold_it(since: int, held: int) -> None:
    until = since + held
    before = [ring.oi.copy() for ring in RINGS.all]
    RINGS.amend_oi(1, since, until, NOW, 5.0)
    for ring, old in zip(RINGS.all, before, strict=True):
        for back in range(1, ring.slots + 2):
            closing = (NOW // ring.step_s - back + 1) * ring.step_s
            found = ring.oi[ring.at(back)]
            assert (
                found[1] == 5.0
                if since <= closing < until
                else found[1] in (old[ring.at(back), 1], 1.0) or np.isnan(found[1])
            )
            assert found[0] == old[ring.at(back), 0] or np.isnan(found[0])
        ring.oi[:] = old


@given(st.lists(st.integers(0, 200), min_size=1, max_size=20, unique=True), st.integers(0, 61_000))
def test_each_figure_holds_until_the_next_at_most_five_minutes(places: list[int], until: int) -> None:
    marks = [(place * 300 * 10**9, float(place)) for place in places]
    events = interest("X", marks, until * 10**9)
    assert [e.ts_event for e in events] == sorted(e.ts_event for e in events)
    for event in events:
        end = event.ts_event // 10**9 + event.held_s
        assert 1 <= event.held_s <= 300
        assert end <= until
        assert event.size == event.ts_event / 300e9
    assert len(events) == sum(place * 300 < until for place in places)
