"""Messages a second from a pre-rendering sender process through a socket into the intake.

Run: PYTHONPATH=src python tests/feeds/rate.py [messages] [bytes]
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import multiprocessing
import socket
import sys
import time
from multiprocessing.connection import Connection

import uvloop

from crosstape.feeds.clock import WallClock
from crosstape.feeds.intake import BoundedIntake
from crosstape.feeds.settings import FeedSettings
from crosstape.feeds.supervisor import Feeds
from crosstape.wire.effect import Subscribe
from crosstape.wire.venue import Ack, Budget, Stream, StreamLimits, Venue

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def send(messages: int, size: int, port: Connection) -> None:
    """A WebSocket server for one client: an ack, then the same rendered frame as fast as it is taken."""
    chunk = (b"\x81\x7e" + size.to_bytes(2, "big") + b'{"topic":"publicTrade.BTCUSDT"}'.ljust(size, b"x")) * 50
    listener = socket.create_server(("127.0.0.1", 0))
    port.send(listener.getsockname()[1])
    peer, _ = listener.accept()
    lines = peer.recv(65536).split(b"\r\n")
    key = next(x.split(b": ")[1] for x in lines if x.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    peer.sendall(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    peer.recv(65536)
    peer.sendall(b"\x81\x03ack")
    for _ in range(messages // 50):
        peer.sendall(chunk)
    peer.recv(1)


def venue(port: int) -> Venue:
    """One stream, nothing else."""
    stream = Stream(
        market="rate",
        url=f"ws://127.0.0.1:{port}/",
        subscribe=lambda topics, key: b"subscribe",
        unsubscribe=lambda topics, key: b"unsubscribe",
        open=lambda: lambda payload: [],
        ack=lambda payload: Ack(True, "") if payload == b"ack" else None,
        topics=lambda instrument, tier: (),
        book_topics=lambda instrument, tier: (),
        limits=StreamLimits(),
    )
    return Venue(
        "rate", "", "http://127.0.0.1", Budget(1.0, 1.0), (stream,), (), (),
        lambda status, headers, body: None, lambda instrument, since, until: (), lambda: (),
    )  # fmt: skip


async def measure(messages: int, size: int) -> str:
    """One run: wall rate, CPU a message, and how deep the intake got."""
    here, there = multiprocessing.Pipe()
    sender = multiprocessing.get_context("spawn").Process(target=send, args=(messages, size, there), daemon=True)
    sender.start()
    intake = BoundedIntake()
    feeds = Feeds([venue(here.recv())], intake, WallClock(), FeedSettings())
    running = asyncio.create_task(feeds.run())
    await asyncio.sleep(0)
    feeds.perform([Subscribe("rate/0", ("a",))])
    taken = 0
    while taken < 3:
        await intake.wait()
        taken += len(intake.take(3))
    wall, cpu = time.perf_counter(), time.process_time()
    while intake.taken < messages:
        await intake.wait()
        intake.take(1024)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    running.cancel()
    await asyncio.wait({running})
    sender.kill()
    rate, cost = messages / wall, cpu / messages * 1e6
    return f"{rate:,.0f} messages/s of {size} B, {cost:.2f} us CPU a message, intake at most {intake.deepest} deep"


if __name__ == "__main__":
    numbers = [int(x) for x in sys.argv[1:]]
    sys.stdout.write(uvloop.run(measure(*(numbers + [1_000_000, 300][len(numbers) :]))) + "\n")
