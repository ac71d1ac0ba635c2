"""TCP connections whose socket we hold from the first moment, so that giving up really closes them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

from picows import WSListener, WSTransport, ws_connect
from picows.url import WSParsedURL

TRY_S = 5.0


class Dial:
    """One attempt to reach a WebSocket server: every address in turn, then the handshake."""

    def __init__(self, url: str, limit_s: float, message_bytes: int, tls: ssl.SSLContext | None) -> None:
        self._url, self._limit_s, self._bytes, self._tls = url, limit_s, message_bytes, tls
        self._socket: socket.socket | None = None

    async def connect(self, listener: WSListener) -> WSTransport:
        """The open connection; raises OSError, TimeoutError or WSError. Real seconds: the peer's TCP stack does
        not know our clock."""
        done = False
        try:
            async with asyncio.timeout(self._limit_s):
                transport, _ = await ws_connect(
                    lambda: listener,
                    self._url,
                    ssl_context=self._tls,
                    websocket_handshake_timeout=self._limit_s,
                    enable_auto_pong=False,  # our own pong, because a ping is a sign of life
                    max_frame_size=self._bytes,
                    socket_factory=self._reach,
                )
            done = True
            return transport
        finally:
            if not done and self._socket is not None:
                # The library leaves a half-done handshake open when cancelled; the shutdown ends it.
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    async def _reach(self, url: WSParsedURL) -> socket.socket:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        last: OSError = OSError(f"no address for {url.host}")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setblocking(False)
                async with asyncio.timeout(TRY_S):
                    await loop.sock_connect(sock, address)
                self._socket = sock
                return sock
            except OSError as error:  # a TimeoutError is one too
                last = error
            finally:
                if self._socket is not sock:
                    sock.close()
        raise last
