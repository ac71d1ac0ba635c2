"""The API beside the engine in one process: REST answers, WebSocket clients, and received → client."""

from __future__ import annotations

from typing import Any

import msgspec

from bench import child
from bench.clients import Ask
from bench.figures import Figure, at_most, plain
from bench.receiver import Order
from bench.rendered import EVERYTHING, Mix, rendered
from bench.sender import Job

TITLE = (
    "The sender (paced) and the clients are processes on one core, crosstape with API, tape and ticks on "
    "the other. REST latency counts from when a request was due. Received → client = TICK → client plus "
    "the place of a frame in its tenth of a second. Wall time."
)
CALM = Mix(25.0, 5_000.0, EVERYTHING)
BUSY = Mix(18.0, 24_000.0, EVERYTHING, assets=600)
WARM, SECONDS = 6_000, 7.0


def run() -> list[Figure]:
    """Requests, many clients, one client at the full pace."""
    return [*_rest(), *_crowd(), *_one()]


def _rest() -> list[Figure]:
    client, server = _beside(CALM, 5_000.0, rate=1_000.0)
    p50, p99, worst = client["rest"]
    note = f"{client['answers']:,} answers; p50 {p50:.2f}, worst {worst:.1f} ms; {_engine(server)}"
    return [at_most("REST boards at 1 000 requests/s, p99", p99, 5.0, "ms", note)]


def _crowd() -> list[Figure]:
    client, server = _beside(CALM, 5_000.0, sockets=200)
    p50, p99 = client["lag"]
    note = f"{client['batches']:,} batches; TICK → client p50 {p50:.1f}, p99 {p99:.1f} ms; {_engine(server)}"
    skipped = client["skipped"]
    target = "0 skipped"
    return [Figure("200 clients × 3 topics", f"{skipped:,} ticks skipped", target, skipped == 0, note)]


def _one() -> list[Figure]:
    client, server = _beside(BUSY, 20_000.0, sockets=1)
    p50, p99 = client["lag"]
    return [
        at_most("received → WebSocket client, p99", client["whole"], 150.0, "ms", _engine(server), 1),
        plain("TICK → WebSocket client, p99", p99, "ms", f"p50 {p50:.1f} ms", 1),
    ]


def _engine(server: dict[str, Any]) -> str:
    rate, core = server["frames"] / server["took"], 100 * server["cpu"] / server["took"]
    return f"engine at {rate:,.0f} messages/s, {core:.0f} % of its core, {server['rows']} instruments"


def _beside(mix: Mix, pace: float, rate: float = 0.0, sockets: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the clients and the server measured."""
    total = len(rendered(mix).messages)
    job = Job(mix, total, pace)
    sender, port = child.started("bench.sender", msgspec.json.encode(job).decode())
    order = Order(int(port), total, WARM, api=True, deep=100, seconds=SECONDS)
    server, line = child.started("bench.receiver", msgspec.json.encode(order).decode())
    try:
        said = msgspec.json.decode(line)
        child.wait_flowing(said["port"])
        ask = Ask(said["port"], said["zero"], rate, sockets, seconds=SECONDS)
        client = child.result("bench.clients", msgspec.json.encode(ask).decode())
        out, _ = server.communicate(timeout=120)
        return client, msgspec.json.decode(out.splitlines()[-1])
    finally:
        for process in (sender, server):
            process.terminate()
            process.wait()
