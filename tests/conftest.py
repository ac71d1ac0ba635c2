"""What every test may count on: shared captures, hypothesis profiles, nothing left running."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from support.shared import SHARED

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", settings.get_profile("dev"), derandomize=True, database=None, max_examples=100, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's driver keeps an event loop running until the session ends: its tests come last."""
    items.sort(key=lambda item: "e2e" in item.path.parts)


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of captures and reference values that lies beside the repository."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"SHARED FOLDER ABSENT: no {SHARED}; set CROSSTAPE_SHARED")
    return SHARED


@pytest.fixture(scope="module", autouse=True)
def nothing_left_running() -> Iterator[None]:
    """A module's tests end the processes and threads that they started; what the session keeps is let be."""
    before = _running()
    yield
    deadline = time.monotonic() + 5.0
    while (left := _running() - before - _kept()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, f"left running: {sorted(left)}"


def _running() -> set[str]:
    """Child processes, by pid, and threads that keep Python from exiting, by name."""
    children = {f"process {p.pid} {_name(p)}" for p in psutil.Process().children() if _alive(p)}
    threads = {f"thread {t.ident} {t.name}" for t in threading.enumerate() if not t.daemon}
    return children | threads


def _kept() -> set[str]:
    """Started for the whole session: servers of fixtures, the loop's own pool, multiprocessing's tracker."""
    named = {entry for entry in _running() if entry.split(" ", 2)[2] in ("postgres", "redis-server", "memcached")}
    return named | {e for e in _running() if "asyncio_" in e or "resource_tracker" in e}


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return "?"
