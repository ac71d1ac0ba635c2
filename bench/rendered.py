"""Messages of the simulated world, rendered once and kept in the temporary folder."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

import crosstape.sim
from crosstape.engine.machine import Machine
from crosstape.engine.settings import Configure, EngineSettings, Universe, encode_command
from crosstape.model.frame import CLOCK, CONFIG, Frame, Kind
from crosstape.sim.prerender import Prerendered, prerender
from crosstape.venues import VENUES
from crosstape.venues.bybit.rest import instruments_page
from crosstape.wire.request import Request

TICK_NS = 100_000_000
EVERYTHING = ("orderbook.1", "orderbook.200", "publicTrade", "tickers", "allLiquidation")
MARKETS = ("linear", "inverse", "spot")


class Mix(msgspec.Struct, frozen=True):
    """What is rendered: `topics` of the busiest `instruments` a category, `rate` messages a second in all."""

    seconds: float
    rate: float
    topics: tuple[str, ...] = EVERYTHING
    categories: tuple[str, ...] = MARKETS
    instruments: int = 1_000_000
    assets: int = 300
    seed: int = 7

    def __str__(self) -> str:
        most = "all" if self.instruments >= 1_000_000 else f"the busiest {self.instruments}"
        where = " + ".join(self.categories)
        return f"{', '.join(self.topics)} of {most} instruments of {where}, {self.assets} assets, seed {self.seed}"


def rendered(mix: Mix) -> Prerendered:
    """The messages of a mix; the same mix gives the same bytes."""
    path = _place(mix)
    if path.exists():
        return msgspec.msgpack.decode(path.read_bytes(), type=Prerendered)
    made = prerender(
        mix.seed, mix.assets, mix.seconds, mix.topics,
        categories=mix.categories, instruments=mix.instruments, rate=mix.rate,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.msgpack.encode(made))
    part.replace(path)
    return made


def _place(mix: Mix) -> Path:
    """Where a mix is kept: named after it and after the simulator that rendered it."""
    name = hashlib.sha256(repr(mix).encode())
    for source in sorted(Path(str(crosstape.sim.__file__)).parent.rglob("*.py")):
        name.update(source.read_bytes())
    return Path(tempfile.gettempdir()) / "crosstape-bench" / f"{name.hexdigest()[:24]}.msgpack"


class Framer:
    """Gives frames their sequence numbers."""

    def __init__(self) -> None:
        self.seq = 0

    def __call__(
        self, ts: int, source: str, conn: int, kind: Kind, payload: bytes = b"", request: str = ""
    ) -> Frame:
        """The next frame."""
        status = 200 if kind is Kind.ANSWER else 0
        frame = Frame(self.seq, ts, source, conn, kind, request, status, "", payload)
        self.seq += 1
        return frame


DEEP = Universe(top=0, deep=1_000_000, min_24h_volume=0.0)


def opening(made: Prerendered, framer: Framer, universe: Universe) -> Iterator[Frame]:
    """Configuration, catalogue and tickers, and the TICK on which the universe is planned."""
    ts = made.times[0]
    settings = EngineSettings(mode="simulated", universe=universe, backfill_hours=0.0)
    yield framer(ts, CONFIG, 0, Kind.COMMAND, encode_command(Configure(settings)))
    for category, pages in made.instruments.items():
        market = f"bybit-{category}"
        tickers = Request("tickers", "/v5/market/tickers", (("category", category),))
        for page in pages:
            yield framer(ts, f"{market}/instruments", 0, Kind.ANSWER, page, instruments_page(category).key())
        yield framer(ts, f"{market}/tickers", 0, Kind.ANSWER, made.tickers[category], tickers.key())
    yield framer(ts, CLOCK, 0, Kind.TICK)


def shards(opened: Sequence[Frame]) -> dict[tuple[str, str], str]:
    """(category, topic) -> the connection the machine asks for it on, after these opening frames."""
    scout = Machine(VENUES)
    for frame in opened:
        scout.step(frame)
    table = scout.state.table
    found: dict[tuple[str, str], str] = {}
    for instrument, tier, shard in zip(table.instruments, table.tiers, table.shards, strict=True):
        market = shard.partition("/")[0]
        if instrument is not None and shard:
            topics = scout.streams[market].topics(instrument, tier)
            found |= {(market.removeprefix("bybit-"), topic): shard for topic in topics}
    return found


def topic_of(message: bytes) -> str:
    """The topic, which leads every message."""
    return message[10 : message.index(b'"', 10)].decode()


def frames(made: Prerendered, universe: Universe = DEEP) -> Iterator[Frame]:
    """The whole tape: opening, connections, then the messages that were asked for and ten TICKs a second."""
    framer = Framer()
    opened = list(opening(made, framer, universe))
    yield from opened
    sources = shards(opened)
    for source in sorted(set(sources.values())):
        yield framer(made.times[0], source, 1, Kind.OPEN)
    due = (made.times[0] // TICK_NS + 1) * TICK_NS
    for ts, (category, message) in zip(made.times, made.messages, strict=True):
        while ts >= due:
            yield framer(due, CLOCK, 0, Kind.TICK)
            due += TICK_NS
        if (found := sources.get((category, topic_of(message)))) is not None:
            yield framer(ts, found, 1, Kind.DATA, message)
    yield framer(due, CLOCK, 0, Kind.TICK)


def shares(messages: Sequence[bytes]) -> str:
    """What a run of messages is made of, "43 % trades, …"."""
    counts: dict[str, int] = {}
    for message in messages:
        topic = topic_of(message)
        name = ".".join(topic.split(".")[:2]) if topic.startswith("orderbook") else topic.partition(".")[0]
        counts[name] = counts.get(name, 0) + 1
    size = sum(len(message) for message in messages) / max(len(messages), 1)
    parts = [f"{100 * n / len(messages):.0f} % {name}" for name, n in sorted(counts.items())]
    return f"{', '.join(parts)}; {size:.0f} bytes a message"
