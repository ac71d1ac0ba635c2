"""What following an own account costs, and how soon a fill is shown and kept."""

from __future__ import annotations

import asyncio
import gc
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench.figures import Figure, at_most, median, percentile, plain
from crosstape.app.accounts import follow
from crosstape.app.keeping import Keeper
from crosstape.app.known import addressed, all_venues
from crosstape.app.running import Live
from crosstape.app.serving import demo_settings, hosted
from crosstape.config import Config, TapeSettings
from crosstape.engine.machine import Machine
from crosstape.engine.view import View
from crosstape.model.event import OwnFill
from crosstape.model.frame import Frame, Kind
from crosstape.sim.bybit.private import TOPICS
from crosstape.sim.bybit.voice import BybitVoice
from crosstape.sim.server import SimSettings, make_world, serve
from crosstape.store.ledger import Ledger

TITLE = (
    "An own account of the simulated Bybit; of Binance spot where it says so. Messages: ten simulated minutes "
    "of its orders, executions, positions and wallet, decoded and folded by the machine; ccxt.pro parses the "
    "same orders and executions with its own parsers, which keep nothing. Shown and kept: real sockets on "
    "127.0.0.1, an order every tenth of a second; from the venue's time of a fill to the view that has it (a "
    "tick is 100 ms), to the ledger's commit (one a second)."
)
STEP_NS, STEPS, ROUNDS = 100_000_000, 6_000, 5
SECONDS = 30.0


def run() -> list[Figure]:
    """Costs, then times."""
    return [
        *_costs(),
        *asyncio.run(_times("bybit", "own", "")),
        *asyncio.run(_times("binance", "spot", "Binance spot: ")),
    ]


def _messages() -> list[bytes]:
    world = make_world(SimSettings(assets=12, rate=300.0, start_ns=1_790_000_000_000_000_000))
    voice = BybitVoice(world)
    for topic in TOPICS:
        voice.open(("private", topic))
    return [text for _ in range(STEPS) for key, text in voice.publish(world.step(STEP_NS)) if key[0] == "private"]


def _costs() -> list[Figure]:
    import ccxt.pro

    messages = _messages()
    orders = [text for text in messages if b'"topic":"order"' in text or b'"topic":"execution"' in text]
    exchange = ccxt.pro.bybit()
    venue = next(venue for venue in all_venues() if venue.id == "bybit")

    def fold(given: list[bytes]) -> None:
        machine = Machine((venue,))
        for seq, text in enumerate(given):
            machine.feed(Frame(seq, seq, "bybit-account/bench", 1, Kind.DATA, "", 0, "", text))
        assert machine.state.own["bybit-account/bench"].fills

    def parse(given: list[bytes]) -> None:
        for text in given:
            message: dict[str, Any] = json.loads(text)
            read = exchange.parse_ws_trade if message["topic"] == "execution" else exchange.parse_order
            for row in message["data"]:
                read(row)

    ours, both, peers = [], [], []
    for _ in range(ROUNDS):
        both.append(_rate(fold, messages))
        ours.append(_rate(fold, orders))
        peers.append(_rate(parse, orders))
    ratio = median(ours) / median(peers)
    return [
        plain("messages decoded and folded", median(both), "/s", f"{len(messages):,} messages", 0),
        plain("orders and executions decoded and folded", median(ours), "/s", f"{ratio:.1f}× ccxt.pro", 0),
        plain("orders and executions parsed by ccxt.pro", median(peers), "/s", "", 0),
    ]


def _rate(work: Callable[[list[bytes]], None], given: list[bytes]) -> float:
    gc.collect()
    began = time.perf_counter()
    work(given)
    return len(given) / (time.perf_counter() - began)


async def _times(house: str, side: str, title: str) -> list[Figure]:
    """Of the account that the simulator has on that side, the last one of the venue; no other is followed."""
    shown: list[float] = []
    kept: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open("", Path(folder))
        keeper = Keeper(ledger)

        def publish(view: View) -> None:
            now = time.time_ns()
            shown.extend((now - e.ts_event) / 1e6 for _, e in view.events if type(e) is OwnFill)
            keeper.take(view)

        async with serve(SimSettings(venues=(house,), assets=12, rate=300.0)) as simulation:
            venue = next(venue for venue in all_venues() if venue.id == house)
            place = hosted(addressed(venue, simulation.rest_url, simulation.ws_url))
            place = msgspec.structs.replace(place, private=place.private[-1:])
            config = Config(data=folder, tape=TapeSettings(record=False))
            live = follow(Live(config, [place]))
            live.open(demo_settings(config))
            account = getattr(simulation.venues[house].stream, side).account
            tasks = [
                asyncio.create_task(live.run(live.pump(publish, frozenset))),
                asyncio.create_task(keeper.run()),
            ]
            ends, known = time.monotonic() + SECONDS, 0
            while time.monotonic() < ends:
                account.due_ns = 0
                await asyncio.sleep(0.1)
                rows = await asyncio.to_thread(ledger.executions.page, 0, "", 0, 0, known, 1_000)
                kept += [(time.time_ns() - row.ts) / 1e6 for row in rows]
                known += len(rows)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        ledger.close()
    shown, kept = shown[10:], kept[10:]
    return [
        plain(f"{title}a fill is in a view, p50", percentile(shown, 0.5), "ms", f"{len(shown)} fills", 0),
        at_most(f"{title}a fill is in a view, p99", percentile(shown, 0.99), 500.0, "ms", digits=0),
        plain(f"{title}a fill is in the ledger, p50", percentile(kept, 0.5), "ms", f"{len(kept)} fills", 0),
        at_most(f"{title}a fill is in the ledger, p99", percentile(kept, 0.99), 2_000.0, "ms", digits=0),
    ]
