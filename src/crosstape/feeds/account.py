"""One own account for ever: its private socket, and everything asked when that came up and every so often."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from itertools import count

import msgspec

from crosstape.feeds.backoff import Backoff
from crosstape.feeds.connection import Connection
from crosstape.feeds.failed import failed
from crosstape.feeds.health import SourceHealth
from crosstape.feeds.questions import Crowded, Questions, Refused
from crosstape.feeds.scrubbed import Scrubbed
from crosstape.feeds.settings import Ports
from crosstape.model.credential import Credential
from crosstape.model.errors import StoreError, WireError
from crosstape.model.event import OwnRefused
from crosstape.wire.venue import KEY, Private, Remembered, Stream, Venue

SECOND = 1_000_000_000
OK = 1000
# Nobody mends a refused key within seconds, and a venue may ban who insists.
REFUSED_FIRST_S, REFUSED_CAP_S = 120.0, 1_800.0
CROWDED_S = 60.0
# What a venue's lists did not show yet when the connection came up they show then.
SETTLED_S = 5.0
UNREADY_S = 0.5


class AccountFeed:
    """Its frames carry nothing that signs. A connection is up and subscribed before everything is asked, so that
    whatever happens meanwhile comes twice rather than not at all.

    known   what is known of it before it is asked; None = it cannot be asked yet
    """

    def __init__(
        self, venue: Venue, private: Private, credential: Credential, ports: Ports, chance: random.Random,
        known: Callable[[], Remembered | None],
    ) -> None:  # fmt: skip
        self.private = private
        self.source = f"{private.stream.name}/{credential.name}"
        self._credential, self._known, self._chance = credential, known, chance
        secrets = (credential.key, credential.secret, credential.passphrase)
        self._scrubbed = Scrubbed(ports.intake, secrets, self._hear)
        self._ports = ports._replace(intake=self._scrubbed)
        self._questions = Questions(self.source, venue, private, credential, self._ports)
        settings = ports.settings
        self._backoff = Backoff(chance, settings.backoff_first_s, settings.backoff_cap_s, settings.backoff_good_s)
        self._patience = Backoff(chance, REFUSED_FIRST_S, REFUSED_CAP_S)
        self._numbers = count(1)
        self._connection: Connection | None = None
        self._refused = ""
        self._state, self._state_since, self._error, self._connects = "idle", ports.clock.now(), "", 0

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            self._enter("connecting")
            wait_s, lived_s = 0.0, 0.0
            try:
                await self._questions.check(self._ports.clock.now())
                lived_s = await self._one()
            except Refused as error:
                self._fail(KEY, str(error))
                wait_s = REFUSED_FIRST_S / 2 + self._patience.next()
            except (StoreError, WireError) as error:
                self._fail("account", str(error))
                wait_s = CROWDED_S if isinstance(error, Crowded) else 0.0
            self._enter("banned" if wait_s else "backoff")
            self._backoff.lived(lived_s)
            await self._ports.clock.sleep(max(wait_s, self._backoff.next()))

    def reconnect(self, conn: int, reason: str) -> None:
        """Replace that connection."""
        if self._connection is not None and self._connection.link.conn == conn:
            self._connection.close(OK, reason)

    def health(self, crashes: int) -> SourceHealth:
        """How it is."""
        link = self._connection.link if self._connection is not None else None
        return SourceHealth(
            source=self.source,
            state=self._state,
            since=self._state_since,
            reconnects=max(self._connects - 1, 0),
            messages=link.messages if link is not None else 0,
            bytes=link.bytes if link is not None else 0,
            topics=len(self.private.topics),
            crashes=crashes,
            last_error=self._error,
        )

    async def _one(self) -> float:
        """One connection, from its address to its end: how long it was up. Refused where its key is."""
        self._refused = ""
        stream = await self._addressed()
        connection = self._connection = Connection(
            self.source, stream, self._ports, self.private.topics, self._numbers.__next__,
            lambda _, reason: self._not_taken(reason), stream.limits.lifetime_s,
        )  # fmt: skip
        if self.private.hello is not None:
            hello = self.private.hello(self._credential, self._ports.clock.now())
            self._scrubbed.hide(hello.secret)
            connection.talk.send(hello.payload)
        async with asyncio.TaskGroup() as group:
            group.create_task(connection.run(), name=f"{self.source} connection")
            await connection.talk.settled.wait()
            duties = []
            if not connection.ended and not self._refused:
                self._connects += 1
                self._enter("open")
                duties = [group.create_task(self._rounds(connection))]
                if self.private.listen is not None:
                    duties.append(group.create_task(self._keep(connection)))
                await connection.due.wait()
            for duty in duties:
                duty.cancel()
            connection.close(OK, "its time is over")
        if self._refused:
            raise Refused(self._refused)
        self._error = connection.failure
        return (self._ports.clock.now() - connection.opened_at) / SECOND if connection.opened_at else 0.0

    def _hear(self, payload: bytes) -> None:
        """Until everything is subscribed the answer to the hello may come by."""
        if self._connection is None or self._connection.talk.settled.is_set():
            return
        with contextlib.suppress(WireError):
            for event in self.private.stream.open()(payload):
                if type(event) is OwnRefused:
                    self._not_taken(event.reason)

    def _not_taken(self, reason: str) -> None:
        self._refused = self._refused or reason
        if self._connection is not None:
            self._connection.close(OK, "the key is refused")

    async def _addressed(self) -> Stream:
        listen, stream = self.private.listen, self.private.stream
        if listen is None:
            return stream
        key = await self._questions.listen(listen, "POST")
        self._scrubbed.hide(key)
        return msgspec.structs.replace(stream, url=listen.url(stream.url, key))

    async def _rounds(self, connection: Connection) -> None:
        """Ask everything, at once and every so often; sooner where that failed."""
        again, whole = Backoff(self._chance, 2.0, self.private.poll.every_s), 0
        while True:
            if (known := self._known()) is None:
                await self._ports.clock.sleep(UNREADY_S)
                continue
            try:
                await self._questions.round(known, connection.link.conn)
                whole += 1
                wait_s = self.private.poll.every_s if whole > 1 else SETTLED_S
                again.lived(wait_s)
            except Refused as error:
                return self._not_taken(str(error))
            except (StoreError, WireError) as error:
                self._fail("account", str(error))
                wait_s = max(again.next(), CROWDED_S if isinstance(error, Crowded) else 1.0)
            await self._ports.clock.sleep(wait_s)

    async def _keep(self, connection: Connection) -> None:
        """Keep the private address alive; where that fails a new one is asked for with a new connection."""
        listen = self.private.listen
        while listen is not None:
            await self._ports.clock.sleep(listen.keep_s)
            try:
                await self._questions.listen(listen, "PUT")
            except (StoreError, WireError, Refused) as error:
                self._fail("account", str(error))
                connection.close(OK, "its address cannot be kept")
                return

    def _fail(self, request: str, reason: str) -> None:
        self._error = self._scrubbed.clean(reason)
        failed(self._ports, self.source, request, reason)

    def _enter(self, state: str) -> None:
        self._state, self._state_since = state, self._ports.clock.now()
