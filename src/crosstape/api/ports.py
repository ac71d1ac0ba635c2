"""What the API needs of others, as protocols and plain values that `app` fills."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Protocol

import msgspec

from crosstape.api.ports_past import Past
from crosstape.model.access import Grant, Written
from crosstape.model.completeness import Completeness
from crosstape.model.execution import Execution
from crosstape.model.push import Pushed, Tick


class Role(IntEnum):
    """What a key may do; a higher role may do all that a lower one may."""

    VIEWER = 1
    TRADER = 2
    ADMIN = 3


class SourceStatus(msgspec.Struct, frozen=True):
    """One socket or poll as the feeds see it; `state`: idle connecting open backoff banned; `since` ns."""

    source: str
    state: str
    since: int = 0
    reconnects: int = 0
    messages: int = 0
    bytes: int = 0
    topics: int = 0
    crashes: int = 0
    last_error: str = ""


class HostStatus(msgspec.Struct, frozen=True):
    """One budget of one host, and its circuit breaker."""

    venue: str
    host: str
    what: str
    used: float
    limit: float
    waiting: int = 0
    refused: int = 0
    until: int = 0
    bans: int = 0
    circuit: str = "closed"
    opened: int = 0


class TapeStatus(msgspec.Struct, frozen=True):
    """The recording: `failed` says why it ended; `lost` frames were never written; `troubles`: what failed
    without ending it, by what."""

    recording: bool = False
    folder: str = ""
    bytes: int = 0
    segments: int = 0
    failed: str = ""
    lost: int = 0
    troubles: dict[str, int] = {}


class HistoryStatus(msgspec.Struct, frozen=True):
    """The Parquet files: `rows` written by this run, moments `waiting`, rows `lost` for want of room; `failed`
    says why the last write failed."""

    recording: bool = False
    folder: str = ""
    rows: int = 0
    bytes: int = 0
    waiting: int = 0
    lost: int = 0
    failed: str = ""


class LogLine(msgspec.Struct, frozen=True):
    """One line of the log: its time, debug … critical, what happened, and the rest of it."""

    ts_ms: int
    level: str
    event: str
    details: str


class OperationsStatus(msgspec.Struct, frozen=True):
    """How the process is doing. NaN = not measured.

    tick_ms_p50 … p99   length of the engine's ticks; loop_lag_ms_*: how late the event loop is
    intake_waiting      arrivals not folded yet; intake_deepest: the most ever; intake_pauses: how often readers
                        had to wait
    cpu_percent         of one core
    disk_*              of the data folder's file system; written_per_s: bytes by this process
    net_*_per_s         bytes of the whole machine, loopback included
    log                 the newest lines, oldest first
    """

    version: str = ""
    uptime_s: float = float("nan")
    memory_bytes: int = 0
    memory_percent: float = float("nan")
    cpu_percent: float = float("nan")
    loop_lag_ms_p50: float = float("nan")
    loop_lag_ms_p99: float = float("nan")
    tick_ms_p50: float = float("nan")
    tick_ms_p99: float = float("nan")
    intake_waiting: int = 0
    intake_limit: int = 0
    intake_deepest: int = 0
    intake_pauses: int = 0
    frames: int = 0
    frames_per_s: float = float("nan")
    cpu_s: float = 0.0
    open_files: int = 0
    threads: int = 0
    disk_free_bytes: int = 0
    disk_total_bytes: int = 0
    disk_written_per_s: float = float("nan")
    net_received_per_s: float = float("nan")
    net_sent_per_s: float = float("nan")
    log: tuple[LogLine, ...] = ()
    sources: tuple[SourceStatus, ...] = ()
    hosts: tuple[HostStatus, ...] = ()
    tape: TapeStatus = TapeStatus()
    history: HistoryStatus = HistoryStatus()


class ReplayStatus(msgspec.Struct, frozen=True):
    """Where a replay is. Times ns.

    at           of the newest view; start and end: what the tape holds
    progress     0 to 1 while it catches up after a seek, else 1
    state        seeking playing paused ended failed; `error` says why it failed
    """

    at: int
    start: int
    end: int
    speed: float
    progress: float
    state: str
    error: str = ""


class Player(Protocol):
    """Who plays a tape. Called on the loop; what is asked for happens soon after."""

    def status(self) -> ReplayStatus:
        """As of now."""
        ...

    def play(self) -> None:
        """Go on, at the speed set."""
        ...

    def pause(self) -> None:
        """Stay here."""
        ...

    def seek(self, ts: int) -> None:
        """Show the last view at or before `ts`; playing goes on from there."""
        ...

    def step(self) -> None:
        """One view on, then stay."""
        ...

    def set_speed(self, speed: float) -> None:
        """Times real time."""
        ...


class TapeRecord(msgspec.Struct, frozen=True):
    """A tape that can be replayed. Times ns; `state`: recording sound torn damaged, `problem` says where."""

    name: str
    start: int
    end: int
    frames: int
    bytes: int
    segments: int
    checkpoints: int
    markets: tuple[str, ...]
    sources: tuple[str, ...]
    state: str
    problem: str = ""


class Session(msgspec.Struct):
    """A replay that a child process serves; `address` http://host:port, `key` its own. Times monotonic s."""

    id: str
    tape: str
    address: str
    key: str
    started: float
    used: float


class Replays(Protocol):
    """Who starts and ends replays."""

    async def tapes(self) -> tuple[TapeRecord, ...]:
        """What is recorded here."""
        ...

    async def start(self, tape: str, at: int | None) -> Session:
        """Serve a tape of that name; ApiError for an unknown name, a time outside it, or too many sessions."""
        ...

    def sessions(self) -> tuple[Session, ...]:
        """Those that run."""
        ...

    def session(self, id: str) -> Session | None:
        """One that runs; this counts as use."""
        ...

    async def end(self, id: str) -> bool:
        """Stop it; False where there is none."""
        ...


class Operations(Protocol):
    """Who knows how the process is doing; called at most ten times a second, on the loop."""

    def status(self) -> OperationsStatus:
        """As of now."""
        ...


class Exchanges(Protocol):
    """Who asks other exchanges.

    ConfigError: no such exchange, symbol or timeframe, or no credentials. RemoteError: it refused, or did not
    answer.
    """

    async def ohlcv(
        self, exchange: str, symbol: str, timeframe: str, since_ms: int, limit: int
    ) -> list[list[float]]:
        """Candles, oldest first: start in ms, open, high, low, close, volume."""
        ...

    async def trades(self, exchange: str, symbol: str, since_ms: int, limit: int) -> list[dict[str, Any]]:
        """ccxt's unified trades, oldest first."""
        ...

    async def ticker(self, exchange: str, symbol: str) -> dict[str, Any]:
        """The newest one."""
        ...

    async def balance(self, exchange: str) -> dict[str, dict[str, float | None]]:
        """By asset: free, used, total."""
        ...


class Credentials(Protocol):
    """Who keeps exchange keys. Called in a thread, but for `test`; gives no secret back.

    ConfigError: the passphrase is not known or wrong, a name is taken, the venue refuses the key. StoreError: the
    disk.
    """

    def masked(self) -> list[dict[str, Any]]:
        """name, venue, key (its first letters), created_ms."""
        ...

    def keep(self, name: str, venue: str, key: str, secret: str, passphrase: str, replace: bool) -> dict[str, Any]:
        """The same of the one that is kept now."""
        ...

    def remove(self, name: str) -> bool:
        """False where there is none."""
        ...

    async def test(self, name: str) -> list[dict[str, Any]] | None:
        """asset, total, free of its account, as decimal texts; None where there is no such key."""
        ...


class OwnExecutions(Protocol):
    """Own executions, by stream. Called in a thread; StoreError becomes a 503."""

    def count(self, stream: int = 0, instrument: str = "") -> int:
        """How many there are; 0 and "" = all."""
        ...

    def every(self, stream: int = 0, instrument: str = "") -> Sequence[Execution]:
        """All of them in order of time."""
        ...


class Streams(Protocol):
    """Who keeps what users bring in. Called in a thread.

    ConfigError: what was asked for is wrong, "name: reason". StoreError: disk or ledger are not there.
    """

    def all(self) -> list[dict[str, Any]]:
        """Every stream."""
        ...

    def one(self, id: int) -> dict[str, Any] | None:
        """One of them."""
        ...

    def rows(self, id: int, since_ms: int, limit: int) -> list[dict[str, Any]] | None:
        """Its trades or executions, oldest first; None where there is no such stream."""
        ...

    def remove(self, id: int) -> bool:
        """The stream and its rows; False where there is none."""
        ...

    def preview(self, body: bytes, file: str, told: dict[str, Any]) -> dict[str, Any]:
        """What a file would bring; nothing is kept."""
        ...

    def load(self, body: bytes, file: str, told: dict[str, Any], stream: str) -> dict[str, Any]:
        """Import a file; it is on the disk when this returns."""
        ...

    def keep(self, exchange: str, symbol: str, timeframe: str, rows: list[Any]) -> dict[str, Any]:
        """Candles (with a timeframe) or trades of another exchange; on the disk when this returns."""
        ...

    @property
    def past(self) -> Past:
        """The instruments that came so."""
        ...


class Pushes(Protocol):
    """Who takes ticks in."""

    async def push(self, ticks: Sequence[Tick]) -> Pushed:
        """Returns when they are on the disk. PushBusy: there is no room; StoreError: no disk."""
        ...


class Ledger(Protocol):
    """Who keeps preferences and keys. Called in a thread; StoreError becomes a 503."""

    @property
    def executions(self) -> OwnExecutions:
        """What the account bought and sold."""
        ...

    def prefs_get(self, user: str) -> dict[str, Any]:
        """What this user saved; empty when nothing."""
        ...

    def prefs_put(self, user: str, prefs: dict[str, Any]) -> None:
        """Replace what this user saved."""
        ...

    def completeness(self, source: str, since: int, until: int) -> Sequence[Completeness]:
        """Hours that begin in [since, until); "" = every source."""
        ...

    def key_grant(self, key: str) -> Grant | None:
        """What the key may do; None for one that is unknown, revoked or expired."""
        ...

    def audit_put(self, rows: Sequence[Written]) -> None:
        """Append to the audit log."""
        ...

    def audit(self, since: int = 0, until: int = 0, who: str = "", limit: int = 100) -> Sequence[Written]:
        """The audit log in [since, until), newest first; 0 and "" = all."""
        ...
