"""`crosstape quality` and `crosstape kpi` against a real server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from crosstape.api import ApiSettings
from crosstape.model.completeness import Completeness
from support.served import Notebook, staged

HOUR = 3_600_000_000_000


async def asked(notebook: Notebook, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "140"}
    async with staged(ApiSettings(port=0), notebook) as stage:
        view = await stage.tick()
        began = view.ts - view.ts % HOUR
        notebook.hours = [Completeness("bybit-linear/0", began - HOUR, frames=5, gaps=2, seconds_lost=36.0)]
        command = [sys.executable, "-m", "crosstape", *arguments, "--url", f"http://127.0.0.1:{stage.port}"]
        return await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, env=env, timeout=60, check=False
        )


async def test_quality_shows_hours_and_flags() -> None:
    done = await asked(Notebook(), "quality", "--hours", "2")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if "bybit-linear/0" in line]
    assert len(lines) == 2
    assert lines[0][2:8] == ["bybit-linear/0", "99.00%", "36", "5", "2", "0"]
    assert "SIMULATED" in done.stdout
    assert "bybit-linear/instruments" not in done.stdout
    assert "bybit-linear/instruments" in (await asked(Notebook(), "quality", "--all")).stdout


async def test_kpi_says_what_is_met() -> None:
    done = await asked(Notebook(), "kpi")
    assert done.returncode == 0, done.stderr
    (accuracy,) = [line for line in done.stdout.splitlines() if "price accuracy" in line]
    assert "> 99.95 %" in accuracy
    assert "yes" in accuracy


async def test_a_bad_question_is_answered_in_words() -> None:
    done = await asked(Notebook(), "quality", "--hours", "0")
    assert done.returncode == 2
    assert "--hours" in done.stderr
    assert "Traceback" not in done.stderr
