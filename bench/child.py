"""Children of a benchmark: a module run in its own process, its last line of output read as JSON."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[1]


def environment() -> dict[str, str]:
    """Ours, with the checkout's source first on the path."""
    path = os.pathsep.join(p for p in (str(ROOT / "src"), os.environ.get("PYTHONPATH", "")) if p)
    # What is set for crosstape would configure it; a benchmark measures the defaults.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CROSSTAPE_")}
    return {**kept, "PYTHONPATH": path}


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


def wait_flowing(port: int, patience_s: float = 60.0) -> None:
    """Until a board of the API at this port has rows, so that what is measured is not the start."""
    until = time.monotonic() + patience_s
    url = f"http://127.0.0.1:{port}/api/v1/boards/turnover_5m?limit=50"
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if len(answer.read()) > 2_000:
                    return
        except OSError:
            pass
        time.sleep(0.2)
    raise TimeoutError(f"nothing flows at {url}")


def say(values: dict[str, Any]) -> None:
    """What a child says at its end."""
    sys.stdout.write(msgspec.json.encode(values).decode() + "\n")
    sys.stdout.flush()
