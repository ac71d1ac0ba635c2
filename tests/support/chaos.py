"""One crosstape against simulated venues over real sockets, and what a chaos test asks of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from crosstape.app.known import addressed, all_venues, narrowed
from crosstape.app.replaying import replay
from crosstape.app.running import Live
from crosstape.config import Config, TapeSettings
from crosstape.engine.machine import Machine
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.feeds.settings import FeedSettings
from crosstape.model.event import Continuity, Trade
from crosstape.model.quality import Quality
from crosstape.sim.server import SimSettings, Simulation, serve
from crosstape.sim.venue import Server
from crosstape.tape.inspection import verify
from crosstape.tape.reader import play
from crosstape.venues.okx.names import pair_of
from crosstape.wire.venue import Venue
from support.running import brisk

BOUND_S = 180.0
# Further apart than in life: a tick costs what it costs, and machines that run tests are slow.
TICK_NS = 300_000_000
VENUES = ("bybit", "binance", "okx", "hyperliquid")
# The main market of each, and how it writes its perpetuals.
MARKET = {"bybit": "bybit-linear", "binance": "binance-usdm", "okx": "okx-swap", "hyperliquid": "hyperliquid"}
FORM = {"bybit": "{}USDT", "binance": "{}USDT", "okx": "{}-USDT-SWAP", "hyperliquid": "{}"}
COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "BNB", "SUI", "HYPE")
ENGINE = EngineSettings(
    mode="simulated", universe=Universe(top=8, deep=8, min_24h_volume=0), backfill_hours=0,
)  # fmt: skip
# Impatient, so that what takes half a minute in earnest takes seconds here.
FEEDS = FeedSettings(
    silence_s=15.0, ack_timeout_s=15.0, backoff_first_s=0.1, backoff_cap_s=1.0, backoff_good_s=5.0, retry_first_s=0.1,
    breaker_open_s=1.0, connect_timeout_s=20.0, close_timeout_s=0.5,
)  # fmt: skip


def instrument(venue: str, coin: str) -> str:
    """The id of a coin's perpetual."""
    return f"{MARKET[venue]}:{FORM[venue].format(coin)}"


def only_main(venues: Iterable[Venue]) -> list[Venue]:
    """The venues with their main market alone."""
    return [narrowed(venue, (MARKET[venue.id],)) for venue in venues]


class Run:
    """A running crosstape: its newest view and every continuity event and trade so far."""

    def __init__(self, live: Live, simulation: Simulation) -> None:
        self.live, self.simulation = live, simulation
        self.view: View | None = None
        self.digests: dict[int, str] = {}
        self.said: list[tuple[str, Continuity]] = []
        self.trades: Counter[tuple[int, str]] = Counter()
        self.flags: Counter[tuple[str, str]] = Counter()
        self.without: frozenset[str] = frozenset()
        self.failed: BaseException | None = None

    def publish(self, view: View) -> None:
        """The hub's place."""
        self.view = view
        self.digests[view.seq] = view.digest
        ids = view.rows.instruments
        for row, event in view.events:
            if type(event) is Continuity:
                named = ids[row] if 0 <= row < len(ids) else None
                self.said.append((named.id if named is not None else "", event))
            elif type(event) is Trade:
                self.trades[row, event.id] += 1
        for row, flags in enumerate(view.quality.tolist()):
            for flag in (Quality.RESYNCING, Quality.STALE):
                if flags & flag and (one := ids[row]) is not None:
                    self.flags[one.id, flag.name or ""] += 1

    def rows(self) -> Mapping[str, int]:
        """Instrument -> row."""
        return self.view.rows.index if self.view is not None else {}

    def name(self, row: int) -> str:
        """The instrument in a row, "" = none."""
        found = self.view.rows.instruments[row] if self.view is not None else None
        return found.id if found is not None else ""

    def server(self, venue: str) -> Server:
        """The simulated venue."""
        return self.simulation.venues[venue]

    def put(self, venue: str, fault: str) -> None:
        """A fault of one venue."""
        self.server(venue).lab.add(fault)

    def count(self, what: str, instrument: str = "", source: str = "") -> int:
        """How often this was said, of an instrument, of sources that begin so."""
        return sum(
            1
            for name, event in self.said
            if event.what == what and instrument in ("", name) and event.source.startswith(source)
        )

    def whose(self, what: str, since: int = 0) -> set[str]:
        """Instruments of which this was said."""
        return {name for name, event in self.said[since:] if event.what == what and name}

    def synced(self, *instruments: str) -> bool:
        """Whether these books (all, when none is named) are in sync and their rows live."""
        return self.view is not None and bool(self._books(instruments)) and not self.unsynced(*instruments)

    def unsynced(self, *instruments: str) -> list[str]:
        """Those that are not, and why."""
        view, state, found = self.view, self.live.machine.state, []
        bad = Quality.RESYNCING | Quality.STALE | Quality.CROSSED
        for name in self._books(instruments):
            row = self.rows().get(name, -1)
            book = state.books[row] if row >= 0 else None
            if view is None or book is None or row >= len(view.quality):
                found.append(f"{name}: no book yet")
            elif not book.synced or int(view.quality[row]) & bad:
                found.append(f"{name}: {Quality(int(view.quality[row]) & bad)!r}")
        return found

    def _books(self, instruments: Iterable[str]) -> list[str]:
        books = self.live.machine.state.books
        return list(instruments) or [n for n, row in self.rows().items() if books[row] and n not in self.without]

    def errors(self, market: str) -> int:
        """Messages of a market that could not be read."""
        return sum(s.errors for s in self.live.machine.state.sources.values() if s.name.startswith(market))

    async def until(self, what: str, true: Callable[[], bool], bound_s: float = BOUND_S) -> None:
        """Waits for a condition; says what was not met."""
        try:
            async with asyncio.timeout(bound_s):
                while not true():
                    if self.failed is not None:
                        raise self.failed
                    await asyncio.sleep(0.05)
        except TimeoutError:
            newest = [f"{name or event.source} {event.what}" for name, event in self.said[-12:]]
            raise AssertionError(
                f"not within {bound_s:g} s: {what}; last said: {newest}; not in sync: {self.unsynced()[:5]}; "
                f"behind by {(self.live.clock.now() - self.live.machine.state.ts) / 1e9:.1f} s"
            ) from None

    def subscribed(self) -> bool:
        """Whether everything that is wanted is subscribed to. Instruments of OKX share the topic of their index."""
        wanted = sum(len(set(map(shared, s._wanted.topics()))) for s in self.live.feeds._sockets.values())
        return wanted > 0 and wanted == sum(map(len, self.held().values()))

    def held(self) -> dict[str, frozenset[str]]:
        """Every topic that is subscribed to, by venue."""
        return {
            name: frozenset(f"{c.category} {t}" for c in server.connections.values() for t in c.held)
            for name, server in self.simulation.venues.items()
        }


def shared(topic: str) -> str:
    """The topic as the venue knows it."""
    channel, _, what = topic.partition(":")
    return f"{channel}:{pair_of(what)}" if channel == "index-tickers" else topic


@asynccontextmanager
async def running(
    folder: Path, venues: Iterable[str] = VENUES, *, feeds: FeedSettings = FEEDS, engine: EngineSettings = ENGINE,
    adjust: Callable[[Venue], Venue] = lambda venue: venue, tape: TapeSettings | None = None,
    without: Iterable[str] = (), **world: Any,
) -> AsyncIterator[Run]:  # fmt: skip
    """Everything up and in sync. On the way out: the tape is sound, replays to what was live, and no task is left."""
    before = asyncio.all_tasks()
    settings = SimSettings(
        **{"venues": tuple(venues), "seed": 3, "assets": 12, "rate": 300.0, "step_ms": 50.0, **world}
    )
    tape = tape or TapeSettings(folder=str(folder / "tape"))
    async with serve(settings) as simulation:
        urls = simulation.urls
        known = [addressed(v, urls[v.id].rest, urls[v.id].ws) for v in all_venues() if v.id in urls]
        chosen = [brisk(adjust(venue)) for venue in only_main(known)]
        live = Live(Config(data=str(folder), tape=tape, feeds=feeds), chosen)
        run = Run(live, simulation)
        run.without = frozenset(without)
        live.open(engine, run.publish)
        work = asyncio.create_task(live.run(live.pump(run.publish, frozenset), TICK_NS))
        work.add_done_callback(lambda task: _note(run, task))
        try:
            await run.until(
                "every book is in sync", lambda: run.synced(*(instrument(v, "BTC") for v in urls)) and run.synced()
            )
            await run.until("everything wanted is subscribed to", run.subscribed)
            yield run
        finally:
            work.cancel()
            await asyncio.wait({work})
    assert asyncio.all_tasks() - before == set(), "tasks were left behind"
    if tape.record and live.recorder is not None and not live.recorder.failed:
        check_tape(run, chosen)


def _note(run: Run, task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        run.failed = task.exception()


def check_tape(run: Run, venues: Iterable[Venue]) -> None:
    """The tape is sound, and its replay gives the digest of every view that was live."""
    folder = run.live.config.tape_folder
    assert verify(folder).sound
    seen: dict[int, str] = {}
    replay(play(folder), Machine(list(venues)), lambda view: seen.__setitem__(view.seq, view.digest))
    different = [seq for seq, digest in run.digests.items() if seen.get(seq) != digest]
    assert not different, f"live and replay differ from view {different[:1]} on"


def without_limits(venue: Venue) -> Venue:
    """The venue with its connection budget taken away: tests that reconnect a thousand times have no hours."""
    streams = tuple(
        msgspec.structs.replace(s, limits=msgspec.structs.replace(s.limits, connects_per_window=0))
        for s in venue.streams
    )
    return msgspec.structs.replace(venue, streams=streams)
