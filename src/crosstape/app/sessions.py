"""Replays of recorded tapes, each served by a child process; at most so many, and idle ones end."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import sys
import time
from pathlib import Path

import msgspec

from crosstape.api.errors import ApiError, unknown
from crosstape.api.ports import Session, TapeRecord
from crosstape.api.routes_replay import within
from crosstape.app.reel import beginning
from crosstape.config import Config
from crosstape.model.errors import TapeError
from crosstape.tape.summary import Summary, summarise

RECORDING = "recording"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MOST_TAPES = 200
START_S, STOP_S, SWEEP_S = 60.0, 10.0, 5.0
Known = dict[str, tuple[tuple[int, int], TapeRecord]]


class Child(msgspec.Struct):
    """A session and the process behind it."""

    session: Session
    process: asyncio.subprocess.Process


class Sessions:
    """Implements the API's `Replays`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._children: dict[str, Child] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._known: Known = {}

    async def run(self) -> None:
        """Ends what is idle or dead, until cancelled; then everything."""
        try:
            while True:
                await asyncio.sleep(SWEEP_S)
                now = time.monotonic()
                for child in list(self._children.values()):
                    idle = now - child.session.used > self._config.api.replay_idle_s
                    if idle or child.process.returncode is not None:
                        await self.end(child.session.id)
        finally:
            await asyncio.gather(*(self.end(name) for name in list(self._children)), *self._ending)

    async def tapes(self) -> tuple[TapeRecord, ...]:
        """What is recorded here; what did not change since is not read again."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> tuple[TapeRecord, ...]:
        found = []
        for name, folder in self._folders().items():
            state = _fingerprint(folder)
            known = self._known.get(name)
            if known is None or known[0] != state:
                recording = name == RECORDING and self._config.tape.record
                known = self._known[name] = (state, _record(name, folder, recording))
            found.append(known[1])
        return tuple(found)

    def _folders(self) -> dict[str, Path]:
        """The recording and the library's tapes, by name: nothing else can be opened."""
        library, own = self._config.library_folder, self._config.tape_folder
        named = sorted(p for p in library.iterdir() if NAME.fullmatch(p.name)) if library.is_dir() else []
        folders = {RECORDING: own} | {p.name: p for p in named[:MOST_TAPES] if p.name != RECORDING}
        return {name: folder for name, folder in folders.items() if any(folder.glob("*.tape"))}

    async def start(self, tape: str, at: int | None) -> Session:
        """Serve a tape of that name."""
        folders = await asyncio.to_thread(self._folders)
        if tape not in folders:
            raise unknown("tape", "tape", tape, folders)
        most = self._config.api.max_replays
        if len(self._children) + self._starting >= most:
            raise ApiError(409, "too_many_replays", f"{most} replays run already", "tape",
                           "end one: DELETE /api/v1/replays/{id}")  # fmt: skip
        self._starting += 1
        try:
            if at is not None:
                summary = await asyncio.to_thread(_summary, folders[tape])
                within(at, beginning(summary), summary.last_ts)
            child = await _started(tape, folders[tape], at)
        finally:
            self._starting -= 1
        self._children[child.session.id] = child
        return child.session

    def sessions(self) -> tuple[Session, ...]:
        """Those that run."""
        return tuple(child.session for child in self._children.values())

    def session(self, id: str) -> Session | None:
        """One that runs; this counts as use."""
        child = self._children.get(id)
        if child is None or child.process.returncode is not None:
            return None
        child.session.used = time.monotonic()
        return child.session

    async def end(self, id: str) -> bool:
        """Stop it."""
        child = self._children.pop(id, None)
        if child is None:
            return False
        ending = asyncio.create_task(_stopped(child.process))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        # Who asked may leave; the process is seen out nevertheless.
        await asyncio.shield(ending)
        return True


async def _started(tape: str, folder: Path, at: int | None) -> Child:
    key = secrets.token_urlsafe(24)
    command = [sys.executable, "-m", "crosstape", "replay", str(folder), "--serve", "--port", "0", "--parent"]
    command += ["--at", str(at / 1e6)] if at is not None else []
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        # By standard input: an argument or a variable could be read by others.
        process.stdin.write(key.encode() + b"\n")
        async with asyncio.timeout(START_S):
            line = (await process.stdout.readline()).decode()
    except BaseException:
        await _stopped(process)
        raise
    address = re.search(r"http://127\.0\.0\.1:\d+", line)
    if address is None:
        await _stopped(process)
        raise ApiError(503, "replay_failed", f"the replay of {tape} did not start; the log says why", "tape")
    now = time.monotonic()
    return Child(Session(secrets.token_hex(6), tape, address[0], key, now, now), process)


async def _stopped(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def _summary(folder: Path) -> Summary:
    try:
        return summarise(folder)
    except (TapeError, OSError) as error:
        raise ApiError(409, "damaged_tape", f"the tape cannot be replayed: {_brief(error)}", "tape") from error


def _record(name: str, folder: Path, recording: bool) -> TapeRecord:
    try:
        found = summarise(folder)
        start = beginning(found)
    except (TapeError, OSError) as error:
        size = sum(path.stat().st_size for path in folder.glob("*.tape"))
        return TapeRecord(name, 0, 0, 0, size, 0, 0, (), (), "damaged", _brief(error))
    state = "recording" if recording else "torn" if found.torn else "sound"
    markets = dict.fromkeys(source.partition("/")[0] for source in found.sources)
    return TapeRecord(
        name, start, found.last_ts, found.frames, found.bytes, found.segments, len(found.marks),
        tuple(market for market in markets if market != "crosstape"), found.sources, state,
    )  # fmt: skip


def _brief(error: Exception) -> str:
    """What is wrong and in which file, without the server's folders."""
    if isinstance(error, TapeError) and error.path:
        return f"{str(error).partition(' at ')[0]} ({Path(error.path).name}:{error.offset})"
    return str(error) if isinstance(error, TapeError) else "it cannot be read"


def _fingerprint(folder: Path) -> tuple[int, int]:
    files = [path.stat() for path in folder.glob("*.tape")]
    return len(files), sum(file.st_size for file in files)
