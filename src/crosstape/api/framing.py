"""Our server's WebSocket protocol: uvicorn's, plus writing bytes that were framed once for all clients."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from crosstape.api.socket import RAW

GRACE_S = 1.0


class Framed(WebSocketsSansIOProtocol):
    """Offers itself to the endpoint as the extension `crosstape.raw`."""

    def handle_connect(self, event: Any) -> None:
        """The endpoint's task starts after this returns."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[RAW] = self

    async def write_frames(self, frames: bytes) -> None:
        """Write, and wait until more can be written."""
        if self.disconnected or self.close_sent or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(frames)
        if not self.writable.is_set():
            await self.writable.wait()

    def cut(self, code: int, reason: str) -> None:
        """Close now: a client that does not read would never let the buffer drain."""
        if not self.close_sent and not self.transport.is_closing():
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        self.transport.close()
        self.loop.call_later(GRACE_S, self.transport.abort)
