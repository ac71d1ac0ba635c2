"""Disks of a test's own that are really full or really do not answer; skipped, saying so, where nobody may mount."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def small(folder: Path, size: str) -> list[str]:
    """The beginning of a command that sees a disk of that size (of memory) at the folder; it is gone with it."""
    folder.mkdir(parents=True, exist_ok=True)
    alone = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("NOT TESTED: a full disk needs `unshare --map-root-user --mount`")
    return [*alone, "sh", "-c", f'mount -t tmpfs -o size={size} tape "$0" && exec "$@"', str(folder)]


class Disk:
    """A file system that can be frozen: whoever writes to it waits in the kernel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def freeze(self) -> None:
        """From now on it answers no write."""
        subprocess.run(["fsfreeze", "--freeze", self.folder], check=True)

    def thaw(self) -> None:
        """It goes on."""
        subprocess.run(["fsfreeze", "--unfreeze", self.folder], check=False, capture_output=True)


@contextlib.contextmanager
def freezable(folder: Path) -> Iterator[Disk]:
    """A disk at the folder, thawed and taken away in the end."""
    folder.mkdir(parents=True)
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(64 << 20)
    for command in (["mkfs.ext4", "-q", "-F", image], ["mount", "-o", "loop", image, folder]):
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"NOT TESTED: a disk that stalls needs root, mkfs.ext4 and a loop device ({error})")
    disk = Disk(folder)
    try:
        yield disk
    finally:
        disk.thaw()
        subprocess.run(["umount", "--lazy", folder], check=True)
