"""Bybit's messages without sockets or clocks, for tapes, benchmarks and tests."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from crosstape.sim.bybit.rest import answer
from crosstape.sim.bybit.stream import Stream
from crosstape.sim.dialect import Key
from crosstape.sim.server import SimSettings, make_world

START_NS = 1_795_000_000_000_000_000
MIX = ("orderbook.50", "publicTrade", "tickers")


class Prerendered(Struct, frozen=True):
    """Wire messages in order with the world's time of each, and REST bodies from just before the first.

    `instruments` and `tickers` are by category; `instruments` holds one body a page.
    """

    instruments: dict[str, list[bytes]]
    tickers: dict[str, bytes]
    times: list[int]
    messages: list[tuple[str, bytes]]


def keys_of(stream: Stream, category: str, topics: Sequence[str], most: int) -> list[Key]:
    """The topics of the `most` busiest instruments of a category."""
    turnover = stream.world.rows.turnover_usd
    symbols = sorted(stream.symbols[category].items(), key=lambda pair: -turnover[pair[1]])[:most]
    found = [(category, f"{topic}.{symbol}") for symbol, _ in symbols for topic in topics]
    return [key for key in found if stream.known(key)]


def render(
    stream: Stream, keys: Sequence[Key], seconds: float, rate: float, step_ms: int = 10
) -> Iterator[tuple[int, Key, bytes]]:
    """(time, key, message): first snapshots, then about `rate` messages a second of the world's time."""
    for key in keys:
        if (first := stream.open(key)) is not None:
            yield stream.world.now_ns, key, first
    world = stream.world
    world.flow.pace(world.rows.weights(), rate, stream.load())
    for _ in range(int(seconds * 1000 / step_ms)):
        for key, message in stream.publish(stream.world.step(step_ms * 1_000_000)):
            yield stream.world.now_ns, key, message


def instrument_pages(stream: Stream, category: str) -> list[bytes]:
    """Every page of instruments-info."""
    pages: list[bytes] = []
    query = {"category": category, "limit": "500"}
    path = "/v5/market/instruments-info"
    while True:
        pages.append(answer(stream, path, query).body)
        cursor = pages[-1].partition(b'"nextPageCursor":"')[2].partition(b'"')[0].decode()
        if not cursor:
            return pages
        query["cursor"] = cursor


def prerender(
    seed: int, assets: int, seconds: float, topics: Sequence[str] = MIX, *,
    categories: Sequence[str] = ("linear",), instruments: int = 1_000_000, rate: float = 5_000.0,
    start_ns: int = START_NS,
) -> Prerendered:  # fmt: skip
    """`topics` (without symbol) of the busiest `instruments` of each category; same arguments, same bytes."""
    stream = Stream(make_world(SimSettings(seed=seed, assets=assets, rate=rate, start_ns=start_ns)))
    pages = {category: instrument_pages(stream, category) for category in categories}
    tickers = {c: answer(stream, "/v5/market/tickers", {"category": c}).body for c in categories}
    keys = [key for category in categories for key in keys_of(stream, category, topics, instruments)]
    found = list(render(stream, keys, seconds, rate))
    messages = [(key[0], message) for _, key, message in found]
    return Prerendered(pages, tickers, [ts for ts, _, _ in found], messages)
