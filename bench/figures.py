"""A measured figure, and the facts of the machine it was measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

PACKAGES = ("msgspec", "numpy", "picows", "uvloop", "zstandard", "cryptofeed", "ccxt")


class Figure(msgspec.Struct, frozen=True):
    """One line of the table. `met` is None where the figure has no target."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None
    note: str = ""


def at_most(what: str, value: float, limit: float, unit: str, note: str = "", digits: int = 2) -> Figure:
    """A figure that should stay below its target."""
    return Figure(what, f"{value:,.{digits}f} {unit}", f"< {limit:g} {unit}", value < limit, note)


def at_least(what: str, value: float, limit: float, unit: str, note: str = "", stretch: float = 0.0) -> Figure:
    """A figure that should reach its target; `stretch` is what we would like."""
    digits = 2 if value < 1_000 else 0
    target = f"≥ {limit:,g} {unit}" + (f" (stretch {stretch:g})" if stretch else "")
    return Figure(what, f"{value:,.{digits}f} {unit}", target, value >= limit, note)


def plain(what: str, value: float, unit: str, note: str = "", digits: int = 2) -> Figure:
    """A figure without a target."""
    return Figure(what, f"{value:,.{digits}f} {unit}", note=note)


def machine() -> str:
    """Processor, cores, memory, Python and the packages that matter, on one line."""
    parts = [_processor(), f"{os.cpu_count()} cores", _memory(), platform.system()]
    parts.append(f"Python {platform.python_version()}")
    for name in PACKAGES:
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            parts.append(f"{name} not installed")
    return ", ".join(parts)


def _processor() -> str:
    facts = _colons(Path("/proc/cpuinfo"))
    return facts.get("model name", platform.processor() or platform.machine())


def _memory() -> str:
    total = _colons(Path("/proc/meminfo")).get("MemTotal", "")
    return f"{int(total.split()[0]) / (1 << 20):.0f} GB" if total else "memory unknown"


def _colons(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    pairs = (line.partition(":") for line in path.read_text().splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def pin(core: int) -> bool:
    """Keep this process on one core; False where the system does not let it."""
    if not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) <= core:
        return False
    os.sched_setaffinity(0, {core})
    return True


def unpin() -> None:
    """Let this process run anywhere again."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return percentile(list(values), 0.5)
