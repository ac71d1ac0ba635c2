"""The hot end of a socket: picows callbacks that put what arrives into the intake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from crosstape.feeds.settings import Ports
from crosstape.feeds.topics import Batch
from crosstape.model.frame import Kind

TEXT, BINARY, CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION
NO_CODE = 1005


def ignore(*_: object) -> bool:
    """Where arrivals of an ended connection go."""
    return True


class Link(WSListener):  # type: ignore[misc, unused-ignore]
    """One connection's listener. `answers` is called with a payload only while `outstanding` is not empty."""

    def __init__(
        self,
        source: str,
        ports: Ports,
        number: Callable[[], int],
        outstanding: dict[str, Batch],
        answers: Callable[[bytes], None],
    ) -> None:
        self.source = source
        self.conn = 0
        self.last = 0
        self.messages = 0
        self.bytes = 0
        self.closed: tuple[int, bytes] | None = None
        self.pressed = asyncio.Event()
        self.leaving = asyncio.Event()
        self._put: Callable[..., bool] = ports.intake.put
        self._now = ports.clock.now
        self._limit = ports.settings.message_bytes
        self._number = number
        self._outstanding = outstanding
        self._answers = answers
        self._parts: list[bytes] = []
        self._size = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The connection is up; it gets its number now, so that numbers count connections, not attempts."""
        self.conn = self._number()
        self.last = self._now()
        if not self._put(self.last, self.source, self.conn, Kind.OPEN, b""):
            self._press(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Everything that arrives."""
        kind = frame.msg_type
        if (kind is TEXT or kind is BINARY) and frame.fin:
            payload = frame.get_payload_as_bytes()
            self.last = now = self._now()
            self.messages += 1
            self.bytes += len(payload)
            if not self._put(now, self.source, self.conn, Kind.DATA, payload):
                self._press(transport)
            if self._outstanding:
                self._answers(payload)
        else:
            self._rare(transport, frame, kind)

    def resume(self, transport: WSTransport) -> None:
        """Read again. The pause was ours, so it is not silence of the venue."""
        self.pressed.clear()
        self.last = self._now()
        if not transport.underlying_transport.is_closing():
            transport.underlying_transport.resume_reading()

    def end(self, status: int, reason: bytes) -> None:
        """The connection is gone; what the kernel still held of it is not put after its CLOSE."""
        self._put(self._now(), self.source, self.conn, Kind.CLOSE, reason, "", status)
        self._put = ignore

    def _rare(self, transport: WSTransport, frame: WSFrame, kind: WSMsgType) -> None:
        self.last = self._now()
        if kind is WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif kind is WSMsgType.CLOSE:
            payload = frame.get_payload_as_bytes()
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_CODE
            self.closed = self.closed or (code, payload[2:])
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
            self.leaving.set()
        elif kind is not WSMsgType.PONG:
            self._part(transport, frame)

    def _part(self, transport: WSTransport, frame: WSFrame) -> None:
        """A fragment of a message."""
        self._parts.append(frame.get_payload_as_bytes())
        self._size += frame.payload_size
        if self._size > self._limit:
            self.closed = (WSCloseCode.MESSAGE_TOO_BIG.value, b"fragmented message too big")
            transport.send_close(WSCloseCode.MESSAGE_TOO_BIG)
            transport.disconnect()
            self.leaving.set()
        elif frame.fin:
            payload = b"".join(self._parts)
            self._parts, self._size = [], 0
            self.messages += 1
            self.bytes += len(payload)
            if not self._put(self.last, self.source, self.conn, Kind.DATA, payload):
                self._press(transport)
            if self._outstanding:
                self._answers(payload)

    def _press(self, transport: WSTransport) -> None:
        """The intake is full: leave the rest in the kernel until `pressed` is cleared by the connection."""
        if not self.pressed.is_set():
            self.pressed.set()
            if not transport.underlying_transport.is_closing():
                transport.underlying_transport.pause_reading()
