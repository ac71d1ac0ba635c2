"""What the history may hold: by age, then by size; the oldest days go first, the running one stays."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from crosstape.store.history.files import DAY_NS, History, day_of


def prune(history: History, now: int, keep_days: float, keep_bytes: int) -> int:
    """Remove days; how many folders went. `keep_days` 0 = of any age."""
    today = day_of(now)
    oldest = day_of(max(now - int(keep_days * DAY_NS), 0)) if keep_days else ""
    folders = sorted((p for p in history.folder.glob("*/market=*/day=*") if p.is_dir()), key=lambda p: p.name)
    sizes = [_size(folder) for folder in folders]
    total, gone = sum(sizes), 0
    for folder, size in zip(folders, sizes, strict=True):
        day = folder.name.removeprefix("day=")
        if day >= today or (day >= oldest and total <= keep_bytes):
            continue
        with history.steady:
            shutil.rmtree(folder, ignore_errors=True)
        total -= size
        gone += 1
    return gone


def size_of(history: History) -> int:
    """Bytes of all files."""
    return sum(_size(folder) for folder in history.folder.glob("*/market=*/day=*"))


def _size(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
