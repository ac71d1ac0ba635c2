"""All feeds of all venues, under one task group."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog

from crosstape.feeds.account import AccountFeed
from crosstape.feeds.failed import failed
from crosstape.feeds.guard import Guard, Log
from crosstape.feeds.health import HostHealth, SourceHealth, host_health
from crosstape.feeds.host import Host, new_session
from crosstape.feeds.limiter import Limiter
from crosstape.feeds.poller import Poller
from crosstape.feeds.settings import FeedSettings, Ports
from crosstape.feeds.socket import Socket
from crosstape.model.credential import Credential
from crosstape.model.ports import Clock, Intake
from crosstape.wire.effect import Effect, Fetch, Reconnect, Send, Subscribe, Unsubscribe
from crosstape.wire.venue import Budget, Private, Remembered, Stream, StreamLimits, Venue

UNLIMITED = Budget(weight=float("inf"), window_s=1.0)


def connect_budget(limits: StreamLimits) -> Budget:
    """Connections a host allows per window."""
    if limits.connects_per_window <= 0:
        return UNLIMITED
    return Budget(float(limits.connects_per_window), limits.connect_window_s)


def market_of(source: str) -> str:
    """The market in front of the slash."""
    return source.partition("/")[0]


class Feeds:
    """Performs the core's effects; whatever comes of them is put into the intake.

    Full = a FAILED frame: of the REST requests that wait for one host, the newest of the lowest priority.
    """

    def __init__(
        self,
        venues: Sequence[Venue],
        intake: Intake,
        clock: Clock,
        settings: FeedSettings,
        seed: int = 0,
        log: Log | None = None,
    ) -> None:
        secure = any(s.url.startswith("wss:") for v in venues for s in v.streams)
        tls = ssl.create_default_context() if secure else None
        self._ports = Ports(intake, clock, settings, tls)
        self._seed = seed
        logger: Log = log if log is not None else structlog.get_logger("crosstape.feeds")
        self._guard = Guard(self._ports, random.Random(f"{seed}/guard"), logger)
        self._quiet = Guard(self._ports, random.Random(f"{seed}/accounts"), logger, traced=False)
        self._streams: dict[str, tuple[Stream, Limiter]] = {}
        self._gates: dict[tuple[str, str], Limiter] = {}
        self._hosts: dict[tuple[str, str], Host] = {}
        self._rest: dict[str, Host] = {}
        self._sockets: dict[str, Socket] = {}
        self._pollers: dict[str, Poller] = {}
        self._accounts: dict[str, AccountFeed] = {}
        self._early: list[Fetch] = []
        self._group: asyncio.TaskGroup | None = None
        self._session: aiohttp.ClientSession | None = None
        self.unknown = 0
        for venue in venues:
            self._declare(venue)

    async def run(self) -> None:
        """Runs until cancelled; every socket is closed when this ends."""
        async with new_session(self._ports.settings) as self._session, asyncio.TaskGroup() as group:
            self._group = group
            try:
                for limiter in (*self._gates.values(), *(h.limiter for h in self._hosts.values())):
                    self._spawn(self._guard.keep("limiter", limiter.run))
                for socket in self._sockets.values():
                    self._spawn(self._guard.keep(socket.source, socket.run))
                for poller in tuple(self._pollers.values()):
                    self._spawn(self._rounds(poller, self._session))
                for account in self._accounts.values():
                    self._spawn(self._quiet.keep(account.source, account.run))
                early, self._early = self._early, []
                self.perform(early)
                await asyncio.Event().wait()
            finally:
                self._group = None

    def follow(
        self, venue: Venue, private: Private, credential: Credential, known: Callable[[], Remembered | None]
    ) -> None:
        """One side of an own account too, from when this runs. `known`: what is known of it; None = it cannot be
        asked yet."""
        chance = random.Random(f"{self._seed}/{private.stream.name}/{credential.name}")
        account = AccountFeed(venue, private, credential, self._ports, chance, known)
        self._accounts[account.source] = account

    def perform(self, effects: Iterable[Effect]) -> None:
        """Do these, now or as soon as it is allowed. Never blocks, never raises for what it does not know."""
        for effect in effects:
            market = market_of(effect.source)
            if isinstance(effect, Fetch):
                self._fetch(effect, market)
            elif isinstance(effect, Reconnect) and (account := self._accounts.get(effect.source)) is not None:
                account.reconnect(effect.conn, effect.reason)
            elif market not in self._streams:
                self._unknown(effect)
            elif isinstance(effect, Subscribe):
                self._socket(effect.source).subscribe(effect.topics)
            elif (socket := self._sockets.get(effect.source)) is None:
                self._unknown(effect)
            elif isinstance(effect, Unsubscribe):
                socket.unsubscribe(effect.topics)
            elif isinstance(effect, Send):
                socket.send(effect.payload)
            elif isinstance(effect, Reconnect):
                socket.reconnect(effect.conn, effect.reason)

    def health(self) -> tuple[SourceHealth, ...]:
        """Every socket and every poll."""
        sockets, pollers, crashes = self._sockets, self._pollers, self._guard.crashes
        accounts = self._accounts.items()
        return (
            *(socket.health(crashes[source]) for source, socket in sockets.items()),
            *(poller.health(crashes[source]) for source, poller in pollers.items()),
            *(account.health(self._quiet.crashes[source]) for source, account in accounts),
        )

    def hosts(self) -> tuple[HostHealth, ...]:
        """Every budget: REST hosts with their breakers, and the connection budgets of stream hosts."""
        return (
            *(host_health(v, name, "rest", h.limiter, h.breaker) for (v, name), h in self._hosts.items()),
            *(host_health(v, host, "connect", gate) for (v, host), gate in self._gates.items()),
        )

    def _declare(self, venue: Venue) -> None:
        host = self._host(venue)
        others = {
            market: self._host(msgspec.structs.replace(venue, rest=rest.url, budget=rest.budget))
            for rest in venue.others
            for market in rest.markets
        }
        for stream in venue.streams:
            key = (venue.id, urlsplit(stream.url).netloc)
            if key not in self._gates:
                budget, bound = connect_budget(stream.limits), self._ports.settings.waiting_requests
                self._gates[key] = Limiter(self._ports.clock, budget, bound)
            self._streams[stream.name] = (stream, self._gates[key])
            self._rest[stream.name] = others.get(stream.market, host)
        for poll in venue.polls:
            self._rest[poll.market] = asked = others.get(poll.market, host)
            chance = random.Random(f"{self._seed}/{poll.source}")
            self._pollers[poll.source] = Poller(poll.source, poll, asked, self._ports, chance)

    def _host(self, venue: Venue) -> Host:
        fresh = Host(venue, self._ports, random.Random(f"{self._seed}/{venue.id}"))
        return self._hosts.setdefault((venue.id, fresh.name), fresh)

    def _socket(self, source: str) -> Socket:
        socket = self._sockets.get(source)
        if socket is None:
            stream, gate = self._streams[market_of(source)]
            refusal = self._rest[market_of(source)].venue.refusal
            chance = random.Random(f"{self._seed}/{source}")
            socket = self._sockets[source] = Socket(source, stream, self._ports, gate, refusal, chance)
            if self._group is not None:
                self._spawn(self._guard.keep(socket.source, socket.run))
        return socket

    def _fetch(self, effect: Fetch, market: str) -> None:
        """A poller serves it, so that it is counted where its source is."""
        if market not in self._rest:
            self._unknown(effect)
        elif self._group is not None and self._session is not None:
            poller = self._pollers.get(effect.source)
            if poller is None:
                chance = random.Random(f"{self._seed}/{effect.source}")
                poller = Poller(effect.source, None, self._rest[market], self._ports, chance)
                self._pollers[effect.source] = poller
            work = partial(poller.serve, self._session, effect.request)
            self._spawn(self._guard.once(effect.source, work))
        elif len(self._early) < self._ports.settings.waiting_requests:
            self._early.append(effect)
        else:
            failed(self._ports, effect.source, effect.request.key(), "too many requests before the start")

    def _unknown(self, effect: Effect) -> None:
        self.unknown += 1
        request = effect.request.key() if isinstance(effect, Fetch) else type(effect).__name__.lower()
        failed(self._ports, effect.source, request, "unknown source")

    async def _rounds(self, poller: Poller, session: aiohttp.ClientSession) -> None:
        await self._guard.keep(poller.source, partial(poller.run, session))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        if self._group is not None:
            self._group.create_task(work)
