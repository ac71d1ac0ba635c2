"""How the process is doing, gathered from its parts for `/status`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil
import structlog

from crosstape import __version__
from crosstape.api.ports import HistoryStatus, HostStatus, OperationsStatus, SourceStatus, TapeStatus
from crosstape.app.journal import Journal
from crosstape.app.recording import Recording
from crosstape.app.running import Live
from crosstape.live.pump import Pump
from crosstape.live.timing import Samples

LAG_EVERY_S = 0.05


class Moved:
    """What goes to disk and over the network, from counters of the system; what it does not tell is NaN."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._process = folder, psutil.Process()
        self._before = (0.0, (0, 0, 0))
        self._rates: tuple[float, ...] = (float("nan"),) * 3

    def read(self, now: float) -> dict[str, Any]:
        """Fields of the status; rates over a second at least."""
        then, before = self._before
        if now - then >= 1.0:
            counts = self._counts()
            if then:
                self._rates = tuple((new - old) / (now - then) for new, old in zip(counts, before, strict=True))
            self._before = (now, counts)
        written, received, sent = self._rates
        disk = psutil.disk_usage(str(self._folder)) if self._folder.is_dir() else None
        return {"disk_free_bytes": disk.free if disk else 0, "disk_total_bytes": disk.total if disk else 0,
                "disk_written_per_s": written, "net_received_per_s": received, "net_sent_per_s": sent}  # fmt: skip

    def _counts(self) -> tuple[int, int, int]:
        machine = psutil.net_io_counters()
        # Not every system counts what a process writes.
        own = self._process.io_counters() if hasattr(self._process, "io_counters") else None
        return (own.write_bytes if own else 0), machine.bytes_recv, machine.bytes_sent


class Vitals:
    """Implements the API's `Operations`."""

    def __init__(self, live: Live, pump: Pump, journal: Journal, recording: Recording | None = None) -> None:
        self._live, self._pump, self._journal, self._recording = live, pump, journal, recording
        self._moved = Moved(live.config.folder)
        self._process = psutil.Process()
        self._process.cpu_percent()
        self._began = time.monotonic()
        self._lag = Samples(1_200)
        self._rate = (self._began, 0, 0.0)
        self._cached: tuple[float, OperationsStatus] | None = None

    async def watch_loop(self) -> None:
        """Measure how late the event loop runs what is due; say it aloud when the tape ends."""
        recorder = self._live.recorder
        while True:
            if recorder is not None and recorder.failed:
                structlog.get_logger("crosstape").error(
                    "RECORDING HAS ENDED; the live path goes on without a tape",
                    reason=recorder.failed,
                    frames_lost=recorder.lost,
                )
                recorder = None
            due = time.perf_counter() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lag.add(max(time.perf_counter() - due, 0.0))

    def status(self) -> OperationsStatus:
        """As of now; gathered at most twice a second."""
        now = time.monotonic()
        if self._cached is not None and now - self._cached[0] < 0.5:
            return self._cached[1]
        found = self._gather(now)
        self._cached = (now, found)
        return found

    def _gather(self, now: float) -> OperationsStatus:
        live, timing = self._live, self._pump.timing
        tick, lag = timing.tick.read(), self._lag.read()
        return OperationsStatus(
            version=__version__,
            uptime_s=now - self._began,
            memory_bytes=self._process.memory_info().rss,
            memory_percent=self._process.memory_percent(),
            cpu_percent=self._process.cpu_percent(),
            cpu_s=sum(self._process.cpu_times()[:2]),
            open_files=self._process.num_fds(),
            threads=self._process.num_threads(),
            loop_lag_ms_p50=lag.p50,
            loop_lag_ms_p99=lag.p99,
            tick_ms_p50=tick.p50,
            tick_ms_p99=tick.p99,
            intake_waiting=live.intake.depth,
            intake_limit=live.config.feeds.intake_arrivals,
            intake_deepest=live.intake.deepest,
            intake_pauses=live.intake.pauses,
            frames=timing.frames,
            frames_per_s=self._frames_per_s(now),
            log=self._journal.newest(),
            sources=tuple(msgspec.convert(h, SourceStatus, from_attributes=True) for h in live.feeds.health()),
            hosts=tuple(_host(h) for h in live.feeds.hosts()),
            tape=self._tape(),
            history=self._history(),
            **self._moved.read(now),
        )

    def _frames_per_s(self, now: float) -> float:
        before, frames, rate = self._rate
        if now - before >= 1.0:
            rate = (self._pump.timing.frames - frames) / (now - before)
            self._rate = (now, self._pump.timing.frames, rate)
        return rate

    def _tape(self) -> TapeStatus:
        recorder = self._live.recorder
        if recorder is None:
            return TapeStatus()
        return TapeStatus(
            recording=not recorder.failed,
            folder=str(self._live.config.tape_folder),
            bytes=recorder.bytes_written,
            segments=recorder.segments,
            failed=recorder.failed,
            lost=recorder.lost,
            troubles=dict(recorder.troubles),
        )

    def _history(self) -> HistoryStatus:
        if self._recording is None or (recorder := self._recording.recorder) is None:
            return HistoryStatus()
        return HistoryStatus(
            recording=True,
            folder=str(recorder.history.folder),
            rows=recorder.rows,
            bytes=recorder.bytes,
            waiting=recorder.waiting,
            lost=recorder.lost,
            failed=recorder.failed,
        )


def _host(health: object) -> HostStatus:
    fields = {name: getattr(health, name) for name in HostStatus.__struct_fields__}
    return HostStatus(**fields | {"circuit": str(fields["circuit"])})
