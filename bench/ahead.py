"""Simulated venues that make a stretch of their traffic ahead of time, so that sending it costs little.

They run as usual and slowly until nobody subscribes any more. Then the process forks: the child, whose world goes
on exactly as ours, steps it faster than time does and writes what a busy stretch further on will say; once that
moment has come, we send what was written, each message at its own time over the same sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from struct import Struct
from typing import BinaryIO

import msgspec
import numpy as np

from bench import child
from crosstape.sim.dialect import Key
from crosstape.sim.server import SimSettings, Simulation, listening
from crosstape.sim.standing import parent_gone

STEP_NS = 10_000_000
CALM_S, LEAST_S = 12.0, 45.0
HEAD = Struct("<qBII")


class Order(msgspec.Struct, frozen=True):
    """What to simulate: `rate` messages a second for `seconds`, `lead_s` after the fork."""

    venues: tuple[str, ...]
    seed: int
    assets: int
    calm_rate: float
    rate: float
    lead_s: float
    seconds: float


class Ahead:
    """The pump of a simulation: live, then played."""

    def __init__(self, order: Order, simulation: Simulation, path: Path) -> None:
        self.order, self.simulation, self.path = order, simulation, path
        self.servers = tuple(simulation.venues.values())
        self.sent = self.unheard = 0
        self.forked = False
        self.began = self.changed = time.monotonic()

    async def run(self) -> None:
        """Until the stretch is over; says `playing` and `played` on standard output."""
        await self._live(self._calm)
        keys = [{key: n for n, key in enumerate(server.listeners)} for server in self.servers]
        switch_ns = self.simulation.world.now_ns + int(self.order.lead_s * 1e9)
        writer, self.forked = os.fork(), True
        if not writer:
            self._write(switch_ns, keys)
        try:
            await self._live(lambda: self.simulation.world.now_ns >= switch_ns)
            done, status = os.waitpid(writer, os.WNOHANG)
        except BaseException:
            os.kill(writer, signal.SIGKILL)
            raise
        if not done or status:
            os.kill(writer, signal.SIGKILL)
            raise RuntimeError(f"the stretch was not written within {self.order.lead_s:.0f} s")
        child.say({"playing": sum(map(len, keys)), "messages": int(self.path.with_suffix(".count").read_text())})
        await self._play([list(known) for known in keys])
        child.say({"played": self.sent, "unheard": self.unheard})

    def _calm(self) -> bool:
        """Nobody subscribed for a while."""
        now = time.monotonic()
        if not all(server.paced for server in self.servers):
            self.changed = now
        return now - self.changed > CALM_S and now - self.began > LEAST_S

    async def _live(self, done: Callable[[], bool]) -> None:
        """Whole steps only, however late: the child must find the same world."""
        world, begin = self.simulation.world, time.monotonic_ns()
        first = world.now_ns
        while not done():
            behind = (first + time.monotonic_ns() - begin - world.now_ns) // STEP_NS
            for _ in range(min(behind, 10)):
                if not done():
                    self._step()
            await asyncio.sleep(STEP_NS / 1e9 if behind <= 1 else 0)

    def _step(self) -> None:
        happened = self.simulation.world.step(STEP_NS)
        for server in self.servers:
            server.publish(happened)
        # From the fork on the two worlds have to be one; who listens no longer matters to it.
        if not self.forked and not all(server.paced for server in self.servers):
            self._pace(self.order.calm_rate)
            for server in self.servers:
                server.paced = True

    def _pace(self, rate: float) -> None:
        world = self.simulation.world
        load = np.sum([server.stream.load() for server in self.servers], axis=0)
        world.flow.pace(world.rows.weights(), rate, load)

    def _write(self, switch_ns: int, keys: list[dict[Key, int]]) -> None:
        """In the child: never returns, touches nothing that is shared."""
        status = 1
        try:
            with self.path.open("wb", buffering=1 << 20) as out:
                count = self._render(switch_ns, keys, out)
            self.path.with_suffix(".count").write_text(str(count))
            status = 0
        finally:
            os._exit(status)

    def _render(self, switch_ns: int, keys: list[dict[Key, int]], out: BinaryIO) -> int:
        world, count = self.simulation.world, 0
        while world.now_ns < switch_ns:
            happened = world.step(STEP_NS)
            for server in self.servers:
                for _ in server.stream.publish(happened):
                    pass
        self._pace(self.order.rate)
        end = switch_ns + int(self.order.seconds * 1e9)
        while world.now_ns < end:
            happened = world.step(STEP_NS)
            said = [(n, keys[n][key], message) for n, server in enumerate(self.servers)
                    for key, message in server.stream.publish(happened)]  # fmt: skip
            for i, (n, key, message) in enumerate(said):
                # Four exchanges do not speak in one breath: what a step brings is spread over it.
                out.write(HEAD.pack(world.now_ns + i * STEP_NS // len(said), n, key, len(message)))
                out.write(message)
            count += len(said)
        return count

    async def _play(self, keys: list[list[Key]]) -> None:
        world, begin = self.simulation.world, time.monotonic_ns()
        first = world.now_ns
        with self.path.open("rb", buffering=1 << 20) as source:
            for due, n, key, message in read(source):
                while (wait := due - first - (time.monotonic_ns() - begin)) > 0:
                    await asyncio.sleep(max(wait / 1e9, 0.001))
                # Limits of REST go by the world's clock.
                world.now_ns = due
                name = keys[n][key]
                listeners = self.servers[n].listeners.get(name, {})
                self.unheard += not listeners
                for connection in listeners.values():
                    connection.send(message, name[1])
                    self.sent += 1


def read(source: BinaryIO) -> Iterator[tuple[int, int, int, bytes]]:
    """(due ns, venue, key, message) in order."""
    while head := source.read(HEAD.size):
        due, n, key, size = HEAD.unpack(head)
        yield due, n, key, source.read(size)


async def stand(order: Order, path: Path) -> None:
    """Serve, play once, and wait to be told to go."""
    settings = SimSettings(venues=order.venues, seed=order.seed, assets=order.assets, rate=order.calm_rate)
    simulation = Simulation(settings, (), ())
    async with AsyncExitStack() as stack:
        for venue in simulation.venues.values():
            await stack.enter_async_context(listening(venue, 0))
        sys.stdout.write(msgspec.json.encode(simulation.urls).decode() + "\n")
        sys.stdout.flush()
        gone, work = asyncio.create_task(parent_gone()), asyncio.create_task(Ahead(order, simulation, path).run())
        await asyncio.wait({gone, work}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
            await gone
        work.cancel()


def main() -> None:
    """`python -m bench.ahead ORDER`, the order as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.ahead", description=__doc__)
    parser.add_argument("order")
    order = msgspec.json.decode(parser.parse_args().order, type=Order)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(stand(order, Path(folder) / "stretch"))


if __name__ == "__main__":
    main()
