"""Tapes and captures through the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from crosstape.engine.checkpoint import load
from crosstape.engine.machine import Machine
from crosstape.engine.view import View
from crosstape.model.errors import TapeError
from crosstape.model.frame import Frame, Kind
from crosstape.state.table import undescribed
from crosstape.tape.captures import read_capture
from crosstape.tape.checkpoint import checkpoints, newest_checkpoint, read_checkpoint
from crosstape.tape.reader import next_seq, play, runs
from crosstape.tape.splice import splice, with_clock
from crosstape.venues import READ, VENUES
from crosstape.wire.request import Request, parse_key

DAY_NS = 24 * 3600 * 1_000_000_000


def replay(frames: Iterable[Frame], machine: Machine, publish: Callable[[View], None]) -> None:
    """A tape through the machine. Effects are dropped: their answers are on the tape."""
    for frame in frames:
        view, _ = machine.step(frame)
        if view is not None:
            publish(view)


def open_tape(paths: Sequence[Path], market: str = "") -> tuple[Iterator[Frame], Machine]:
    """Frames of tapes or captures, merged when there are several, and the machine to fold them into.

    A tape whose beginning is gone starts from its oldest checkpoint.
    """
    machine = Machine(READ)
    if len(paths) == 1 and is_tape(paths[0]):
        return play(paths[0], start_seq=_resume(paths[0], machine)), machine
    return merged(paths, market), machine


def merged(paths: Sequence[Path], market: str = "") -> Iterator[Frame]:
    """Tapes and captures by receive time; where any is a capture, with a clock."""
    one = splice([play(p) if is_tape(p) else named(read_capture(p, market_of, market)) for p in paths])
    return one if all(map(is_tape, paths)) else with_clock(one)


def is_tape(path: Path) -> bool:
    """A folder of segments, or one segment."""
    return path.is_dir() or path.suffix == ".tape"


def _resume(path: Path, machine: Machine) -> int:
    found = runs(path)
    if not found or found[0].first_seq == 0 or not path.is_dir():
        return 0
    for checkpoint in checkpoints(path):
        header, sections = read_checkpoint(checkpoint)
        if header.seq >= found[0].first_seq:
            load(machine, sections)
            return header.seq
    raise TapeError("the tape's beginning is gone and it holds no checkpoint to start from", str(path), 0)


def market_of(address: str) -> str | None:
    """The market whose stream or REST address this is; None when no venue knows the host.

    By host and path, or by host alone where no path fits: venues move their paths, and captures are old.
    """
    parts = urlsplit(address)
    hosted = ""
    for venue in VENUES:
        for stream in venue.streams:
            url = urlsplit(stream.url)
            if url.hostname == parts.hostname:
                if parts.path.startswith(url.path):
                    return stream.market
                hosted = hosted or stream.market
        for other in venue.others:
            if urlsplit(other.url).hostname == parts.hostname:
                return other.markets[0]
        if urlsplit(venue.rest).hostname == parts.hostname:
            hosted = hosted or venue.streams[0].market
    return hosted or None


def named(frames: Iterable[Frame]) -> Iterator[Frame]:
    """A capture's REST answers under the poll that would have asked: a capture knows addresses, not polls."""
    asked = _asked()
    for frame in frames:
        before, _, part = frame.source.partition("/")
        if part != "rest" or frame.kind is not Kind.ANSWER:
            yield frame
            continue
        request = parse_key(frame.request)
        venue = before.partition("-")[0]
        fits = [
            a
            for a in asked
            if a[0] == venue and a[2].path == request.path and set(a[2].params) <= set(request.params)
        ]
        own = [a for a in fits if a[1].partition("/")[0] == before] or fits
        if own:
            key = msgspec.structs.replace(request, name=own[0][2].name).key()
            frame = msgspec.structs.replace(frame, source=own[0][1], request=key)
        yield frame


def _asked() -> list[tuple[str, str, Request]]:
    """(venue, source, request) of everything venues ask for: polls, and books without their instrument."""
    found = [(v.id, poll.source, request) for v in VENUES for poll in v.polls for request in poll.first()]
    for venue in VENUES:
        for stream in venue.streams:
            if stream.snapshot is not None:
                sample = stream.snapshot(undescribed(stream.market, "X"))
                found.append((venue.id, f"{stream.market}/books", msgspec.structs.replace(sample, params=())))
    return found


def restore(folder: Path, machine: Machine, now: int, publish: Callable[[View], None]) -> int:
    """Newest checkpoint plus the frames since, or the whole tape while it is too young to have one.

    Returns the next frame's seq. What ended more than a day ago, or was saved by a crosstape that means other
    things by its figures, is not continued: the machine stays as it was. TapeError where the tape or its
    checkpoint is damaged; the machine is then of no use.
    """
    following = next_seq(folder)
    if following == 0:
        return following
    found = runs(folder)
    newest = newest_checkpoint(folder)
    start, since = found[0].first_seq, found[-1].segments[-1].header.created
    if newest is not None:
        header, sections = read_checkpoint(newest)
        start, since = header.seq, header.ts
    if now - since > DAY_NS or (newest is None and start > 0):
        return following
    if newest is not None:
        load(machine, sections)
    replay(play(folder, start_seq=start), machine, publish)
    return following
