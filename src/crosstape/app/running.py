"""One live crosstape: feeds, clock, loop and tape, composed."""

from __future__ import annotations

import asyncio
import fcntl
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import msgspec
import structlog

from crosstape import __version__
from crosstape.app.replaying import restore
from crosstape.config import Config
from crosstape.engine.checkpoint import save
from crosstape.engine.machine import Machine
from crosstape.engine.settings import Configure, EngineSettings, ForgetAccount, encode_command
from crosstape.engine.universe import wanted
from crosstape.engine.view import View
from crosstape.feeds.clock import WallClock, beat
from crosstape.feeds.intake import BoundedIntake
from crosstape.live.pump import Outlets, Pump
from crosstape.model.errors import ConfigError, TapeError
from crosstape.model.frame import CONFIG, Kind
from crosstape.model.ports import Clock
from crosstape.tape.layout import Limits, Origin
from crosstape.tape.reader import next_seq
from crosstape.tape.writer import TapeWriter
from crosstape.venues import LOCAL
from crosstape.wire.venue import Venue

TICK_NS = 100_000_000


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
    """One running crosstape: what the API and the tests look at. `followed`: the sources of own accounts."""

    def __init__(self, config: Config, venues: Sequence[Venue], clock: Clock | None = None) -> None:
        # aiohttp and picows: only who goes live pays for them.
        from crosstape.feeds.supervisor import Feeds

        self.config, self.venues = config, tuple(venues)
        self.clock: Clock = clock or WallClock()
        self.started = self.clock.now()
        feeds = config.feeds
        self.intake = BoundedIntake(feeds.intake_arrivals, feeds.intake_bytes)
        self.feeds = Feeds(venues, self.intake, self.clock, feeds, seed=secrets.randbits(32))
        self.machine = Machine((*venues, *LOCAL))
        self.followed: set[str] = set()
        self.recorder: TapeWriter | None = None
        self._lock: IO[str] | None = None

    def open(self, settings: EngineSettings, publish: Callable[[View], None] = lambda view: None) -> None:
        """Restore what the tape holds, begin to record, and put the frames that say so.

        `publish` gets the views on the way. A damaged tape is kept and not continued. ConfigError: the folder
        cannot be had, or another crosstape records into it.
        """
        folder, now = self.config.tape_folder, self.clock.now()
        restored = False
        if self.config.tape.record:
            self._lock = locked(folder)
            try:
                seq = restore(folder, self.machine, now, publish)
            except TapeError as error:
                structlog.get_logger("crosstape").error(
                    "the tape is not continued; starting afresh", reason=str(error)
                )
                self.machine, seq = Machine((*self.venues, *LOCAL)), next_seq(folder)
            restored = self.machine.seq >= 0
            self.machine.seq = seq - 1
            self.recorder = TapeWriter(folder, self._origin(settings), seq, now, _limits(self.config))
        for source in self.machine.state.sources.values():
            if source.is_open:
                self.intake.put(now, source.name, source.conn, Kind.CLOSE, b"crosstape restarted", status=1006)
        if not restored or self.machine.settings != settings:
            self.intake.put(now, CONFIG, 0, Kind.COMMAND, encode_command(Configure(settings, not restored)))
        for name in sorted(self.machine.state.own.keys() - self.followed):
            self.intake.put(now, CONFIG, 0, Kind.COMMAND, encode_command(ForgetAccount(name)))

    def _origin(self, settings: EngineSettings) -> Origin:
        run = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        return Origin(run, __version__, msgspec.to_builtins(settings))

    def pump(self, publish: Callable[[View], None], interest: Callable[[], frozenset[int]]) -> Pump:
        """The loop over this machine."""
        self.machine.take_effects()
        machine = self.machine
        self.feeds.perform(wanted(machine.state, machine.streams))
        self.feeds.perform(machine.planner.holes(machine.state, machine.settings, self.clock.now()))
        saver = Checkpoints(self.recorder) if self.recorder is not None and self.config.tape.checkpoints else None
        outlets = Outlets(self.feeds.perform, publish, interest, self.recorder, saver)
        return Pump(self.intake, self.machine, outlets, self.clock)

    async def run(self, pump: Pump, tick_ns: int = TICK_NS) -> None:
        """Feeds, clock and loop until cancelled; the tape is closed whole. Ticks may be further apart where nobody
        looks: they cost the same however much has happened."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.feeds.run())
                group.create_task(beat(self.clock, self.intake, tick_ns))
                group.create_task(pump.run())
        finally:
            if self.recorder is not None:
                await asyncio.to_thread(finish, self.recorder, self.machine, pump, self.config.tape.checkpoints)
            if self._lock is not None:
                self._lock.close()


def finish(writer: TapeWriter, machine: Machine, pump: Pump, checkpoint: bool) -> None:
    """Close the tape; with a checkpoint at its end, so that the next start has nothing to fold."""
    if checkpoint and pump.whole and machine.seq >= 0 and not writer.failed:
        writer.roll(pump.seq, pump.ts)
        sink = writer.begin_checkpoint(pump.seq, pump.ts)
        for name, payload in save(machine):
            if not sink.write(name, payload):
                time.sleep(0.02)
        sink.commit()
    writer.close()


def locked(folder: Path) -> IO[str]:
    """The folder, made if need be, for us alone until the answer is closed; ConfigError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(f"tape.folder: another crosstape records into {folder}") from error
    except OSError as error:
        raise ConfigError(f"tape.folder: cannot record into {folder}: {error.strerror}") from error
    return lock


def _limits(config: Config) -> Limits:
    tape = config.tape
    return Limits(
        segment_ns=int(tape.segment_minutes * 60e9),
        segment_bytes=tape.segment_mb * 1_000_000,
        segment_frames=tape.segment_frames,
        stalled_s=tape.stalled_s,
        retention_bytes=int(tape.retention_gb * 1e9),
    )
