"""Clients of the API in their own process: open-loop REST requests and WebSocket subscribers."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import msgspec

from bench.child import say
from bench.figures import percentile, pin

BOARDS = ("gainers_24h", "turnover_24h", "turnover_5m", "oi_largest", "funding_highest", "cvd_up")
LANES = 20
TICK_MS = 100.0
GRID = 20


class Ask(msgspec.Struct, frozen=True):
    """What to ask of whom. `zero` = the server's clock minus this machine's monotonic one, ns."""

    port: int
    zero: int
    rate: float = 0.0
    sockets: int = 0
    topics: int = 3
    seconds: float = 12.0
    core: int = 1


async def requests(ask: Ask) -> list[float]:
    """REST over kept connections; ms from when each was due, so that a late answer delays no clock."""
    found: list[float] = []
    start, total = time.perf_counter() + 0.2, int(ask.rate * ask.seconds)

    async def lane(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", ask.port)
        for i in range(first, total, LANES):
            due = start + i / ask.rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            path = f"/api/v1/boards/{BOARDS[i % len(BOARDS)]}?limit=50"
            writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{ask.port}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200" in head[:16], head
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            found.append((time.perf_counter() - due) * 1e3)
        writer.close()

    await asyncio.gather(*(lane(i) for i in range(LANES)))
    return found


class Watched:
    """What subscribers saw: ms from a view's TICK to the client, batches, ticks that never came."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.batches = self.skipped = 0


async def watch(ask: Ask, i: int, watched: Watched) -> None:
    """One client: its topics in columns until the time is over."""
    from websockets.asyncio.client import connect

    seen: dict[int, int] = {}
    async with connect(f"ws://127.0.0.1:{ask.port}/ws", compression=None, max_size=None) as socket:
        for k in range(ask.topics):
            topic = f"board:{BOARDS[(i + k) % len(BOARDS)]}"
            await socket.send(
                msgspec.json.encode({"op": "subscribe", "topic": topic, "n": 50, "encoding": "columns"}).decode()
            )
        until = time.perf_counter() + ask.seconds
        while time.perf_counter() < until:
            message = await socket.recv()
            if isinstance(message, bytes):
                note(ask, message, seen, watched)


def note(ask: Ask, message: bytes, seen: dict[int, int], watched: Watched) -> None:
    """One batch: its topic, its place in the topic's count, and the TICK it shows."""
    topic, seq = int.from_bytes(message[2:4], "little"), int.from_bytes(message[4:8], "little")
    if topic in seen:
        watched.skipped += seq - seen[topic] - 1
    seen[topic] = seq
    watched.batches += 1
    ts = memoryview(message)[8:16].cast("d")[0]
    watched.lags.append((time.monotonic_ns() + ask.zero) * 1e-6 - ts)


async def everyone(ask: Ask) -> dict[str, Any]:
    """All at once."""
    watched = Watched()
    sockets = asyncio.gather(*(watch(ask, i, watched) for i in range(ask.sockets)))
    rest = await requests(ask) if ask.rate else []
    await sockets
    found: dict[str, Any] = {"batches": watched.batches, "skipped": watched.skipped, "answers": len(rest)}
    found["rest"] = [percentile(rest, share) for share in (0.5, 0.99, 1.0)] if rest else []
    lags = watched.lags[len(watched.lags) // 10 :]
    found["lag"] = [percentile(lags, share) for share in (0.5, 0.99)] if lags else []
    # A frame came at any moment of the tenth of a second before the TICK that shows it.
    whole = [lag + TICK_MS * (k + 0.5) / GRID for lag in lags[:20_000] for k in range(GRID)]
    found["whole"] = percentile(whole, 0.99) if whole else 0.0
    return found


def main() -> None:
    """`python -m bench.clients '<what to ask as JSON>'`."""
    import uvloop

    ask = msgspec.json.decode(sys.argv[1], type=Ask)
    pin(ask.core)
    say(uvloop.run(everyone(ask)))


if __name__ == "__main__":
    main()
