"""python -m crosstape.sim: simulated venues for a shell, ready when it prints their addresses."""

import argparse
import asyncio
import signal
import sys

import msgspec

from crosstape.sim.catalogue import DIALECTS
from crosstape.sim.server import SimSettings, Simulation, serve


def venues(text: str) -> tuple[str, ...]:
    """Names of venues that can be simulated."""
    names = tuple(dict.fromkeys(text.split(",")))
    known = [dialect.name for dialect in DIALECTS]
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
    return names


def ready(simulation: Simulation) -> bytes:
    """One line of JSON: a venue's addresses, or those of several by name."""
    urls = simulation.urls
    return msgspec.json.encode(urls if len(urls) > 1 else next(iter(urls.values())))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m crosstape.sim", description=__doc__)
    parser.add_argument("--venue", type=venues, default=("bybit",), help="one or several, by comma")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--assets", type=int, default=200)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=float, default=5_000.0)
    parser.add_argument("--time-scale", type=float, default=1.0)
    parser.add_argument("--parent", action="store_true", help="stop when standard input closes")
    return parser.parse_args()


async def parent_gone() -> None:
    """Returns when standard input closes."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass


async def main(args: argparse.Namespace) -> None:
    """Serves until a signal, or until the parent is gone."""
    settings = SimSettings(
        venues=args.venue, seed=args.seed, assets=args.assets, port=args.port, rate=args.rate,
        time_scale=args.time_scale,
    )  # fmt: skip
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(settings) as simulation:
        sys.stdout.write(ready(simulation).decode() + "\n")
        sys.stdout.flush()
        waits = [asyncio.create_task(stop.wait())]
        if args.parent:
            waits.append(asyncio.create_task(parent_gone()))  # type: ignore[arg-type]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
