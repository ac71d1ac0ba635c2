"""What is said on one connection: subscribes and their answers, pings, messages of the core."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from picows import WSMsgType, WSTransport

from crosstape.feeds.pace import Pace
from crosstape.feeds.settings import Ports
from crosstape.feeds.topics import Batch, Desk
from crosstape.wire.venue import Stream

SECOND = 1_000_000_000


class Talk:
    """One connection's side of the conversation.

    settled   set once everything wanted was asked and answered
    refuse    called with a topic that alone was refused, and the venue's reason
    doubt     called with a reason when an answer cannot be trusted and the connection must be replaced
    """

    def __init__(
        self,
        stream: Stream,
        ports: Ports,
        wanted: Iterable[str],
        refuse: Callable[[str, str], None],
        doubt: Callable[[str], None],
    ) -> None:
        self.desk = Desk(wanted, stream.limits.topics_per_request)
        self.settled = asyncio.Event()
        self._stream, self._ports, self._refuse, self._doubt = stream, ports, refuse, doubt
        self._pace = Pace(ports.clock, stream.limits.requests_per_s)
        self._work = asyncio.Event()
        self._work.set()
        self._sends: deque[bytes] = deque()

    def want(self, topics: Iterable[str]) -> None:
        """These too."""
        self.desk.add(topics)
        self._work.set()

    def unwant(self, topics: Iterable[str]) -> None:
        """These no more."""
        self.desk.remove(topics)
        self._work.set()

    def send(self, payload: bytes) -> bool:
        """Send in turn; False = too much is waiting already."""
        if len(self._sends) >= self._ports.settings.waiting_sends:
            return False
        self._sends.append(payload)
        self._work.set()
        return True

    def answered(self, payload: bytes) -> None:
        """Something arrived while a message was unanswered."""
        ack = self._stream.ack(payload)
        if ack is None:
            return
        settled = self.desk.settle(ack)
        for topic in settled.refused:
            self._refuse(topic, ack.reason)
        if settled.doubtful:
            self._doubt(f"refused a repeated subscribe: {ack.reason}")
        self._work.set()

    async def write(self, transport: WSTransport) -> None:
        """Sends what the desk and the core want sent, in turn."""
        while True:
            if self.desk.idle:
                self.settled.set()
            await self._work.wait()
            self._work.clear()
            while self._sends or self.desk.pending:
                await self._pace.turn()
                if self._sends:
                    transport.send(WSMsgType.TEXT, self._sends.popleft())
                elif (batch := self.desk.next()) is not None:
                    batch.sent = self._ports.clock.now()
                    transport.send(WSMsgType.TEXT, self._message(batch))
                else:
                    break

    async def ping(self, transport: WSTransport) -> None:
        """The venue's ping where it wants one, the protocol's elsewhere: a quiet stream is not a dead one."""
        ping = self._stream.ping
        every_s = ping.every_s if ping is not None else self._ports.settings.silence_s / 3
        while True:
            await self._ports.clock.sleep(every_s)
            await self._pace.turn()
            if ping is not None:
                transport.send(WSMsgType.TEXT, ping.payload)
            else:
                transport.send_ping()

    def overdue(self) -> str:
        """Repeats a message nobody answered in time; the second time, why the connection must be replaced."""
        now = self._ports.clock.now()
        batch = self.desk.overdue(now - int(self._ports.settings.ack_timeout_s * SECOND))
        if batch is None:
            return ""
        if batch.again:
            return f"no answer to {'subscribe' if batch.subscribe else 'unsubscribe'}"
        batch.again, batch.sent = True, now
        self._sends.append(self._message(batch))
        self._work.set()
        return ""

    def _message(self, batch: Batch) -> bytes:
        speak = self._stream.subscribe if batch.subscribe else self._stream.unsubscribe
        return speak(batch.topics, batch.id)
