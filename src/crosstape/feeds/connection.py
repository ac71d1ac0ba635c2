"""One connection of one source, from the TCP handshake to its CLOSE frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from picows import WSCloseCode, WSError, WSHandshakeError, WSTransport

from crosstape.feeds.dial import Dial
from crosstape.feeds.failed import failed
from crosstape.feeds.headers import header_lines
from crosstape.feeds.link import Link
from crosstape.feeds.settings import Ports
from crosstape.feeds.talk import Talk
from crosstape.wire.venue import Stream

SECOND = 1_000_000_000
LOST = 1006


class Connection:
    """Opens, talks, watches and closes one socket.

    due       set when it shall be replaced or has ended (so is `talk.settled`)
    retired   why it shall be replaced, "" = its lifetime is nearly over
    refused   what a server said instead of opening: status, header lines, body
    """

    def __init__(
        self,
        source: str,
        stream: Stream,
        ports: Ports,
        wanted: tuple[str, ...],
        number: Callable[[], int],
        refuse: Callable[[str, str], None],
        lifetime_s: float,
    ) -> None:
        self.talk = Talk(stream, ports, wanted, refuse, lambda reason: self.close(LOST, reason))
        self.link = Link(source, ports, number, self.talk.desk.outstanding, self.talk.answered)
        self.due = asyncio.Event()
        self.ended = False
        self.failure = ""
        self.retired = ""
        self.opened_at = 0
        self.refused: tuple[int, str, bytes] | None = None
        self._url, self._ports, self._lifetime_s = stream.url, ports, lifetime_s
        self._closing: tuple[int, str] | None = None
        self._transport: WSTransport | None = None

    async def run(self) -> None:
        """Lives until the connection is gone; network trouble ends it, it does not raise."""
        try:
            transport = await self._connect()
            if transport is not None:
                await self._live(transport)
        finally:
            if self._transport is None and self.link.conn:
                self.link.end(LOST, b"given up while opening")
            self.ended = True
            self.talk.settled.set()
            self.due.set()

    @property
    def open(self) -> bool:
        """Whether messages can be sent."""
        return self._transport is not None and not self.ended and self._closing is None

    def close(self, status: int, reason: str) -> None:
        """Ask it to end; `status` and `reason` go into its CLOSE frame."""
        if self._closing is None:
            self._closing = (status, reason)
            if self._transport is not None:
                self._say_goodbye(self._transport)

    def retire(self, reason: str) -> None:
        """Ask for its replacement; it stays up until the other one has everything."""
        self.retired = reason
        self.due.set()

    async def _connect(self) -> WSTransport | None:
        settings = self._ports.settings
        dial = Dial(self._url, settings.connect_timeout_s, settings.message_bytes, self._ports.tls)
        try:
            transport = await dial.connect(self.link)
        except (OSError, TimeoutError, WSError, ValueError) as error:
            self.failure = f"{type(error).__name__}: {error}".strip(": ")
            answer = error.response if isinstance(error, WSHandshakeError) else None
            if answer is not None and isinstance(error, WSHandshakeError):
                lines = header_lines({name.lower(): value for name, value in answer.headers.items()})
                self.refused = (int(answer.status), lines, error.raw_body or b"")
            status, lines, _ = self.refused or (0, "", b"")
            failed(self._ports, self.link.source, "connect", self.failure, status, lines)
            return None
        self._transport = transport
        self.opened_at = self.link.last
        return transport

    async def _live(self, transport: WSTransport) -> None:
        down = asyncio.ensure_future(transport.wait_disconnected())
        if self._closing is not None:
            self._say_goodbye(transport)
        try:
            async with asyncio.TaskGroup() as group:
                duties = (self.talk.write, self.talk.ping, self._watch, self._resume, self._age)
                tasks = [group.create_task(duty(transport)) for duty in duties]
                leaving = group.create_task(self.link.leaving.wait())
                await asyncio.wait({down, leaving}, return_when=asyncio.FIRST_COMPLETED)
                for task in (*tasks, leaving):
                    task.cancel()
        finally:
            if not down.done() and self.link.closed is None:
                self.close(WSCloseCode.OK.value, "stopped")
            await self._hang_up(transport, down)

    def _say_goodbye(self, transport: WSTransport) -> None:
        code = WSCloseCode.OK if self._closing is None or self._closing[0] != LOST else WSCloseCode.GOING_AWAY
        transport.send_close(code)
        transport.disconnect()
        self.link.leaving.set()

    async def _hang_up(self, transport: WSTransport, down: asyncio.Future[None]) -> None:
        """The socket is closed when this returns, and so says the tape."""
        patience = self._ports.settings.close_timeout_s
        if not down.done():
            await asyncio.wait({down}, timeout=patience)
        if not down.done():
            transport.disconnect(False)
            await asyncio.wait({down}, timeout=patience)
        broken = down.exception() if down.done() and not down.cancelled() else None
        down.cancel()
        if broken is not None:
            ending = (LOST, f"{type(broken).__name__}: {broken}".encode())
        elif self._closing is not None:
            ending = (self._closing[0], self._closing[1].encode())
        else:
            ending = self.link.closed or (LOST, b"connection lost")
        self.failure = ending[1].decode(errors="replace") or f"closed with {ending[0]}"
        self.link.end(*ending)

    async def _watch(self, _: WSTransport) -> None:
        """Ends a connection that is silent, or does not answer what was asked twice."""
        clock, settings = self._ports.clock, self._ports.settings
        step_s = min(settings.silence_s, settings.ack_timeout_s) / 4
        while True:
            await clock.sleep(step_s)
            now = clock.now()
            if self.link.pressed.is_set():
                continue
            if now - self.link.last > settings.silence_s * SECOND:
                self.close(LOST, f"silent for {settings.silence_s:g} s")
                return
            reason = self.talk.overdue()
            if reason:
                self.close(LOST, reason)
                return

    async def _resume(self, transport: WSTransport) -> None:
        """Reads again when the intake has room."""
        while True:
            await self.link.pressed.wait()
            await self._ports.intake.drained()
            self.link.resume(transport)
            self.talk.desk.restart(self.link.last)

    async def _age(self, _: WSTransport) -> None:
        if self._lifetime_s > 0:
            await self._ports.clock.sleep(self._lifetime_s)
            self.due.set()
