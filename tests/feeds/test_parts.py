"""The parts without a network: clocks, intake, backoff, budget, breaker, topics."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstape.feeds.backoff import Backoff
from crosstape.feeds.breaker import Breaker, Circuit
from crosstape.feeds.clock import ScaledClock, WallClock, beat
from crosstape.feeds.intake import BoundedIntake
from crosstape.feeds.limiter import Crowded, Limiter
from crosstape.feeds.pace import Pace
from crosstape.feeds.topics import Desk
from crosstape.model.frame import CLOCK, Kind
from crosstape.wire.venue import Ack, Budget

TICK = 100_000_000


async def test_scaled_clock_runs_faster():
    clock = ScaledClock(1000.0, 5_000_000_000)
    assert clock.now() >= 5_000_000_000
    before = clock.now()
    await clock.sleep(20.0)
    assert clock.now() - before >= 19_000_000_000
    assert abs(WallClock().now() - WallClock().now()) < 10**9


async def test_beat_misses_no_tick_and_jumps_past_its_bound(manual):
    intake = BoundedIntake()
    task = asyncio.create_task(beat(manual, intake, TICK, catch_up=50))
    start = manual.ns
    await manual.advance(1.0)
    ticks = intake.take(1000)
    assert [a[0] for a in ticks] == [start + TICK * i for i in range(1, 11)]
    assert {(a[1], a[2], a[3]) for a in ticks} == {(CLOCK, 0, Kind.TICK)}
    manual.ns += 20 * TICK  # held up for two seconds: all are put at once
    await manual.advance(0.1)
    assert [a[0] for a in intake.take(1000)] == [start + TICK * i for i in range(11, 32)]
    manual.ns += 1000 * TICK  # suspended: only the newest
    await manual.advance(0.1)
    assert len(intake.take(1000)) <= 2
    manual.ns -= 5 * TICK  # stepped back: no tick twice
    await manual.advance(0.4)
    assert intake.take(1000) == []
    task.cancel()


async def test_intake_marks_and_counts():
    intake = BoundedIntake(arrivals=10, size=1000)
    assert all(intake.put(i, "s", 1, Kind.DATA, b"x") for i in range(9))
    assert not intake.put(9, "s", 1, Kind.DATA, b"x")
    assert not intake.put(10, "s", 1, Kind.DATA, b"x")
    waiting = asyncio.create_task(intake.drained())
    assert [a[0] for a in intake.take(4)] == [0, 1, 2, 3]
    await asyncio.sleep(0)
    assert not waiting.done()
    assert not intake.put(11, "s", 1, Kind.DATA, b"x")  # still above the low mark
    intake.take(3)
    await asyncio.wait_for(waiting, 1.0)
    assert (intake.depth, intake.bytes, intake.taken, intake.pauses) == (5, 5, 7, 1)
    assert not intake.put(12, "s", 1, Kind.DATA, b"x" * 1000)  # bytes count too
    assert intake.full
    intake.take(100)
    assert not intake.full


async def test_intake_wakes_its_consumer():
    intake = BoundedIntake()
    waiting = asyncio.create_task(intake.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    intake.put(1, "s", 1, Kind.DATA, b"x")
    await asyncio.wait_for(waiting, 1.0)
    await asyncio.wait_for(intake.wait(), 1.0)


@given(st.integers(), st.integers(1, 40))
def test_backoff_is_capped_jittered_and_resets(seed, n):
    backoff = Backoff(random.Random(seed), 0.5, 30.0, good_s=60.0)
    for i in range(n):
        assert 0.0 <= backoff.next() <= min(30.0, 0.5 * 2.0 ** min(i, 50))
    backoff.lived(59.0)
    backoff.lived(60.0)
    assert backoff.next() <= 0.5


async def test_pace_spaces_turns(manual):
    pace, at = Pace(manual, 5.0), []

    async def speak():
        for _ in range(3):
            await pace.turn()
            at.append(manual.ns)

    task = asyncio.gather(speak(), speak())
    await manual.advance(3.0)
    await task
    assert [(b - a) / 1e9 for a, b in pairwise(at)] == pytest.approx([0.2] * 5)


def test_breaker_opens_half_opens_and_closes(manual):
    breaker = Breaker(manual, failures=3, open_s=30.0)
    for _ in range(2):
        assert breaker.admits()
        breaker.bad()
    assert breaker.admits()
    breaker.good()  # an answer in between starts the count afresh
    for _ in range(3):
        assert breaker.admits()
        breaker.bad()
    assert (breaker.state, breaker.opened) == (Circuit.OPEN, 1)
    assert not breaker.admits()
    assert breaker.refused == 1
    manual.ns += 30_000_000_000
    assert breaker.state is Circuit.HALF_OPEN
    assert breaker.admits()
    assert not breaker.admits()  # one probe only
    breaker.bad()
    assert (breaker.state, breaker.opened) == (Circuit.OPEN, 2)
    manual.ns += 30_000_000_000
    assert breaker.admits()
    breaker.void()
    assert breaker.admits()
    breaker.good()
    assert breaker.state is Circuit.CLOSED


ASKED = st.tuples(
    st.floats(0.1, 10.0), st.integers(0, 9), st.floats(0.0, 3.0), st.sampled_from([0.0, 0.0, 0.0, 4.0])
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ASKED, max_size=40))
def test_budget_is_never_exceeded(manual_clock, asked):
    asyncio.run(exceed(manual_clock(), asked))


async def exceed(clock, asked):
    limiter = Limiter(clock, Budget(10.0, 5.0), waiting=1000)
    serving = asyncio.create_task(limiter.run())
    granted, banned = [], []

    async def ask(weight, priority):
        await limiter.take(weight, priority)
        granted.append((clock.ns, weight))

    tasks = []
    for weight, priority, gap_s, ban_s in asked:
        tasks.append(asyncio.create_task(ask(weight, priority)))
        await clock.advance(gap_s)
        if ban_s:
            limiter.ban(ban_s)
            banned.append((clock.ns, limiter.until))
    await clock.advance(6.0 * len(asked) + 200.0)
    assert all(t.done() for t in tasks)
    for at, _ in granted:
        assert sum(w for t, w in granted if at - 5_000_000_000 < t <= at) <= 10.0 + 1e-6
        assert not any(start < at < end for start, end in banned)
    assert limiter.waiting == 0
    serving.cancel()


async def test_priorities_go_first_and_the_newest_of_the_lowest_is_shed(manual):
    limiter = Limiter(manual, Budget(1.0, 1.0), waiting=3)
    serving = asyncio.create_task(limiter.run())
    order = []

    async def ask(name, priority):
        try:
            await limiter.take(1.0, priority)
            order.append(name)
        except Crowded:
            order.append(f"no {name}")

    tasks = []
    for name, priority in (("first", 5), ("scan", 9), ("fill", 5), ("newer scan", 9), ("resync", 0)):
        tasks.append(asyncio.create_task(ask(name, priority)))
        await manual.advance(0.0)
    assert order == ["first", "no newer scan"]
    assert (limiter.waiting, limiter.refused) == (3, 1)
    await manual.advance(5.0)
    assert order[2:] == ["resync", "fill", "scan"]
    with pytest.raises(Crowded):
        await limiter.take(2.0, 0)
    serving.cancel()


async def test_a_cancelled_request_leaves_the_queue(manual):
    limiter = Limiter(manual, Budget(1.0, 1.0), waiting=10)
    serving = asyncio.create_task(limiter.run())
    await limiter.take(1.0, 1)
    first, second = (asyncio.create_task(limiter.take(1.0, 1)) for _ in range(2))
    await manual.advance(0.1)
    first.cancel()
    await manual.advance(1.0)
    assert second.done()
    assert limiter.waiting == 0
    serving.cancel()


async def test_what_others_spent_counts(manual):
    limiter = Limiter(manual, Budget(100.0, 60.0), waiting=10)
    await limiter.take(10.0, 1)
    limiter.observe(95.0)
    limiter.observe(20.0)
    assert limiter.used == 95.0
    await manual.advance(60.0)
    assert limiter.used == 0.0


@given(
    st.sets(st.integers(0, 60), max_size=60),
    st.sets(st.integers(0, 60), max_size=8),
    st.sets(st.integers(0, 60), max_size=10),
    st.integers(0, 12),
)
def test_bisection_refuses_exactly_the_bad(wanted, bad, dropped, chunk):
    desk = Desk([str(t) for t in sorted(wanted)], chunk)
    held, refused = set(), set()
    dropped_at = len(wanted) % 5
    while (batch := desk.next()) is not None:
        assert chunk == 0 or len(batch.topics) <= chunk
        if dropped_at == 0:
            desk.remove([str(t) for t in dropped])
        dropped_at -= 1
        wrong = batch.subscribe and any(int(t) in bad for t in batch.topics)
        if batch.subscribe:
            assert not held & set(batch.topics)
            held |= set() if wrong else set(batch.topics)
        else:
            held -= set(batch.topics)
        refused |= set(desk.settle(Ack(not wrong, batch.id, "no")).refused)
    assert desk.idle
    expected = wanted - bad - (dropped if dropped_at < 0 else set())
    assert {int(t) for t in held} == expected
    assert {int(t) for t in refused} <= bad & wanted
    if dropped_at >= 0:
        assert {int(t) for t in refused} == bad & wanted


def test_a_refused_repeat_is_doubtful():
    desk = Desk(["a", "b"], 10)
    batch = desk.next()
    batch.again = True
    assert desk.settle(Ack(False, batch.id, "already subscribed")).doubtful
    assert desk.settle(Ack(True, "unknown")).refused == ()


async def test_background_work_leaves_half_of_the_window(manual):
    limiter = Limiter(manual, Budget(weight=10.0, window_s=60.0), waiting=100)
    for _ in range(5):
        await limiter.take(1.0, 5)
    late = asyncio.ensure_future(limiter.take(1.0, 5))
    await asyncio.sleep(0)
    assert not late.done()
    for _ in range(5):
        await limiter.take(1.0, 0)
    assert limiter.used == 10.0
    late.cancel()


def test_dropped_and_taken_again_is_a_fresh_subscription():
    desk = Desk([], 10)
    desk.add(("a", "b"))
    first = desk.next()
    assert first.topics == ("a", "b")
    desk.settle(Ack(True, first.id))
    desk.remove(("a",))
    desk.add(("a",))
    drop, take = desk.next(), desk.next()
    assert (drop.subscribe, drop.topics) == (False, ("a",))
    assert (take.subscribe, take.topics) == (True, ("a",))
    desk.remove(("b",))
    desk.add(("b",))
    desk.remove(("b",))
    assert desk.next().subscribe is False
    assert desk.next() is None
