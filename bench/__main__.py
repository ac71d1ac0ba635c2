"""Runs benchmarks and writes `bench/results.md`."""

from __future__ import annotations

import argparse
import importlib

from bench import report

BENCHES = (
    "decode", "venues", "tick", "loopback", "latency", "world", "memory", "startup", "replay", "seek", "tui",
    "api", "web", "cache", "history", "sql", "imports", "ledger", "accounts", "soak",
)  # fmt: skip


def main() -> None:
    """All of them, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Run benchmarks; write bench/results.md.")
    parser.add_argument("names", nargs="*", default=["all"], metavar="name", help=f"all, {', '.join(BENCHES)}")
    names = parser.parse_args().names
    if unknown := set(names) - {"all", *BENCHES}:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHES)}")
    for name in BENCHES if "all" in names else names:
        bench = importlib.import_module(f"bench.{name}")
        print(f"{name} …", flush=True)
        figures = bench.run()
        if figures:
            report.write(name, bench.TITLE, figures, BENCHES)
            print(report.table(figures), flush=True)


if __name__ == "__main__":
    main()
