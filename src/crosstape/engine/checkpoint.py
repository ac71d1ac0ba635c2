"""A checkpoint: the whole machine as named sections of bytes, taken between two frames, and back again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from crosstape.boards.board import Ranking
from crosstape.engine.assets import group
from crosstape.engine.digest import Digest
from crosstape.engine.machine import Machine
from crosstape.engine.settings import EngineSettings
from crosstape.model.errors import TapeError
from crosstape.model.event import AnyEvent, BookDelta
from crosstape.model.instrument import Instrument, fold_of
from crosstape.state.bars import Bars
from crosstape.state.book import Book
from crosstape.state.check import Check
from crosstape.state.hole import Hole
from crosstape.state.identity import Membership
from crosstape.state.owned import Owned
from crosstape.state.pulse import ARRAYS as PULSE
from crosstape.state.seen import Seen
from crosstape.state.shadow import Shadow
from crosstape.state.source import Source
from crosstape.state.state import FLAGS, State
from crosstape.wire.drift import Canary, Shape
from crosstape.wire.venue import BookRule, Decoder

VERSION = 11
# Rows whose newest trades are one section.
SEEN_ROWS = 500
PART_BYTES = 4 << 20
# Bumped by whoever changes what a column or a figure means: a checkpoint made before then must not be continued.
ARRAYS = ("now", "depth", *(name for name, _ in FLAGS))
RING_ARRAYS = ("sums", "run", "part", "close", "oi", "high", "low", "top", "bottom", "part_high", "part_low")
DERIVED = ("usual", "vol_history", "atr", "atr_bars")
BookParts = tuple[
    dict[float, float], dict[float, float], int, int, bool, bool, BookRule, list[BookDelta], Shadow | None, int
]
SeenParts = tuple[list[str], list[str], int, int]
BarParts = tuple[list[float] | None, list[float] | None, dict[int, list[float]], int]


class Rest(msgspec.Struct):
    """Everything that is no array."""

    version: int
    seq: int
    digest: bytes
    number: int
    view_second: int
    settings: EngineSettings
    catalogued: dict[str, int]
    planned_ts: int
    waiting: dict[int, int]
    shards_used: dict[str, list[int]]
    shards_count: dict[str, list[int]]
    decoders: dict[str, dict[int, bytes]]
    state: dict[str, Any]
    table: dict[str, Any]
    instruments: list[Instrument | None]
    sources: list[Source]
    books: list[BookParts | None]
    bars: list[BarParts]
    identity: dict[int, Membership]
    leadlag: tuple[list[tuple[int, int]], list[int], int, dict[int, float], dict[int, float]]
    rings: list[tuple[int, int]]
    holes: dict[int, Hole]
    asked: dict[int, int]
    mute: dict[int, tuple[int, int]]
    accounted: tuple[int, int]
    shapes: dict[str, dict[str, Shape]]
    events: list[tuple[int, AnyEvent]]
    known_version: int
    by_asset: list[str]
    on_rows: list[str]
    columns: list[str]
    rankings: list[str]
    checks: dict[int, Check] = {}
    own: dict[str, Owned] = {}
    doubts: dict[int, int] = {}


@runtime_checkable
class Remembering(Protocol):
    """A decoder that is more than a function: `memory` is all it knows of its connection, as one Struct."""

    memory: msgspec.Struct


STATE_PARTS = ("cells", "quoted", "large_at", "late_trades", "ts", "second")
STATE_SETS = ("dirty", "touched", "book_dirty", "depth_dirty", "open_bars")
TABLE_PARTS = ("tiers", "shards", "gone_ts", "by_market", "free", "version")


def save(machine: Machine) -> Iterator[tuple[str, bytes]]:
    """Sections, one at a time so that a large machine never stands in memory twice."""
    for name, array in _arrays(machine):
        yield from _packed(name, array)
    for start in range(0, machine.state.rows, SEEN_ROWS):
        parts = [_seen_parts(seen) for seen in machine.state.seen[start : start + SEEN_ROWS]]
        yield f"seen#{start}", msgspec.msgpack.encode(parts)
    yield "rest", msgspec.msgpack.encode(_rest(machine))


def _arrays(machine: Machine) -> Iterator[tuple[str, NDArray[Any]]]:
    state, viewer = machine.state, machine.viewer
    for name in ARRAYS:
        yield f"state.{name}", getattr(state, name)
    for k, ring in enumerate(state.rings.all):
        for name in RING_ARRAYS:
            yield f"ring.{k}.{name}", getattr(ring, name)
    for name in DERIVED:
        yield f"derived.{name}", getattr(state.rings, name)
    for k, pulse in enumerate((state.trading, state.touching)):
        for name, _ in PULSE:
            yield f"pulse.{k}.{name}", getattr(pulse, name)
    yield "leadlag", state.leadlag.mids
    for name, values in viewer.values.items():
        yield f"column.{name}", values
    for name, ranking in viewer.rankings.items():
        yield f"ranking.{name}.rows", ranking.rows
        yield f"ranking.{name}.values", ranking.values
    if viewer.known is not None:
        yield "usd", viewer.known.usd
    if viewer.crossing is not None:
        for name, values in viewer.crossing.by_asset.items():
            yield f"by_asset.{name}", values
        for name, values in viewer.crossing.on_rows.items():
            yield f"on_rows.{name}", values


def _rest(machine: Machine) -> Rest:
    state, viewer, planner = machine.state, machine.viewer, machine.planner
    parts = {name: getattr(state, name) for name in STATE_PARTS}
    parts |= {name: sorted(getattr(state, name)) for name in STATE_SETS}
    table = {name: getattr(state.table, name) for name in TABLE_PARTS}
    table["seen"] = {market: sorted(natives) for market, natives in state.table.seen.items()}
    return Rest(
        VERSION, machine.seq, viewer.digest.value, viewer.number, viewer.second, machine.settings,
        planner.catalogued, planner.planned_ts, machine.waiting, planner.shards.used, planner.shards.count,
        {name: _memories(route.decoders) for name, route in machine.routes.items()},
        parts, table, state.table.instruments, list(state.sources.values()),
        [None if b is None else _book_parts(b) for b in state.books],
        [(b.minute, b.before, b.longer, b.closed) for b in state.bars], state.identity.of,
        (state.leadlag.pairs, state.leadlag.rows, state.leadlag.pos, state.leadlag.lags, state.leadlag.errors),
        [(ring.pos, ring.filled) for ring in state.rings.all],
        state.holes, machine.trust.liveness.asked, machine.trust.liveness.mute, machine.trust.accounted,
        {market: canary.shapes for market, canary in machine.trust.canaries.items()},
        state.events, viewer.known.version if viewer.known is not None else -1,
        list(viewer.crossing.by_asset) if viewer.crossing is not None else [],
        list(viewer.crossing.on_rows) if viewer.crossing is not None else [],
        list(viewer.values), list(viewer.rankings), state.checks, state.own, state.doubts,
    )  # fmt: skip


def _memories(decoders: Mapping[int, Decoder]) -> dict[int, bytes]:
    """What the decoder of each connection remembers, b"" where that is nothing."""
    return {
        conn: msgspec.msgpack.encode(decoder.memory) if isinstance(decoder, Remembering) else b""
        for conn, decoder in sorted(decoders.items())
    }


def load(machine: Machine, sections: Mapping[str, bytes]) -> None:
    """Make a fresh machine what the saved one was; TapeError when the sections are not whole."""
    try:
        rest = msgspec.msgpack.decode(sections["rest"], type=Rest)
        if rest.version != VERSION:
            raise TapeError(f"checkpoint of kind {rest.version}; this crosstape continues kind {VERSION}")
        _load_machine(machine, rest)
        _load_state(machine.state, rest)
        _load_seen(machine.state, sections)
        _load_arrays(machine.state, sections, rest)
        _load_viewer(machine, sections, rest)
    except (KeyError, ValueError, msgspec.MsgspecError) as error:
        raise TapeError(f"checkpoint is not whole: {error!r}") from error


def _load_machine(machine: Machine, rest: Rest) -> None:
    machine.seq, machine.settings = rest.seq, rest.settings
    machine.waiting, trust = rest.waiting, machine.trust
    trust.accounted, trust.liveness.asked, trust.liveness.mute = rest.accounted, rest.asked, rest.mute
    trust.canaries = {market: Canary(shapes) for market, shapes in rest.shapes.items()}
    machine.planner.catalogued, machine.planner.planned_ts = rest.catalogued, rest.planned_ts
    machine.planner.shards.used, machine.planner.shards.count = rest.shards_used, rest.shards_count
    machine.state.sources = {source.name: source for source in rest.sources}
    for name, memories in rest.decoders.items():
        route = machine.route(name)
        for conn, memory in memories.items():
            decoder: object = route.decoder(conn)
            if isinstance(decoder, Remembering):
                decoder.memory = msgspec.msgpack.decode(memory, type=type(decoder.memory))


def _load_state(state: State, rest: Rest) -> None:
    table = state.table
    for name in TABLE_PARTS:
        setattr(table, name, rest.table[name])
    table.seen = {market: set(natives) for market, natives in rest.table["seen"].items()}
    table.instruments = rest.instruments
    table.folds = [None if i is None else fold_of(i) for i in rest.instruments]
    for name in STATE_PARTS:
        setattr(state, name, rest.state[name])
    for name in STATE_SETS:
        setattr(state, name, set(rest.state[name]))
    state.cells = [[float(x) for x in cell] for cell in state.cells]
    state.books = [None if parts is None else _book(parts) for parts in rest.books]
    state.identity.of = rest.identity
    state.events, state.holes, state.checks, state.own = rest.events, rest.holes, rest.checks, rest.own
    state.doubts = rest.doubts
    state.bars = [_bars(parts) for parts in rest.bars]


def _seen_parts(seen: Seen) -> SeenParts:
    return sorted(seen.young), sorted(seen.old), seen.since, seen.last


def _load_seen(state: State, sections: Mapping[str, bytes]) -> None:
    for start in range(0, len(state.table), SEEN_ROWS):
        for young, old, since, last in msgspec.msgpack.decode(sections[f"seen#{start}"], type=list[SeenParts]):
            seen = Seen()
            seen.young, seen.old, seen.since, seen.last = set(young), set(old), since, last
            state.seen.append(seen)


def _book_parts(b: Book) -> BookParts:
    return b.bids, b.asks, b.last, b.depth, b.synced, b.joined, b.rule, b.held, b.shadow, b.ts


def _book(parts: BookParts) -> Book:
    book = Book()
    book.bids, book.asks, book.last, book.depth, book.synced, book.joined, book.rule, book.held = parts[:8]
    book.shadow, book.ts = parts[8:]
    return book


def _bars(parts: BarParts) -> Bars:
    bars = Bars()
    bars.minute, bars.before, bars.longer, bars.closed = parts
    return bars


def _load_arrays(state: State, sections: Mapping[str, bytes], rest: Rest) -> None:
    for name in ARRAYS:
        setattr(state, name, _array(sections, f"state.{name}"))
    for k, ring in enumerate(state.rings.all):
        for name in RING_ARRAYS:
            setattr(ring, name, _array(sections, f"ring.{k}.{name}"))
        ring.pos, ring.filled = rest.rings[k]
    for k, pulse in enumerate((state.trading, state.touching)):
        for name, _ in PULSE:
            setattr(pulse, name, _array(sections, f"pulse.{k}.{name}"))
    state.leadlag.mids = _array(sections, "leadlag")
    lead = state.leadlag
    lead.pairs, lead.rows, lead.pos, lead.lags, lead.errors = rest.leadlag
    for name in DERIVED:
        setattr(state.rings, name, _array(sections, f"derived.{name}"))


def _load_viewer(machine: Machine, sections: Mapping[str, bytes], rest: Rest) -> None:
    viewer = machine.viewer
    viewer.digest = Digest(rest.digest)
    viewer.number, viewer.second = rest.number, rest.view_second
    viewer.values = {name: _array(sections, f"column.{name}") for name in rest.columns}
    for values in viewer.values.values():
        values.flags.writeable = False
    viewer.rankings = {
        name: Ranking(_array(sections, f"ranking.{name}.rows"), _array(sections, f"ranking.{name}.values"))
        for name in rest.rankings
    }
    if "usd" in sections:
        known = viewer.describe(machine.state, machine.settings)
        known.usd = machine.state.usd = _array(sections, "usd")
        # Saved between a change of the table and the tick that takes it in, it must still be taken in.
        known.version = rest.known_version
        if viewer.crossing is not None:
            found = {name: _array(sections, f"by_asset.{name}") for name in rest.by_asset}
            viewer.crossing.by_asset = {n: v for n, v in found.items() if v.size == len(known.assets)}
            viewer.crossing.on_rows = {name: _array(sections, f"on_rows.{name}") for name in rest.on_rows}
            if viewer.values:
                viewer.assets = group(known, viewer.values, viewer.crossing.by_asset)


def _packed(name: str, array: NDArray[Any]) -> Iterator[tuple[str, bytes]]:
    """An array as sections of at most some megabytes, so that copying one never blocks the loop for long."""
    head = msgspec.json.encode((array.dtype.str, array.shape))
    yield name, head
    flat = np.ascontiguousarray(array).reshape(-1)
    step = PART_BYTES // array.dtype.itemsize
    for i, start in enumerate(range(0, flat.size, step)):
        yield f"{name}#{i}", flat[start : start + step].tobytes()


def _array(sections: Mapping[str, bytes], name: str) -> NDArray[Any]:
    dtype, shape = msgspec.json.decode(sections[name], type=tuple[str, tuple[int, ...]])
    array = np.empty(shape, np.dtype(dtype))
    flat = array.reshape(-1)
    step = PART_BYTES // array.dtype.itemsize
    for i, start in enumerate(range(0, flat.size, step)):
        flat[start : start + step] = np.frombuffer(sections[f"{name}#{i}"], array.dtype)
    return array
