"""Several tapes into one: a k-way merge, and a clock for frames that have none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge

from crosstape.model.errors import TapeError
from crosstape.model.frame import CLOCK, CONFIG, Frame, Kind

Placed = tuple[int, int, int, Frame]


def splice(inputs: Sequence[Iterable[Frame]]) -> Iterator[Frame]:
    """Merge by (ts_recv, seq, input), renumbered from 0 without holes.

    Two interleaved clocks would tick twice, and a second configuration would replace the first in the middle
    of the tape. So of `crosstape/clock` and of `crosstape/config` only one input's frames stay: those of the
    input whose first such frame comes first in the merged order. The other inputs' are left out.
    """
    owners: dict[str, int] = {}
    seq = 0
    for _, _, place, frame in merge(*[_placed(frames, i) for i, frames in enumerate(inputs)]):
        source = frame.source
        if source in (CLOCK, CONFIG) and owners.setdefault(source, place) != place:
            continue
        yield renumbered(frame, seq)
        seq += 1


def with_clock(frames: Iterable[Frame], every_ns: int = 100_000_000, longest: int = 36_000) -> Iterator[Frame]:
    """Insert a TICK at every multiple of `every_ns` that passes, and renumber.

    No tick comes before the first frame; later ones come before the frames of the same instant; any clock the
    frames had is replaced. A silence of more than `longest` ticks (an hour, at ten a second) gets its first
    `longest` ticks and the last one before the next frame: enough for everything that ages to age, without a
    night of empty ticks.
    """
    seq = 0
    due = -1
    for frame in frames:
        if frame.source == CLOCK:
            continue
        if due < 0:
            due = (frame.ts_recv // every_ns + 1) * every_ns
        ticks = 0
        while due <= frame.ts_recv:
            yield tick(seq, due)
            seq += 1
            ticks += 1
            due += every_ns
            if ticks == longest:
                due = max(due, frame.ts_recv // every_ns * every_ns)
        yield renumbered(frame, seq)
        seq += 1


def tick(seq: int, ts: int) -> Frame:
    """One tick of the clock."""
    return Frame(seq, ts, CLOCK, 0, Kind.TICK, "", 0, "", b"")


def renumbered(frame: Frame, seq: int) -> Frame:
    """The frame at another place."""
    return Frame(
        seq,
        frame.ts_recv,
        frame.source,
        frame.conn,
        frame.kind,
        frame.request,
        frame.status,
        frame.headers,
        frame.payload,
    )


def _placed(frames: Iterable[Frame], place: int) -> Iterator[Placed]:
    last = (-1, -1)
    for frame in frames:
        at = (frame.ts_recv, frame.seq)
        if at <= last:
            raise TapeError(f"input {place} is not in order: frame {frame.seq} after {last[1]}")
        last = at
        yield frame.ts_recv, frame.seq, place, frame
