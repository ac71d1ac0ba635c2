"""A real server whose hub is fed by the test, and the views it is fed with."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from crosstape.api import ApiSettings, Hub, create_app, serving
from crosstape.api.ports import LogLine, OperationsStatus, SourceStatus
from crosstape.engine.machine import Machine
from crosstape.engine.settings import Configure, EngineSettings, Universe, encode_command
from crosstape.engine.view import View
from crosstape.model.access import Grant, Written
from crosstape.model.completeness import Completeness
from crosstape.model.errors import StoreError
from crosstape.model.execution import Execution
from crosstape.model.frame import CLOCK, CONFIG, Frame, Kind
from crosstape.sim.prerender import prerender
from crosstape.store.cache.cache import open_cache
from crosstape.store.cache.settings import CacheSettings
from crosstape.venues import VENUES
from crosstape.venues.bybit.rest import instruments_page
from crosstape.wire.request import Request

TOPICS = ("orderbook.200", "publicTrade", "tickers", "allLiquidation")
TICK_NS = 100_000_000


def frames(seconds: float = 4.0, assets: int = 12, instruments: int = 8, rate: float = 3000.0) -> Iterator[Frame]:
    """A short tape: configuration, catalogue, then streams with a TICK every 100 ms."""
    categories = ("linear", "inverse", "spot")
    sim = prerender(7, assets, seconds, TOPICS, categories=categories, instruments=instruments, rate=rate)
    start, seq = sim.times[0], iter(range(10_000_000))

    def frame(
        source: str, conn: int, kind: Kind, payload: bytes = b"", request: str = "", ts: int = start
    ) -> Frame:
        return Frame(next(seq), ts, source, conn, kind, request, 200 if kind is Kind.ANSWER else 0, "", payload)

    universe = Universe(top=0, deep=10_000, min_24h_volume=0.0)
    configure = Configure(EngineSettings(mode="simulated", universe=universe))
    yield frame(CONFIG, 0, Kind.COMMAND, encode_command(configure))
    for category in categories:
        for page in sim.instruments[category]:
            yield frame(f"bybit-{category}/instruments", 0, Kind.ANSWER, page, instruments_page(category).key())
        request = Request("tickers", "/v5/market/tickers", (("category", category),))
        yield frame(f"bybit-{category}/tickers", 0, Kind.ANSWER, sim.tickers[category], request.key())
        yield frame(f"bybit-{category}/0", 1, Kind.OPEN)
    tick = start // TICK_NS * TICK_NS + TICK_NS
    for ts, (category, message) in zip(sim.times, sim.messages, strict=True):
        while ts >= tick:
            yield frame(CLOCK, 0, Kind.TICK, ts=tick)
            tick += TICK_NS
        yield frame(f"bybit-{category}/0", 1, Kind.DATA, message, ts=ts)
    yield frame(CLOCK, 0, Kind.TICK, ts=tick)


@lru_cache(maxsize=1)
def tape() -> tuple[Frame, ...]:
    """Rendered once a run."""
    return tuple(frames())


@lru_cache(maxsize=1)
def all_views() -> tuple[View, ...]:
    """Every view of the tape, with the books of all rows."""
    machine, found = Machine(VENUES), []
    for frame in tape():
        if frame.kind is Kind.TICK:
            machine.viewer.interest = frozenset(range(machine.state.rows))
        view, _ = machine.step(frame)
        if view is not None:
            found.append(view)
    return tuple(found)


class Process:
    """Operations as `app` would fill them."""

    def status(self) -> OperationsStatus:
        source = SourceStatus("bybit-linear/0", "open", 1_795_000_000_000_000_000, 1, 10, 100, 3)
        line = LogLine(5, "warning", "connection closed", "code=1006")
        return OperationsStatus(version="test", uptime_s=1.0, sources=(source,), log=(line,))


class Own:
    """Own executions in memory."""

    def __init__(self) -> None:
        self.rows: list[Execution] = []

    def every(self, stream: int = 0, instrument: str = "") -> list[Execution]:
        return [row for row in self.rows if instrument in ("", row.instrument)]

    def count(self, stream: int = 0, instrument: str = "") -> int:
        return len(self.every(stream, instrument))


class Notebook:
    """A ledger in memory."""

    def __init__(self, keys: dict[str, str] | None = None) -> None:
        self.keys, self.prefs, self.asked = keys or {}, dict[str, dict[str, Any]](), 0
        self.hours: list[Completeness] = []
        self.written: list[Written] = []
        self.away = False
        self.executions = Own()

    def prefs_get(self, user: str) -> dict[str, Any]:
        return self.prefs.get(user, {})

    def prefs_put(self, user: str, prefs: dict[str, Any]) -> None:
        self.prefs[user] = prefs

    def completeness(self, source: str, since: int, until: int) -> list[Completeness]:
        return [h for h in self.hours if source in ("", h.source) and since <= h.hour < until]

    def key_grant(self, key: str) -> Grant | None:
        self.asked += 1
        role, *scopes = self.keys.get(key, "").split() or [""]
        number = list(self.keys).index(key) + 1 if role else 0
        return Grant(number, f"{key}'s", role, tuple(scopes)) if role else None

    def audit_put(self, rows: Sequence[Written]) -> None:
        if self.away:
            raise StoreError("away")
        self.written += rows

    def audit(self, since: int = 0, until: int = 0, who: str = "", limit: int = 100) -> list[Written]:
        found = [w for w in self.written if w.ts >= since and (w.ts < until or not until) and who in ("", w.who)]
        return found[::-1][:limit]


class Stage:
    """A real server whose hub is fed by the test."""

    def __init__(self, hub: Hub, port: int, views: tuple[View, ...]) -> None:
        self.hub, self.port, self._views = hub, port, iter(views)
        self.url = f"ws://127.0.0.1:{port}/ws"

    async def tick(self, times: int = 1) -> View:
        """Publish the next views, each seen by the channels before the next."""
        for _ in range(times):
            view = next(self._views)
            self.hub.publish(view)
            await asyncio.sleep(0.01)
        return view

    def again(self) -> View:
        """Publish the newest view as of now, as the next one; costs no simulation."""
        assert self.hub.view is not None
        view = msgspec.structs.replace(
            self.hub.view, number=self.hub.view.number + 1, ts=time.time_ns(), events=()
        )
        self.hub.publish(view)
        return view


@contextlib.asynccontextmanager
async def staged(
    settings: ApiSettings | None = None, ledger: Any = None, ticks: int = 12, hub: Hub | None = None, **parts: Any
) -> AsyncIterator[Stage]:
    """Serves while the block runs; the first views are published. Port 0 unless the settings name one."""
    settings = settings if settings is not None else ApiSettings(port=0)
    hub = hub if hub is not None else Hub()
    app = create_app(hub, Process(), VENUES, ledger if ledger is not None else Notebook(), settings,
                     cache=open_cache(CacheSettings()), **parts)  # fmt: skip
    async with serving(app, msgspec.structs.replace(settings, host="127.0.0.1")) as port:
        stage = Stage(hub, port, all_views())
        if ticks:
            await stage.tick(ticks)
        yield stage
