"""Splitting by source and splicing restores the order; only one clock ticks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstape.model.errors import TapeError
from crosstape.model.frame import CLOCK, CONFIG, Frame, Kind
from crosstape.tape.layout import Origin
from crosstape.tape.reader import play
from crosstape.tape.splice import splice, with_clock
from crosstape.tape.writer import write_tape

Make = Callable[..., list[Frame]]
TAPE = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a/0", "b/0", "b/rest", CLOCK, CONFIG])))


def frame(seq: int, ts: int, source: str = "a/0", payload: bytes = b"") -> Frame:
    kind = {CLOCK: Kind.TICK, CONFIG: Kind.COMMAND}.get(source, Kind.DATA)
    return Frame(seq, ts, source, 0, kind, "", 0, "", payload)


@settings(deadline=None)
@given(TAPE, st.randoms())
def test_split_by_source_and_spliced_is_the_same_tape(steps: list[tuple[int, str]], random: object) -> None:
    ts = 0
    tape = []
    for seq, (step, source) in enumerate(steps):
        ts += step
        tape.append(frame(seq, ts, source, b"%d" % seq))
    parts: dict[str, list[Frame]] = defaultdict(list)
    for each in tape:
        parts[each.source].append(each)
    inputs = list(parts.values())
    random.shuffle(inputs)  # type: ignore[attr-defined]
    assert list(splice(inputs)) == tape


@settings(max_examples=10, deadline=None)
@given(TAPE.filter(bool))
def test_split_on_disk_and_spliced_is_the_same_tape(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    tape = [frame(seq, seq + step, source, b"%d" % seq) for seq, (step, source) in enumerate(steps)]
    tape = [frame(f.seq, max(t.ts_recv for t in tape[: i + 1]), f.source, f.payload) for i, f in enumerate(tape)]
    sources = sorted({each.source for each in tape})
    for n, source in enumerate(sources):
        write_tape(folder / str(n), [f for f in tape if f.source == source], Origin("part"))
    assert list(splice([play(folder / str(n)) for n in range(len(sources))])) == tape


def test_equal_times_fall_back_to_seq_then_input() -> None:
    one = [frame(0, 5, "a/0"), frame(3, 5, "a/0")]
    two = [frame(0, 5, "b/0"), frame(1, 5, "b/0")]
    merged = list(splice([one, two]))
    assert [f.source for f in merged] == ["a/0", "b/0", "b/0", "a/0"]
    assert [f.seq for f in merged] == [0, 1, 2, 3]


def test_only_one_clock_and_one_configuration_stay() -> None:
    one = [frame(0, 2, CONFIG, b"1"), frame(1, 5, CLOCK), frame(2, 15, CLOCK), frame(3, 16, "a/0")]
    two = [frame(0, 1, "b/0"), frame(1, 3, CLOCK), frame(2, 3, CONFIG, b"2"), frame(3, 13, CLOCK)]
    merged = list(splice([one, two]))
    assert [f.ts_recv for f in merged if f.source == CLOCK] == [3, 13]
    assert [f.payload for f in merged if f.source == CONFIG] == [b"1"]
    assert [f.seq for f in merged] == list(range(5))


def test_an_input_out_of_order_is_refused() -> None:
    with pytest.raises(TapeError, match="input 1 is not in order"):
        list(splice([[frame(0, 0)], [frame(0, 5), frame(1, 4)]]))


def test_a_clock_ticks_at_every_multiple() -> None:
    times = [105, 110, 111, 145]
    ticked = list(with_clock([frame(i, t) for i, t in enumerate(times)], every_ns=10))
    assert [(f.ts_recv, f.kind is Kind.TICK) for f in ticked] == [
        (105, False), (110, True), (110, False), (111, False), (120, True), (130, True), (140, True), (145, False),
    ]  # fmt: skip
    assert [f.seq for f in ticked] == list(range(8))
    assert list(with_clock(ticked, every_ns=10)) == ticked


def test_a_long_silence_is_not_filled_with_ticks() -> None:
    ticked = list(with_clock([frame(0, 1), frame(1, 10_005), frame(2, 10_025)], every_ns=10, longest=3))
    assert [f.ts_recv for f in ticked] == [1, 10, 20, 30, 10_000, 10_005, 10_010, 10_020, 10_025]
