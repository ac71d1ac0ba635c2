"""Frames, tapes and the folder of public captures for the tape's tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from crosstape.model.frame import CLOCK, Frame, Kind
from crosstape.tape.layout import Limits, Origin
from crosstape.tape.writer import TapeWriter

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public captures."""
    folder = Path(os.environ.get("CROSSTAPE_SHARED", Path(__file__).parents[3] / "shared")) / "data"
    if not (folder / "manifest.tsv").exists():
        pytest.skip(f"PUBLIC CAPTURES ABSENT: no {folder}; set CROSSTAPE_SHARED")
    return folder


@pytest.fixture(scope="session")
def make() -> Callable[..., list[Frame]]:
    """`count` frames from `first` on, `step` ns apart, of three sources and a clock."""

    def frames(count: int, first: int = 0, step: int = 10_000_000) -> list[Frame]:
        sources = (
            ("bybit-linear/0", 1, Kind.DATA),
            ("okx/0", 2, Kind.DATA),
            ("okx/rest", 0, Kind.ANSWER),
            (CLOCK, 0, Kind.TICK),
        )
        made = []
        for seq in range(first, first + count):
            source, conn, kind = sources[seq % 4]
            request = f"rest /api/v5/depth?n={seq}" if kind is Kind.ANSWER else ""
            status = 200 if request else 0
            payload = b"" if kind is Kind.TICK else b'{"n":%d,"x":"%d"}' % (seq, seq * 7919)
            made.append(Frame(seq, START + seq * step, source, conn, kind, request, status, "", payload))
        return made

    return frames


@pytest.fixture
def record() -> Callable[..., TapeWriter]:
    """Write batches of frames, each as one block, and close."""

    def write(folder: Path, *blocks: list[Frame], run: str = "r1", limits: Limits | None = None) -> TapeWriter:
        first = blocks[0][0]
        writer = TapeWriter(folder, Origin(run, "test", {"a": 1}), first.seq, first.ts_recv, limits or Limits())
        for frames in blocks:
            writer.append(frames)
            writer.flush()
        writer.close()
        assert not writer.failed
        return writer

    return write
