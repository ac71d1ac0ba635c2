"""Children of a benchmark: a module run in its own process, its last line of output read as JSON."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[1]


def environment() -> dict[str, str]:
    """Ours, with the checkout's source first on the path."""
    path = os.pathsep.join(p for p in (str(ROOT / "src"), os.environ.get("PYTHONPATH", "")) if p)
    return {**os.environ, "PYTHONPATH": path}


def command(module: str, *arguments: str) -> list[str]:
    """What starts a module of this package."""
    return [sys.executable, "-m", module, *arguments]


def result(module: str, *arguments: str) -> dict[str, Any]:
    """Run it to its end."""
    done = subprocess.run(
        command(module, *arguments), cwd=ROOT, env=environment(), stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = msgspec.json.decode(done.stdout.splitlines()[-1])
    return found


def started(module: str, *arguments: str) -> tuple[subprocess.Popen[bytes], bytes]:
    """Start it and wait for its first line."""
    process = subprocess.Popen(command(module, *arguments), cwd=ROOT, env=environment(), stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def say(values: dict[str, Any]) -> None:
    """What a child says at its end."""
    sys.stdout.write(msgspec.json.encode(values).decode() + "\n")
    sys.stdout.flush()
