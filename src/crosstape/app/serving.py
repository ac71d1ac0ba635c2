"""A whole crosstape that answers: live parts, hub, ledger, API; and the simulated world for the demo."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from crosstape.api.app import create_app
from crosstape.api.hub import Hub
from crosstape.api.server import serving
from crosstape.app.accounts import Keyring, follow
from crosstape.app.asking import open_sql
from crosstape.app.ending import end_within
from crosstape.app.inflow import inflow
from crosstape.app.journal import Journal
from crosstape.app.keeping import Keeper
from crosstape.app.known import addressed, all_venues, narrowed
from crosstape.app.mids import HistoryMids
from crosstape.app.narrator import Narrator
from crosstape.app.others import run_exchanges, with_keys
from crosstape.app.pushing import Pusher
from crosstape.app.recording import Recording
from crosstape.app.running import Live
from crosstape.app.sessions import Sessions
from crosstape.app.status import Vitals
from crosstape.config import Config, DemoSettings
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.feeds.exchanges import Exchanges
from crosstape.model.credential import Credential
from crosstape.model.errors import ConfigError, StoreError
from crosstape.store.cache.cache import open_cache
from crosstape.store.ledger import Ledger
from crosstape.wire.venue import Venue

PATIENCE_S = 20.0
REFUSED_S = 4.0
UNSIMULATED = ("binance-coinm",)


class Unreachable(ConfigError):
    """No venue answered, and the operator asked not to wait for one."""


async def serve_live(
    config: Config, venues: Sequence[Venue], settings: EngineSettings, say: Callable[[str], None],
    once: bool = False,
) -> None:  # fmt: skip
    """Run until SIGINT or SIGTERM. With `once`: end as soon as data flows, Unreachable if none does."""
    live, hub, journal = follow(Live(config, venues)), Hub(), Journal()
    journal.listen()
    _say_what_is_restored(config, say)
    ledger, sessions = _ledger(config), Sessions(config)
    keeper, cache, exchanges = Keeper(ledger), open_cache(config.cache), Exchanges(with_keys(config))
    recording, narrator = Recording(config.history_folder, config.history), Narrator()
    asks = open_sql(recording.history, lambda: hub.view, ledger, config.sql)

    def publish(view: View, restoring: bool = False) -> None:
        hub.publish(view)
        keeper.take(view)
        recording.take(view, restoring)
        if not restoring:
            narrator.take(view)

    live.open(settings, partial(publish, restoring=True))
    pump = live.pump(publish, hub.interest)
    vitals, pusher = Vitals(live, pump, journal, recording), Pusher(live, recording.history, ledger)
    try:
        app = create_app(
            hub, vitals, venues, ledger, config.api, replays=sessions, cache=cache, exchanges=exchanges,
            queries=asks if config.sql.enabled else None, streams=inflow(config, ledger, recording.history),
            saved=ledger.boards if ledger else None, pushes=pusher, mids=HistoryMids(recording.history),
            credentials=Keyring(config),
        )  # fmt: skip
        async with serving(app, config.api) as port, asyncio.TaskGroup() as group:
            say(f"crosstape is at http://{config.api.host}:{port}/")
            work = group.create_task(_work(live, pump, vitals, sessions, keeper, pusher, exchanges))
            try:
                await _until_told(live, say, once)
            finally:
                work.cancel()
    finally:
        journal.leave()
        await asyncio.gather(cache.close(), exchanges.close(), asyncio.to_thread(asks.close))
        await _close(recording, ledger, keeper)


async def _close(recording: Recording, ledger: Ledger | None, keeper: Keeper) -> None:
    await asyncio.to_thread(recording.close)
    if ledger is not None:
        await keeper.flush()
        await asyncio.to_thread(ledger.close)


def _say_what_is_restored(config: Config, say: Callable[[str], None]) -> None:
    if config.tape.record and any(config.tape_folder.glob("*.tape")):
        say(f"restoring from the tape in {config.tape_folder} …")


async def _work(
    live: Live, pump: Any, vitals: Vitals, sessions: Sessions, keeper: Keeper, pusher: Pusher, exchanges: Exchanges
) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(sessions.run())
        group.create_task(keeper.run())
        group.create_task(pusher.run())
        group.create_task(run_exchanges(live, exchanges))
        group.create_task(live.run(pump))
        group.create_task(vitals.watch_loop())


def _ledger(config: Config) -> Ledger | None:
    """The ledger, or None where it cannot be had and no key is needed: the live path goes on without it."""
    import structlog

    config.folder.mkdir(parents=True, exist_ok=True)
    try:
        return Ledger.open(config.ledger_url, config.folder)
    except StoreError as error:
        if config.api.key_required:
            raise
        structlog.get_logger("crosstape").warning(
            "the ledger is unavailable; preferences are not kept", reason=str(error)
        )
        return None


async def _until_told(live: Live, say: Callable[[str], None], once: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        if not stop.is_set():
            end_within(live.config.stop_s)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    try:
        reached = await _reached(live, stop)
        if once:
            if not reached and not stop.is_set():
                raise Unreachable(_unreachable(live))
            return
        if not reached and not stop.is_set():
            say(f"{_unreachable(live)}; retrying, the status page stays up")
        await stop.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _reached(live: Live, stop: asyncio.Event) -> bool:
    """Whether any source spoke within the time a venue may take; sooner where every one was refused."""
    for n in range(int(PATIENCE_S * 10)):
        if stop.is_set():
            return False
        if any(
            s.frames > s.failed + s.opens for s in live.machine.state.sources.values() if s.market != "crosstape"
        ):
            return True
        health = live.feeds.health()
        if n > REFUSED_S * 10 and health and all(h.last_error for h in health):
            return False
        await asyncio.sleep(0.1)
    return False


def _unreachable(live: Live) -> str:
    reasons = {h.last_error for h in live.feeds.health() if h.last_error}
    return f"no venue is reachable ({'; '.join(sorted(reasons))[:200] or 'no answer'})"


@contextlib.asynccontextmanager
async def simulated(demo: DemoSettings) -> AsyncIterator[tuple[Venue, ...]]:
    """The built-in world in a process of its own; the venues at its addresses. It ends when we do."""
    from crosstape.sim.catalogue import DIALECTS
    from crosstape.sim.chaos.kinds import BY_NAME
    from crosstape.sim.chaos.language import parse

    for fault in demo.faults:
        parse(fault, BY_NAME)
    spoken = {dialect.name for dialect in DIALECTS}
    names = [venue.id for venue in all_venues() if venue.id in demo.venues and venue.id in spoken]
    if not names:
        raise ConfigError(f"demo.venues: none of these is simulated; allowed: {', '.join(sorted(spoken))}")
    command = [sys.executable, "-m", "crosstape.sim", "--parent", "--seed", str(demo.seed)]
    command += ["--venue", ",".join(names)]
    command += ["--assets", str(demo.assets), "--rate", str(demo.rate)]
    command += [f"--fault={fault}" for fault in demo.faults]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line:
            raise ConfigError("the simulated world did not start; see its message above")
        found = tuple(located(line, names))
        yield tuple(hosted(venue) for venue in found) if demo.account else found
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def located(line: bytes, names: list[str]) -> Iterator[Venue]:
    """The simulated venues at the addresses the simulator printed, with the markets it simulates."""
    found = msgspec.json.decode(line)
    for venue in all_venues():
        if venue.id not in names:
            continue
        urls = found[venue.id] if len(names) > 1 else found
        located = addressed(venue, urls["rest"], urls["ws"])
        markets = tuple(s.market for s in venue.streams if s.market not in UNSIMULATED)
        yield narrowed(located, markets)


def hosted(venue: Venue) -> Venue:
    """The simulated venue with the accounts that the simulator has there."""
    from crosstape.sim.account import KEY, SECRET

    guest = Credential(f"demo-{venue.id}", venue.id, KEY, SECRET)
    private = tuple(msgspec.structs.replace(one, guest=guest) for one in venue.private)
    return msgspec.structs.replace(venue, private=private)


def demo_settings(config: Config) -> EngineSettings:
    """The demo shows every instrument of its small world, all with books, unless the operator says otherwise."""
    if config.engine != EngineSettings():
        return msgspec.structs.replace(config.engine, mode="simulated")
    everything = Universe(
        top=0, deep=400, min_24h_volume=0.0, preferred_quote_currencies=("USDT", "USDC", "BTC", "USD")
    )
    return EngineSettings(mode="simulated", universe=everything)


def demo_config(config: Config) -> Config:
    """The demo keeps its tape apart from the live one, and a small one."""
    folder = config.folder / "demo"
    tape = msgspec.structs.replace(
        config.tape, folder=str(folder / "tape"), retention_gb=min(config.tape.retention_gb, 2.0)
    )
    return msgspec.structs.replace(config, data=str(folder), tape=tape)


def describe(folder: Path) -> str:
    """A folder as the operator would write it."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)
