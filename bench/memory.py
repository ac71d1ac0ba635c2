"""Resident memory with 5 000 live instruments and every ring slot touched."""

from __future__ import annotations

import ctypes
import sys

from bench import child
from bench.child import say
from bench.figures import Figure, at_most, plain

TITLE = (
    "Its own process: `crosstape.app` imported with everything it needs to serve, 5 000 live instruments "
    "of which 300 have a 200-level book, every slot of every ring written, then 30 simulated minutes (a "
    "TICK a second, 300 quotes, deltas and trades each, every row once a minute). VmRSS at the end."
)
ROWS, DEEP, SECONDS = 5_000, 300, 1_800


def run() -> list[Figure]:
    """A child that lives half an hour in a minute."""
    got = child.result("bench.memory")
    note = f"{got['rows']:,.0f} rows; peak {got['peak']:.0f} MB, after importing {got['imported']:.0f} MB"
    return [
        at_most("resident, 5 000 instruments", got["resident"], 600.0, "MB", note, 0),
        plain("the same, freed memory given back (malloc_trim)", got["trimmed"], "MB", digits=0),
        plain("of which rings", got["rings"], "MB", digits=0),
        plain("of which the API's candles and series", got["kept"], "MB", digits=0),
    ]


def status(field: str) -> float:
    """A line of /proc/self/status, MB."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def live() -> dict[str, float]:
    """Build, fill, live."""
    from bench.traffic import Traffic, fill
    from crosstape.api.hub import Hub
    from crosstape.app import serving

    assert serving
    imported = status("VmRSS")
    traffic, hub = Traffic(ROWS, DEEP), Hub()
    machine = traffic.machine
    traffic.step(list(traffic.wake()))
    machine.step(traffic.tick())
    fill(machine)
    for n in range(SECONDS):
        trades = traffic.rows if n % 60 == 0 else traffic.hot
        traffic.step(traffic.tenth(n, traffic.hot, trades))
        traffic.ts += 900_000_000
        view, _ = machine.step(traffic.tick())
        if view is not None:
            hub.publish(view)
            hub.take_views()  # as the topics of the API do
    kept = hub.candles.bytes + hub.series.bytes
    rings = sum(array.nbytes for ring in machine.state.rings.all
                for array in vars(ring).values() if hasattr(array, "nbytes"))  # fmt: skip
    found = {"resident": status("VmRSS"), "peak": status("VmHWM"), "imported": imported}
    found |= {"rings": rings / (1 << 20), "kept": kept / (1 << 20), "rows": float(len(traffic.rows))}
    if sys.platform == "linux":
        # What the C library keeps of memory that was freed: small blocks between live ones.
        ctypes.CDLL(None).malloc_trim(0)
    return {**found, "trimmed": status("VmRSS")}


if __name__ == "__main__":
    say(live())
