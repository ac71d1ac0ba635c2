"""One WebSocket message and one batch of them, shared by all who get them."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()


class Message:
    """Immutable; its text and its framed bytes are made once."""

    __slots__ = ("_frame", "_text", "is_text", "payload")

    def __init__(self, payload: bytes, is_text: bool) -> None:
        self.payload, self.is_text = payload, is_text
        self._text = ""
        self._frame = b""

    @property
    def text(self) -> str:
        """As ASGI wants text."""
        if not self._text:
            self._text = self.payload.decode()
        return self._text

    @property
    def frame(self) -> bytes:
        """With the header of an unmasked, unfragmented frame (RFC 6455 §5.2)."""
        if not self._frame:
            size, first = len(self.payload), 0x81 if self.is_text else 0x82
            if size < 126:
                header = bytes((first, size))
            elif size < 65_536:
                header = struct.pack("!BBH", first, 126, size)
            else:
                header = struct.pack("!BBQ", first, 127, size)
            self._frame = header + self.payload
        return self._frame


class Batch(msgspec.Struct, frozen=True):
    """What one tick brings to one topic; `count` = events in it."""

    seq: int
    messages: tuple[Message, ...]
    count: int = 0


def said(body: Any) -> Message:
    """A JSON message."""
    return Message(_encoder.encode(body), True)
