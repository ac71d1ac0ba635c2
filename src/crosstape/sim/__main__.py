"""python -m crosstape.sim: simulated venues for a shell, ready when it prints their addresses."""

import argparse
import asyncio
import sys

import msgspec

from crosstape.model.errors import ConfigError
from crosstape.sim.catalogue import DIALECTS
from crosstape.sim.server import SimSettings, Simulation
from crosstape.sim.standing import stand


def venues(text: str) -> tuple[str, ...]:
    """Names of venues that can be simulated."""
    names = tuple(dict.fromkeys(text.split(",")))
    known = [dialect.name for dialect in DIALECTS]
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
    return names


def ready(simulation: Simulation) -> None:
    """One line of JSON: a venue's addresses, or those of several by name."""
    urls = simulation.urls
    line = msgspec.json.encode(urls if len(urls) > 1 else next(iter(urls.values())))
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m crosstape.sim", description=__doc__)
    parser.add_argument("--venue", type=venues, default=("bybit",), help="one or several, by comma")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--assets", type=int, default=200)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=float, default=5_000.0)
    parser.add_argument("--time-scale", type=float, default=1.0)
    parser.add_argument("--fault", action="append", default=[], help="see docs/chaos.md; may be repeated")
    parser.add_argument("--parent", action="store_true", help="stop when standard input closes")
    return parser.parse_args()


def main() -> None:
    """Exit 2 for a fault that cannot be."""
    args = arguments()
    settings = SimSettings(
        venues=args.venue, seed=args.seed, assets=args.assets, port=args.port, rate=args.rate,
        time_scale=args.time_scale, faults=tuple(args.fault),
    )  # fmt: skip
    try:
        asyncio.run(stand(settings, ready, args.parent))
    except ConfigError as error:
        sys.stderr.write(f"configuration: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
