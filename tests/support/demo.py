"""`crosstape demo` as a process of its own, for tests that look at it from outside."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
BOUND_S = 120.0


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(done: Callable[[], Any], what: str, bound_s: float = BOUND_S) -> Any:
    """Wait for something to be so; its value."""
    deadline = time.monotonic() + bound_s
    while time.monotonic() < deadline:
        found = done()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {bound_s:.0f} s: {what}")


class Demo:
    """A small simulated world with its server. `url` is known once it is started."""

    def __init__(self, folder: Path, port: int = 0, tape: bool = False, **environment: str) -> None:
        self._folder, self._port = folder, port
        self._more = ("--assets", "14", "--rate", "250", *(() if tape else ("--no-tape",)))
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1",
                             "CROSSTAPE_DEMO__VENUES": "bybit,hyperliquid", "CROSSTAPE_DEMO__ACCOUNT": "false",
                             **environment}  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.headers: dict[str, str] = {}

    def run(self, *arguments: str) -> str:
        """Another command of crosstape over the same folder; what it says."""
        command = [sys.executable, "-m", "crosstape", *arguments]
        environment = {**self._environment, "CROSSTAPE_DATA": str(self._folder / "demo")}
        return subprocess.run(command, env=environment, cwd=self._folder, check=True, capture_output=True,
                              text=True, timeout=BOUND_S).stdout  # fmt: skip

    def start(self) -> Demo:
        """Returns when figures flow."""
        command = [
            sys.executable,
            "-m",
            "crosstape",
            "demo",
            "--port",
            str(self._port),
            "--data",
            str(self._folder),
        ]
        log = self._folder / "log.txt"
        log.write_bytes(b"")
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*command, *self._more], env=self._environment, cwd=self._folder,
                stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        found = until(lambda: self._said(log), "the server says where it is")
        self.url = found.group(1)
        until(self._flows, "figures flow")
        return self

    def _said(self, log: Path) -> re.Match[str] | None:
        assert self._process is not None
        assert self._process.poll() is None, log.read_text()[-3000:]
        return re.search(r"is at (http://[\d.]+:\d+)/", log.read_text())

    def _flows(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/api/v1/markets?fields=last,change_24h&limit=5", headers=self.headers)
        except httpx.HTTPError:
            return False
        rows = answer.json()["rows"] if answer.status_code == 200 else []
        return len(rows) == 5 and all(row["last"] is not None for row in rows)

    def stop(self, kill: bool = False) -> None:
        """End it, in order or at once; its simulated world ends with it."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        self._process.wait(BOUND_S)
        self._process = None
