"""A whole crosstape in a process of its own, against simulated venues, to be killed, starved and told to go."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from crosstape.venues import VENUES

BOUND_S = 60.0


class Process:
    """`crosstape up` for one venue; `limits` runs in the child before it starts, `within` is a command that runs it,
    `more` are lines of its configuration."""

    def __init__(
        self, place: Path, rest: str, ws: str, venue: str = "bybit", limits: Any = None, data: Path | None = None,
        more: Sequence[str] = (), within: Sequence[str] = (), **tape: Any
    ) -> None:  # fmt: skip
        lines = [f'data = "{data or place}"', *more, "[engine]",
                 'mode = "simulated"', "backfill_hours = 0", "[engine.universe]",
                 "top = 8", "min_24h_volume = 0", "[api]", "port = 0", f"[venues.{venue}]", f'rest = "{rest}"',
                 f'stream = "{ws}"', "[tape]", *(f"{key} = {value}" for key, value in tape.items())]  # fmt: skip
        for other in VENUES:
            if other.id != venue:
                lines += [f"[venues.{other.id}]", "enabled = false"]
        path = place / "crosstape.toml"
        path.write_text("\n".join(lines))
        self.folder, self.log = place, place / "log.txt"
        command = [*within, sys.executable, "-m", "crosstape", "-c", str(path), "up"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
        self._errors = self.log.open("ab")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment, preexec_fn=limits
        )
        self.address = ""

    async def ready(self) -> float:
        """Waits until it is; how long that took, seconds."""
        began = time.monotonic()
        self.address = await asyncio.to_thread(self._where)
        await self.until("/ready says so", lambda status: not status["reasons_not_ready"])
        return time.monotonic() - began

    async def status(self) -> dict[str, Any]:
        """/api/v1/status, whole."""
        async with httpx.AsyncClient(timeout=30.0) as client:
            answer = await client.get(f"{self.address}api/v1/status")
            return dict(answer.json())

    async def until(self, what: str, true: Any) -> dict[str, Any]:
        """Waits until the status is as wanted, and gives it."""
        deadline = time.monotonic() + BOUND_S
        while not true(found := await self.status()):
            assert time.monotonic() < deadline, f"not within {BOUND_S:g} s: {what}\n{self.log.read_text()[-2000:]}"
            await asyncio.sleep(0.1)
        return found

    async def end(self, how: signal.Signals) -> int:
        """Sends a signal and waits; its exit code."""
        self.process.send_signal(how)
        return await asyncio.to_thread(self.process.wait, BOUND_S)

    def close(self) -> None:
        """Whatever happened, it is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()

    def _where(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"http://\S+/", line):
                return found[0]
        raise AssertionError(f"it did not start:\n{self.log.read_text()[-2000:]}")
