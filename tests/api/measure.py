"""Measures REST and /ws beside a machine that folds 5 000 messages a second in the same loop; not a test.

PYTHONPATH=src python tests/api/measure.py [seconds] [instruments] [requests/s] [WebSocket clients]
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))
from crosstape.api import ApiSettings, Hub, create_app, serving
from crosstape.engine.machine import Machine
from crosstape.model.frame import Kind
from crosstape.venues import VENUES
from support.served import Process, frames

BOARDS = ("gainers_24h", "turnover_24h", "turnover_5m", "oi_largest", "funding_highest", "cvd_up")


def say(*words: str) -> None:
    """To the terminal."""
    sys.stdout.write(" ".join(words) + "\n")


def line(name: str, values: list[float]) -> str:
    """Quantiles in ms."""
    q = [f"{float(np.quantile(values, p)) * 1e3:.2f}" for p in (0.5, 0.9, 0.99, 1.0)] if values else ["-"]
    return f"{name:34s} n={len(values):6d}  p50/p90/p99/max ms: {' / '.join(q)}"


async def requests(port: int, rate: float, seconds: float) -> list[float]:
    """Open-loop requests over 20 kept connections; latency from when it was due."""
    found: list[float] = []
    start = time.perf_counter() + 0.2
    total = int(rate * seconds)

    async def one(lane: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for i in range(lane, total, 20):
            due = start + i / rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            path = f"/api/v1/boards/{BOARDS[i % len(BOARDS)]}?limit=50"
            writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.split(b"\r\n")[0] + b" ", head
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(size)
            found.append(time.perf_counter() - due)
        writer.close()

    if rate:
        await asyncio.gather(*(one(lane) for lane in range(20)))
    return found


async def watchers(port: int, clients: int, seconds: float, lags: list[float], skipped: list[int]) -> None:
    """Clients of three topics each; lag = arrival minus the time in the batch, holes in seq counted."""
    from websockets.asyncio.client import connect

    async def one(i: int) -> None:
        seen: dict[str, int] = {}
        async with connect(f"ws://127.0.0.1:{port}/ws", compression=None, max_size=None) as ws:
            for k in range(3):
                topic = f"board:{BOARDS[(i + k) % len(BOARDS)]}"
                await ws.send(json.dumps({"op": "subscribe", "topic": topic, "n": 50, "encoding": "columns"}))
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                message = await ws.recv()
                if isinstance(message, bytes):
                    topic_id, seq = int.from_bytes(message[2:4], "little"), int.from_bytes(message[4:8], "little")
                    if topic_id in seen:
                        skipped[0] += seq - seen[topic_id] - 1
                    seen[topic_id] = seq
                    skipped[1] += 1
                    ts = float(np.frombuffer(message, "<f8", 1, 8)[0])
                    lags.append(time.time() - ts / 1e3)

    await asyncio.gather(*(one(i) for i in range(clients)))


def ask(port: int, rate: float, clients: int, seconds: float) -> None:
    """The other process."""

    async def both() -> None:
        lags: list[float] = []
        skipped = [0, 0]
        looking = asyncio.create_task(watchers(port, clients, seconds + 2, lags, skipped))
        await asyncio.sleep(2)
        say(line(f"REST boards at {rate:.0f}/s", await requests(port, rate, seconds)))
        await looking
        say(line(f"/ws lag, {clients} clients x 3 topics", lags), f"batches {skipped[1]} skipped {skipped[0]}")

    uvloop.run(both())


async def serve(seconds: float, instruments: int, rate: float, clients: int) -> None:
    """The engine and the API in one loop, as in `app`."""
    tape = list(frames(seconds + 6, 300, instruments, 5_000.0))
    machine, hub = Machine(VENUES), Hub()
    publishing: list[float] = []
    ticks: list[float] = []
    slices: list[float] = []
    app = create_app(hub, Process(), VENUES)
    first = next(f.ts_recv for f in tape if f.kind is Kind.DATA)
    async with serving(app, ApiSettings(port=0)) as port:
        other = multiprocessing.get_context("spawn").Process(target=ask, args=(port, rate, clients, seconds))
        start, cpu, asked = time.perf_counter(), time.process_time(), False
        count = 0
        for frame in tape:
            late = (frame.ts_recv - first) * 1e-9 - (time.perf_counter() - start)
            if late > 0.002:
                await asyncio.sleep(late)
            if frame.kind is not Kind.TICK:
                machine.feed(frame)
                count += 1
                if count % 16 == 0:
                    await asyncio.sleep(0)
                continue
            began = time.perf_counter()
            machine.viewer.interest = hub.interest()
            sliced, view = began, None
            for view in machine.tick(frame):  # noqa: B007
                slices.append(time.perf_counter() - sliced)
                await asyncio.sleep(0)
                sliced = time.perf_counter()
            assert view is not None
            view = msgspec.structs.replace(view, ts=time.time_ns())
            ticks.append(time.perf_counter() - began)
            began = time.perf_counter()
            hub.publish(view)
            publishing.append(time.perf_counter() - began)
            if not asked and len(ticks) == 10:
                other.start()
                asked = True
        share = (time.process_time() - cpu) / (time.perf_counter() - start)
        await asyncio.to_thread(other.join)
        say(line("tick, with what runs in between", ticks))
        say(line("slices of ticks", slices))
        say(line("publish", publishing))
        say(f"rows {machine.state.rows} messages {count} server CPU {share * 100:.0f} % of a core")


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:]]
    seconds, instruments, rate, clients = (given + [10.0, 100.0, 1_000.0, 200.0][len(given) :])[:4]
    uvloop.run(serve(seconds, int(instruments), rate, int(clients)))
