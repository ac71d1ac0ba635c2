"""A venue in its own process that sends rendered messages: as fast as they are taken, or at their own times."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import Any

import msgspec
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from bench.figures import pin
from bench.rendered import Mix, rendered, topic_of
from crosstape.sim.prerender import Prerendered

AHEAD = 1 << 20
QUIET_S = 1.0


class Job(msgspec.Struct, frozen=True):
    """What to send: a mix, `total` messages of it in all (again from its start when it ends); `pace` =
    at their own times, sped up to so many a second; 0 = as fast as they are taken."""

    mix: Mix
    total: int
    pace: float = 0.0
    core: int = 1


class Client(WSListener):
    """One connection and the topics it holds."""

    def __init__(self, desk: Desk, category: str) -> None:
        self.desk, self.category = desk, category
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """It is there."""
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A subscription, or a ping."""
        if frame.msg_type is not WSMsgType.TEXT:
            return
        said = msgspec.json.decode(frame.get_payload_as_bytes())
        if said.get("op") == "subscribe":
            for topic in said["args"]:
                self.desk.held[self.category, topic] = self
            self.desk.heard = time.monotonic()
            answer = {"success": True, "ret_msg": "", "op": "subscribe", "req_id": said.get("req_id", "")}
            transport.send(WSMsgType.TEXT, msgspec.json.encode(answer))


class Desk:
    """Who holds what, and the catalogue over REST."""

    def __init__(self, made: Prerendered) -> None:
        self.made = made
        self.held: dict[tuple[str, str], Client] = {}
        self.heard = 0.0

    def open(self, request: WSUpgradeRequest) -> Any:
        """A socket, or an answer."""
        path = request.path.decode()
        if path.startswith("/v5/public/"):
            return Client(self, path.rpartition("/")[2])
        category = path.partition("category=")[2].partition("&")[0]
        body = self.made.tickers.get(category, b"{}")
        if "instruments-info" in path:
            pages = self.made.instruments[category]
            cursors = [b""] + [p.partition(b'"nextPageCursor":"')[2].partition(b'"')[0] for p in pages[:-1]]
            asked = path.partition("cursor=")[2].partition("&")[0].encode()
            body = pages[cursors.index(asked)] if asked in cursors else pages[0]
        ok = WSUpgradeResponse.create_ok_response(body, {"Content-Type": "application/json"})
        return WSUpgradeResponseWithListener(ok, None)


def framed(payload: bytes) -> bytes:
    """A text message as a server puts it on the wire."""
    n = len(payload)
    if n < 126:
        return bytes((0x81, n)) + payload
    if n < 1 << 16:
        return b"\x81\x7e" + n.to_bytes(2, "big") + payload
    return b"\x81\x7f" + n.to_bytes(8, "big") + payload


Queue = list[tuple[int, Client, bytes]]


def queue(desk: Desk) -> Queue:
    """(time, to whom, wire bytes) of everything somebody holds."""
    found = []
    for ts, (category, message) in zip(desk.made.times, desk.made.messages, strict=True):
        client = desk.held.get((category, topic_of(message)))
        if client is not None:
            found.append((ts, client, framed(message)))
    return found


async def blast(waiting: Queue, total: int) -> None:
    """As fast as they are taken: kernel buffers and a little ahead are always full."""
    sent = 0
    while sent < total:
        for start in range(0, min(len(waiting), total - sent), 200):
            parts: dict[Client, list[bytes]] = {}
            for _, client, wire in waiting[start : start + 200]:
                parts.setdefault(client, []).append(wire)
            for client, wires in parts.items():
                write(client, b"".join(wires))
            while any(ahead(client) > AHEAD for client in parts):
                await asyncio.sleep(0.0005)
        sent += len(waiting)


async def paced(waiting: Queue, pace: float) -> None:
    """Each at its time, looked at every millisecond."""
    origin, first = time.monotonic_ns(), waiting[0][0]
    speed = pace * (waiting[-1][0] - first) * 1e-9 / len(waiting)
    i = 0
    while i < len(waiting):
        due = first + (time.monotonic_ns() - origin) * speed
        while i < len(waiting) and waiting[i][0] <= due:
            write(waiting[i][1], waiting[i][2])
            i += 1
        await asyncio.sleep(0.001)


def write(client: Client, wire: bytes) -> None:
    """Bytes that are framed already."""
    assert client.transport is not None
    if not client.transport.is_disconnected:
        client.transport.underlying_transport.write(wire)


def ahead(client: Client) -> int:
    """Bytes the kernel has not taken yet."""
    assert client.transport is not None
    return int(client.transport.underlying_transport.get_write_buffer_size())


async def serve(job: Job) -> None:
    """Say the port, wait until somebody has subscribed and is quiet, send, and stay."""
    desk = Desk(rendered(job.mix))
    server = await ws_create_server(desk.open, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    while not desk.heard or time.monotonic() - desk.heard < QUIET_S:
        await asyncio.sleep(0.1)
    waiting = queue(desk)
    if job.pace:
        await paced(waiting[: job.total], job.pace)
    else:
        await blast(waiting, job.total)
    await asyncio.sleep(3600)


def main() -> None:
    """`python -m bench.sender '<job as JSON>'`."""
    import uvloop

    job = msgspec.json.decode(sys.argv[1], type=Job)
    logging.getLogger("picows").setLevel(logging.ERROR)
    pin(job.core)
    uvloop.run(serve(job))


if __name__ == "__main__":
    main()
