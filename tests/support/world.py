"""The simulator's messages as frames, without sockets or clocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crosstape.engine.settings import Configure, EngineSettings, Universe, encode_command
from crosstape.model.frame import CLOCK, CONFIG, Frame, Kind
from crosstape.sim.prerender import Prerendered, prerender
from crosstape.venues.bybit.rest import instruments_page
from crosstape.wire.request import Request

TOPICS = ("orderbook.1", "orderbook.200", "publicTrade", "tickers", "allLiquidation")
CATEGORIES = ("linear", "inverse", "spot")
EVERYTHING = EngineSettings(mode="simulated", universe=Universe(top=0, deep=10_000, min_24h_volume=0))
TICK_NS = 100_000_000


def tape_of(
    seconds: float,
    instruments: int = 4,
    assets: int = 12,
    rate: float = 300.0,
    topics: Sequence[str] = TOPICS,
    seed: int = 7,
    every_ns: int = TICK_NS,
) -> list[Frame]:
    """A configured machine's whole input: catalogue, tickers, OPENs, messages, a TICK at every multiple."""
    world = prerender(seed, assets, seconds, topics, categories=CATEGORIES, instruments=instruments, rate=rate)
    return [
        Frame(seq, ts, source, conn, kind, request, 200 if kind is Kind.ANSWER else 0, "", payload)
        for seq, (ts, source, conn, kind, request, payload) in enumerate(_entries(world, every_ns))
    ]


Entry = tuple[int, str, int, Kind, str, bytes]


def _entries(world: Prerendered, every_ns: int) -> Iterator[Entry]:
    ts = world.times[0]
    yield ts, CONFIG, 0, Kind.COMMAND, "", encode_command(Configure(EVERYTHING))
    for category in CATEGORIES:
        market = f"bybit-{category}"
        for page in world.instruments[category]:
            yield ts, f"{market}/instruments", 0, Kind.ANSWER, instruments_page(category).key(), page
        request = Request("tickers", "/v5/market/tickers", (("category", category),)).key()
        yield ts, f"{market}/tickers", 0, Kind.ANSWER, request, world.tickers[category]
        yield ts, f"{market}/0", 1, Kind.OPEN, "", b""
    due = ts - ts % every_ns + every_ns
    for ts, (category, message) in zip(world.times, world.messages, strict=True):
        while ts >= due:
            yield due, CLOCK, 0, Kind.TICK, "", b""
            due += every_ns
        yield ts, f"bybit-{category}/0", 1, Kind.DATA, "", message
    yield due, CLOCK, 0, Kind.TICK, "", b""
