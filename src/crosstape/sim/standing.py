"""Simulated venues that stand until they are told to go."""

import asyncio
import signal
import sys
from collections.abc import Callable

from crosstape.sim.server import SimSettings, Simulation, serve


async def parent_gone() -> None:
    """Returns when standard input closes."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass


async def stand(settings: SimSettings, say: Callable[[Simulation], None], parent: bool = False) -> None:
    """Serves until SIGTERM or SIGINT, or (with `parent`) until standard input closes; `say` is called when ready.

    ConfigError where a fault is not understood, or fits none of the venues.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(settings) as simulation:
        say(simulation)
        waits: list[asyncio.Task[object]] = [asyncio.create_task(stop.wait())]
        if parent:
            waits.append(asyncio.create_task(parent_gone()))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
