"""The composition root: the only file that knows every part. Live and replay are the same loop."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from crosstape import __version__
from crosstape.config import Config
from crosstape.engine.checkpoint import load, save
from crosstape.engine.machine import Machine
from crosstape.engine.settings import Configure, EngineSettings, encode_command
from crosstape.engine.view import View
from crosstape.feeds.clock import WallClock, beat
from crosstape.feeds.intake import BoundedIntake
from crosstape.feeds.supervisor import Feeds
from crosstape.live.pump import Outlets, Pump
from crosstape.model.errors import TapeError
from crosstape.model.frame import CONFIG, Frame, Kind
from crosstape.model.ports import Clock
from crosstape.tape.captures import read_capture
from crosstape.tape.checkpoint import checkpoints, newest_checkpoint, read_checkpoint
from crosstape.tape.layout import Limits, Origin
from crosstape.tape.reader import next_seq, play, runs
from crosstape.tape.splice import splice, with_clock
from crosstape.tape.writer import TapeWriter
from crosstape.venues import VENUES
from crosstape.wire.venue import Venue

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
    machine = Machine(VENUES)
    if len(paths) == 1 and is_tape(paths[0]):
        return play(paths[0], start_seq=_resume(paths[0], machine)), machine
    return merged(paths, market), machine


def merged(paths: Sequence[Path], market: str = "") -> Iterator[Frame]:
    """Tapes and captures by receive time; where any is a capture, with a clock."""
    one = splice([play(p) if is_tape(p) else read_capture(p, market_of, market) for p in paths])
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
    """The market whose stream or REST address this is, host and path; None when no venue knows it."""
    parts = urlsplit(address)
    for venue in VENUES:
        for stream in venue.streams:
            url = urlsplit(stream.url)
            if url.netloc == parts.netloc and parts.path.startswith(url.path):
                return stream.market
        if urlsplit(venue.rest).netloc == parts.netloc:
            return venue.id
    return None


def restore(folder: Path, machine: Machine, now: int) -> int:
    """Newest checkpoint plus the frames since, as long as it is not older than a day; the next frame's seq."""
    following = next_seq(folder)
    newest = newest_checkpoint(folder)
    if newest is None:
        return following
    header, sections = read_checkpoint(newest)
    if now - header.ts > DAY_NS:
        return following
    try:
        load(machine, sections)
    except TapeError:
        return following
    for frame in play(folder, start_seq=header.seq):
        machine.step(frame)
    return following


class Checkpoints:
    """Starts a segment with a checkpoint whenever one is due; between sections the loop goes on."""

    def __init__(self, writer: TapeWriter) -> None:
        self._writer = writer

    async def after_tick(self, machine: Machine, seq: int, ts: int) -> None:
        """A new segment and, section by section, the state it begins with."""
        if self._writer.failed or not self._writer.due(ts):
            return
        self._writer.roll(seq, ts)
        sink = self._writer.begin_checkpoint(seq, ts)
        for name, payload in save(machine):
            pause = 0.0 if sink.write(name, payload) else 0.01
            if sink.aborted:
                return
            await asyncio.sleep(pause)
        sink.commit()


class Live:
    """One running crosstape: what the API and the tests look at."""

    def __init__(self, config: Config, venues: Sequence[Venue], clock: Clock | None = None) -> None:
        self.config = config
        self.clock: Clock = clock or WallClock()
        self.started = self.clock.now()
        feeds = config.feeds
        self.intake = BoundedIntake(feeds.intake_arrivals, feeds.intake_bytes)
        self.feeds = Feeds(venues, self.intake, self.clock, feeds, seed=secrets.randbits(32))
        self.machine = Machine(venues)
        self.recorder: TapeWriter | None = None

    def open(self, settings: EngineSettings) -> None:
        """Restore what the tape holds, begin to record, and put the frames that say so."""
        folder, now = self.config.tape_folder, self.clock.now()
        restored = False
        if self.config.tape.record:
            folder.mkdir(parents=True, exist_ok=True)
            seq = restore(folder, self.machine, now)
            restored = self.machine.seq >= 0
            self.machine.seq = seq - 1
            self.recorder = TapeWriter(folder, self._origin(settings), seq, now, _limits(self.config))
        for source in self.machine.state.sources.values():
            if source.streams and source.is_open:
                self.intake.put(now, source.name, source.conn, Kind.CLOSE, b"crosstape restarted", status=1006)
        if not restored or self.machine.settings != settings:
            self.intake.put(now, CONFIG, 0, Kind.COMMAND, encode_command(Configure(settings)))

    def _origin(self, settings: EngineSettings) -> Origin:
        run = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        return Origin(run, __version__, msgspec.to_builtins(settings))

    def pump(self, publish: Callable[[View], None], interest: Callable[[], frozenset[int]]) -> Pump:
        """The loop over this machine."""
        self.machine.take_effects()
        self.feeds.perform(self.machine.wanted())
        saver = Checkpoints(self.recorder) if self.recorder is not None and self.config.tape.checkpoints else None
        outlets = Outlets(self.feeds.perform, publish, interest, self.recorder, saver)
        return Pump(self.intake, self.machine, outlets, self.clock)

    async def run(self, pump: Pump) -> None:
        """Feeds, clock and loop until cancelled; the tape is closed whole."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.feeds.run())
                group.create_task(beat(self.clock, self.intake))
                group.create_task(pump.run())
        finally:
            if self.recorder is not None:
                await asyncio.to_thread(self.recorder.close)


def _limits(config: Config) -> Limits:
    tape = config.tape
    return Limits(
        segment_ns=int(tape.segment_minutes * 60e9),
        segment_bytes=tape.segment_mb * 1_000_000,
        segment_frames=tape.segment_frames,
        retention_bytes=int(tape.retention_gb * 1e9),
    )


def addressed(venue: Venue, rest: str, stream: str) -> Venue:
    """The venue with its addresses moved to other hosts: a testnet, or the simulator."""
    streams = venue.streams
    if stream:
        base = stream.rstrip("/")
        streams = tuple(msgspec.structs.replace(s, url=base + urlsplit(s.url).path) for s in streams)
    return msgspec.structs.replace(venue, rest=rest.rstrip("/") or venue.rest, streams=streams)


def venues_of(config: Config) -> tuple[Venue, ...]:
    """The venues that are enabled, at the addresses and with the markets the configuration gives them."""
    chosen = []
    for venue in VENUES:
        settings = config.venues.get(venue.id)
        if settings is None:
            chosen.append(venue)
            continue
        if not settings.enabled:
            continue
        venue = addressed(venue, settings.rest, settings.stream)
        if settings.markets:
            streams = tuple(s for s in venue.streams if s.market in settings.markets)
            polls = tuple(p for p in venue.polls if p.market in settings.markets)
            venue = msgspec.structs.replace(venue, streams=streams, polls=polls)
        chosen.append(venue)
    return tuple(chosen)
