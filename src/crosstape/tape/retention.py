"""Which segments a folder that grew too large gives up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from crosstape.model.errors import TapeError
from crosstape.tape.layout import checkpoint_path, read_segment_header, segment_path


def numbered(folder: Path, suffix: str) -> list[int]:
    """The seqs in the names of a folder's files with this suffix, in order."""
    return sorted(_seqs(folder, suffix))


def prune(folder: Path, keep_bytes: int, current: int) -> None:
    """Delete the oldest segments, and their checkpoints, until the folder holds at most `keep_bytes`.

    Never the segment being written, and never from the newest run's newest checkpointed segment on: a restart
    needs that checkpoint and every frame since.
    """
    segments = numbered(folder, ".tape")
    checkpoints = numbered(folder, ".ckpt")
    sizes = {seq: _size(segment_path(folder, seq)) for seq in segments}
    kept = {seq: _size(checkpoint_path(folder, seq)) for seq in checkpoints}
    total = sum(sizes.values()) + sum(kept.values())
    floor = _floor(folder, segments, checkpoints, current)
    for i, seq in enumerate(segments):
        if total <= keep_bytes or seq >= floor:
            return
        after = segments[i + 1] if i + 1 < len(segments) else seq + 1
        for at in [c for c in kept if c < after]:
            checkpoint_path(folder, at).unlink(missing_ok=True)
            total -= kept.pop(at)
        segment_path(folder, seq).unlink(missing_ok=True)
        total -= sizes[seq]


def _floor(folder: Path, segments: list[int], checkpoints: list[int], current: int) -> int:
    """The first seq that must stay."""
    begins = _newest_run_begins(folder, segments)
    last = max((seq for seq in checkpoints if seq >= begins), default=current)
    return min(current, max((seq for seq in segments if seq <= last), default=current))


def _newest_run_begins(folder: Path, segments: list[int]) -> int:
    """The oldest kept seq of the run the newest segment belongs to."""
    begins, run = 0, None
    for seq in reversed(segments):
        path = segment_path(folder, seq)
        try:
            with open(path, "rb") as file:
                header = read_segment_header(file, path)
        except (TapeError, OSError):
            break
        if run is not None and header.run != run:
            break
        run, begins = header.run, seq
    return begins


def _seqs(folder: Path, suffix: str) -> Iterator[int]:
    for entry in os.scandir(folder):
        stem, end = os.path.splitext(entry.name)
        if end == suffix and stem.isdecimal():
            yield int(stem)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
