"""The machine: folds frames into state and, on each TICK, publishes a view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from crosstape.boards.board import Board
from crosstape.boards.catalogue import BOARDS
from crosstape.engine import checking, continuity, mending
from crosstape.engine.digest import Digest
from crosstape.engine.planning import Planner
from crosstape.engine.rounds import due
from crosstape.engine.settings import Configure, EngineSettings, ForgetAccount, SetUniverse, decode_command
from crosstape.engine.trust import Trust
from crosstape.engine.view import View
from crosstape.engine.viewing import Viewer
from crosstape.metrics import COLUMNS, Column
from crosstape.model.errors import ConfigError, WireError
from crosstape.model.event import CatalogueEnd
from crosstape.model.frame import Frame, Kind
from crosstape.state.apply import apply
from crosstape.state.apply_own import refuse
from crosstape.state.owned import Owned
from crosstape.state.source import Source
from crosstape.state.state import State
from crosstape.wire.effect import Effect, Reconnect
from crosstape.wire.request import parse_key
from crosstape.wire.venue import KEY, Decoded, Decoder, Poll, Stream, Venue

RECENT_TRADES = 100_000
# Of so many unreadable messages one is held against what was learnt: a flood of them must stay cheap.
LOOKED_AT = 16
# Looked up once: an enum member is not free, and this is asked of every frame.
DATA = Kind.DATA


class Route:
    """Where a source's frames go: its counters and, for a stream, a decoder a connection."""

    __slots__ = ("decoders", "poll", "source", "stream")

    def __init__(self, source: Source, stream: Stream | None, poll: Poll | None) -> None:
        self.source, self.stream, self.poll = source, stream, poll
        self.decoders: dict[int, Decoder] = {}

    def decoder(self, conn: int) -> Decoder | None:
        """The connection's decoder; a connection whose OPEN is not on the tape gets one too."""
        if self.stream is None:
            return None
        return self.decoders.setdefault(conn, self.stream.open())


class Machine:
    """Deterministic: the same frames give the same views and the same digest, live or replayed."""

    def __init__(
        self, venues: Sequence[Venue], columns: tuple[Column, ...] = COLUMNS, boards: tuple[Board, ...] = BOARDS
    ) -> None:
        self.venues = tuple(venues)
        self.streams = {stream.name: stream for venue in venues for stream in venue.streams}
        self.polls = {poll.source: poll for venue in venues for poll in venue.polls}
        self.private = {private.stream.name: private for venue in venues for private in venue.private}
        self.rounds = tuple(poll for poll in self.polls.values() if poll.each is not None)
        self.columns, self.boards = columns, boards
        self.seq = -1
        self._begin(EngineSettings())

    def _begin(self, settings: EngineSettings) -> None:
        """Remember nothing."""
        self.settings = settings
        self.state = State()
        self.planner = Planner(self.venues)
        self.waiting: dict[int, int] = {}
        self.trust = Trust()
        self.viewer = Viewer(self.columns, self.boards, Digest())
        self.routes: dict[str, Route] = {}

    def step(self, frame: Frame) -> tuple[View | None, list[Effect]]:
        """Fold one frame. A TICK gives the view of that instant; effects are what the shell is asked to do."""
        if frame.kind is Kind.TICK:
            *_, view = self.tick(frame)
            return view, self.take_effects()
        self.feed(frame)
        return None, self.take_effects()

    def take_effects(self) -> list[Effect]:
        """What has been asked for since this was last called."""
        effects, self.state.effects = self.state.effects, []
        return effects

    def feed(self, frame: Frame) -> None:
        """Fold one frame that is not a TICK."""
        self.seq = frame.seq
        route = self.routes.get(frame.source)
        if route is None:
            route = self.route(frame.source)
        source = route.source
        source.frames += 1
        source.bytes += len(frame.payload)
        source.last_ts = frame.ts_recv
        if frame.kind is DATA:
            self._message(route, source, frame)
        elif frame.kind is Kind.OPEN:
            opened(self.state, route, frame)
        elif frame.kind is Kind.CLOSE:
            route.decoders.pop(frame.conn, None)
            continuity.closed(self.state, source, frame)
        elif frame.kind is Kind.ANSWER:
            self._answer(route, frame)
        elif frame.kind is Kind.FAILED:
            self._failed(route, frame)
        else:
            self._command(frame)

    def route(self, name: str) -> Route:
        """The route of a source, made at its first frame."""
        before, _, part = name.partition("/")
        poll = self.polls.get(name)
        stream = self.streams.get(before) if poll is None and part.isdigit() else None
        if (private := self.private.get(before)) is not None:
            stream, poll = private.stream, private.poll
            self.state.own.setdefault(name, Owned())
        source = self.state.sources.get(name)
        if source is None:
            source = self.state.sources[name] = Source(name, before)
            source.private = private is not None
            if stream is not None and private is None:
                source.market, source.streams, source.main = stream.market, True, not stream.route
                source.rule, source.lossy, source.sampled = stream.book_rule, stream.lossy, stream.sampled
                source.candles_in_base = stream.candles_in_base
        self.routes[name] = Route(source, stream, poll)
        return self.routes[name]

    def _message(self, route: Route, source: Source, frame: Frame) -> None:
        decoder = route.decoders.get(frame.conn)
        if decoder is None:
            decoder = self._first(route, frame)
        if decoder is None:
            source.errors += 1
            source.last_error = "no venue speaks on this source"
            return
        try:
            events = decoder(frame.payload)
        except WireError as error:
            source.errors += 1
            source.last_error = str(error)[:200]
            if source.errors % LOOKED_AT == 1:
                self.trust.look(self.state, source, frame)
            return
        if source.frames >= source.look_at:
            self.trust.look(self.state, source, frame)
        if events:
            source.spoke_ts = frame.ts_recv
            self._apply(route, events, frame.ts_recv)
            if self.state.effects:
                self.state.effects = [_here(effect, frame) for effect in self.state.effects]

    def _first(self, route: Route, frame: Frame) -> Decoder | None:
        if frame.conn != route.source.conn:
            opened(self.state, route, frame)
        return route.decoder(frame.conn)

    def _apply(self, route: Route, events: Decoded, ts: int) -> None:
        source = route.source
        if source.recent is not None:
            events = continuity.unseen(source, events, RECENT_TRADES)
        lost = apply(self.state, source, events, ts)
        if route.stream is None:
            continuity.answered(self.state, source, events, self.waiting)
        if lost:
            continuity.ask_again(self.state, self.streams, lost, self.waiting, ts)

    def _answer(self, route: Route, frame: Frame) -> None:
        if route.poll is None:
            return
        try:
            events = route.poll.decode(parse_key(frame.request), frame.payload)
        except WireError as error:
            route.source.errors += 1
            route.source.last_error = str(error)[:200]
            return
        if route.poll.name == "check":
            checking.answered(self.state, route.source.market, events, frame.ts_recv)
            return
        self._apply(route, events, frame.ts_recv)
        if route.poll.name == "trades":
            mending.answered(self.state, route.source.market, frame.request, events, frame.ts_recv)
        if any(type(event) is CatalogueEnd for event in events):
            self.planner.catalogued.setdefault(route.source.market, frame.ts_recv)

    def _failed(self, route: Route, frame: Frame) -> None:
        source = route.source
        source.failed += 1
        source.last_error = frame.payload[:200].decode("utf-8", "replace")
        market = source.market
        if route.poll is not None and route.poll.name == "trades":
            mending.failed(self.state, market, frame.request, frame.ts_recv)
        if source.private:
            if frame.request == KEY:
                refuse(self.state, source, source.last_error, frame.ts_recv)
        elif source.name.endswith("/instruments") and market not in self.planner.catalogued:
            apply(self.state, source, self.planner.builtin(market, frame.ts_recv), frame.ts_recv)
            # A built-in list is no catalogue: it must not delist what a later one names.
            self.state.table.seen.pop(market, None)

    def _command(self, frame: Frame) -> None:
        try:
            command = decode_command(frame.payload)
        except ConfigError as error:
            source = self.routes[frame.source].source
            source.errors += 1
            source.last_error = str(error)
            return
        if isinstance(command, Configure) and command.fresh:
            self._begin(command.settings)
        elif isinstance(command, Configure):
            self.settings = command.settings
        elif isinstance(command, SetUniverse):
            markets = {**self.settings.markets, command.market: command.universe}
            self.settings = msgspec.structs.replace(self.settings, markets=markets)
        elif isinstance(command, ForgetAccount):
            self.state.own.pop(command.source, None)
        self.planner.planned_ts = 0
        # What hangs on settings, such as fees, is taken anew with the catalogue.
        self.state.table.version += 1

    def tick(self, frame: Frame) -> Iterator[View | None]:
        """Fold a TICK in slices: yields None between them and, last, the view."""
        self.seq = frame.seq
        ts = frame.ts_recv
        self.planner.plan(self.state, self.settings, ts)
        continuity.ask_overdue(self.state, self.streams, self.waiting, ts)
        self.state.effects += due(self.state, self.rounds, self.state.ts, ts)
        self.trust.each_second(self.state, self.streams, self.planner.venues, ts)
        differing = checking.each_second(self.state, self.streams, self.settings.cross_check_s, ts)
        continuity.ask_again(self.state, self.streams, differing, self.waiting, ts)
        yield from self.viewer.view(self.state, self.settings, frame)


def opened(state: State, route: Route, frame: Frame) -> None:
    """A connection came up; what its rows missed while there was none, or a silent one, is made up for."""
    source = route.source
    missed = source.closed_ts if not source.is_open else source.spoke_ts if source.silent else 0
    continuity.opened(state, source, frame.conn, frame.ts_recv)
    mending.begin(state, source, route.stream, missed, frame.ts_recv)


def _here(effect: Effect, frame: Frame) -> Effect:
    """A decoder does not know which connection it serves: a Reconnect without a source means its own."""
    if isinstance(effect, Reconnect) and not effect.source:
        return Reconnect(frame.source, frame.conn, effect.reason)
    return effect
