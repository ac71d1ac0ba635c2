"""One source's socket for ever: topics, reconnects with backoff, rotation before its lifetime ends."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterable
from functools import partial

from crosstape.feeds.backoff import Backoff
from crosstape.feeds.connection import Connection
from crosstape.feeds.failed import failed
from crosstape.feeds.headers import retry_after_s
from crosstape.feeds.health import SourceHealth
from crosstape.feeds.limiter import Crowded, Limiter
from crosstape.feeds.link import Link
from crosstape.feeds.settings import Ports
from crosstape.feeds.wanted import Wanted
from crosstape.wire.venue import Refusal, Stream

SECOND = 1_000_000_000
OK = 1000


def park(connections: Iterable[Connection]) -> None:
    """A source without topics has no connection."""
    for connection in connections:
        connection.close(OK, "no topics")


class Past:
    """What the connections that are gone amounted to."""

    def __init__(self) -> None:
        self.conn = self.messages = self.bytes = 0

    def add(self, link: Link) -> None:
        """One more is gone."""
        self.conn = max(self.conn, link.conn)
        self.messages += link.messages
        self.bytes += link.bytes


class Socket:
    """The topics of one source, and a connection that carries them whenever there are any."""

    def __init__(
        self,
        source: str,
        stream: Stream,
        ports: Ports,
        gate: Limiter,
        refusal: Callable[[int, str, bytes], Refusal | None],
        chance: random.Random,
    ) -> None:
        self.source = source
        self._refusal = refusal
        self._stream, self._ports, self._gate, self._chance = stream, ports, gate, chance
        settings = ports.settings
        self._backoff = Backoff(chance, settings.backoff_first_s, settings.backoff_cap_s, settings.backoff_good_s)
        self._live: list[Connection] = []
        self._wanted = Wanted(source, stream.limits, ports, partial(park, self._live))
        self._numbers = itertools.count(1)
        self._past = Past()
        self._state, self._since = "idle", ports.clock.now()
        self._error = ""

    async def run(self) -> None:
        """Runs until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._turn(group)
        finally:
            self._enter("backoff")

    def subscribe(self, topics: Iterable[str]) -> None:
        """Have these topics; what does not fit the connection's limits is answered by FAILED frames."""
        fresh = self._wanted.add(topics)
        for connection in self._live:
            connection.talk.want(fresh)

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Drop these topics; a source without topics has no connection."""
        gone = self._wanted.remove(topics)
        for connection in self._live:
            connection.talk.unwant(gone)

    def send(self, payload: bytes) -> None:
        """Send on the newest open connection; a FAILED frame when there is none or too much waits."""
        for connection in reversed(self._live):
            if connection.open and connection.talk.send(payload):
                return
        failed(self._ports, self.source, "send", "not open, or too much is waiting to be sent")

    def reconnect(self, conn: int, reason: str) -> None:
        """Replace connection `conn`: the new one is up before this one goes, so nothing is missed on the others'
        account. Nothing happens when it is gone already."""
        for connection in self._live:
            if connection.link.conn == conn:
                connection.retire(reason)

    def health(self, crashes: int) -> SourceHealth:
        """How it is."""
        links = [c.link for c in self._live]
        banned = self._state == "connecting" and self._gate.until > self._ports.clock.now()
        state = "open" if any(c.open for c in self._live) else "banned" if banned else self._state
        return SourceHealth(
            source=self.source,
            state=state,
            since=self._since,
            reconnects=max(self._past.conn - 1, *(k.conn - 1 for k in links), 0),
            messages=self._past.messages + sum(k.messages for k in links),
            bytes=self._past.bytes + sum(k.bytes for k in links),
            topics=len(self._wanted),
            crashes=crashes,
            last_error=self._error,
        )

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        """One connection: up, subscribed, the one before it closed, and held until it ends or is due."""
        if not self._wanted.some.is_set():
            self._enter("idle")
            await self._wanted.some.wait()
        self._enter("connecting")
        try:
            await self._gate.take(1.0, 1)
        except Crowded as error:
            failed(self._ports, self.source, "connect", str(error))
            await self._rest(0.0)
            return
        before = tuple(self._live)
        fresh = self._start(group)
        await fresh.talk.settled.wait()
        if not fresh.ended:
            self._enter("open")
            for old in before:
                old.close(OK, old.retired or "rotated")
            await fresh.due.wait()
        if fresh.ended:
            self._error = fresh.failure
            if fresh.refused is not None:
                self._heed(*fresh.refused)
            lived_ns = self._ports.clock.now() - fresh.opened_at if fresh.opened_at else 0
            await self._rest(lived_ns / SECOND)

    def _start(self, group: asyncio.TaskGroup) -> Connection:
        settings, stream = self._ports.settings, self._stream
        lifetime_s = stream.limits.lifetime_s * self._chance.uniform(settings.rotate_from, settings.rotate_to)
        topics, number, refuse = self._wanted.topics(), self._numbers.__next__, self._wanted.refuse
        connection = Connection(self.source, stream, self._ports, topics, number, refuse, lifetime_s)

        def retire(_: asyncio.Task[None]) -> None:
            self._live.remove(connection)
            self._past.add(connection.link)

        self._live.append(connection)
        group.create_task(connection.run(), name=f"{self.source} connection").add_done_callback(retire)
        return connection

    def _heed(self, status: int, headers: str, body: bytes) -> None:
        """A handshake refused with a ban, or a date to come back: every shard of the host waits."""
        refusal = self._refusal(status, headers, body)
        asked = dict(line.split(": ", 1) for line in headers.splitlines())
        ban_s = max(refusal.ban_s if refusal is not None else 0.0, retry_after_s(asked, self._ports.clock.now()))
        if ban_s > 0.0:
            self._gate.ban(ban_s)

    async def _rest(self, lived_s: float) -> None:
        self._backoff.lived(lived_s)
        self._enter("backoff")
        await self._ports.clock.sleep(self._backoff.next())

    def _enter(self, state: str) -> None:
        self._state, self._since = state, self._ports.clock.now()
