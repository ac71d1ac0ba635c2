"""python -m crosstape.sim: a simulated venue for a shell, ready when it prints its addresses."""

import argparse
import asyncio
import signal
import sys

import msgspec

from crosstape.sim.server import SimSettings, serve


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m crosstape.sim", description=__doc__)
    parser.add_argument("--venue", choices=("bybit",), default="bybit")
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
        seed=args.seed, assets=args.assets, port=args.port, rate=args.rate, time_scale=args.time_scale
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(settings) as server:
        ready = msgspec.json.encode({"rest": server.rest_url, "ws": server.ws_url}).decode()
        sys.stdout.write(ready + "\n")
        sys.stdout.flush()
        waits = [asyncio.create_task(stop.wait())]
        if args.parent:
            waits.append(asyncio.create_task(parent_gone()))  # type: ignore[arg-type]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
