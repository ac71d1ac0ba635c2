"""Checkpoints in: read one, and find the newest that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from crosstape.model.errors import TapeError
from crosstape.tape.files import SECTION, pack_section
from crosstape.tape.layout import CheckpointHeader, checkpoint_path, read_checkpoint_header
from crosstape.tape.retention import numbered


def read_checkpoint(path: Path) -> tuple[CheckpointHeader, dict[str, bytes]]:
    """A checkpoint's header and sections; TapeError with the offset where it is damaged."""
    with open(path, "rb") as file:
        header = read_checkpoint_header(file, path)
        return header, dict(_sections(file, path))


def verify_checkpoint(path: Path) -> CheckpointHeader:
    """Read it all and keep nothing but the header."""
    with open(path, "rb") as file:
        header = read_checkpoint_header(file, path)
        for _ in _sections(file, path):
            pass
        return header


def checkpoints(folder: Path) -> list[Path]:
    """A folder's checkpoints, newest first."""
    return [checkpoint_path(folder, seq) for seq in reversed(numbered(folder, ".ckpt"))]


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that can be read; a damaged one gives way to the one before."""
    for path in checkpoints(folder):
        try:
            verify_checkpoint(path)
        except (TapeError, OSError):
            continue
        return path
    return None


def _sections(file: BinaryIO, path: Path) -> Iterator[tuple[str, bytes]]:
    decompressor = zstandard.ZstdDecompressor()
    count = 0
    while True:
        at = file.tell()
        head = file.read(SECTION.size)
        if len(head) < SECTION.size:
            raise TapeError("the checkpoint is cut short", str(path), at)
        length, compressed, raw, _ = SECTION.unpack(head)
        title = file.read(length)
        if pack_section(title, compressed, raw) != head:
            raise TapeError("damaged section head", str(path), at)
        if not title:
            if raw != count:
                raise TapeError("sections are missing", str(path), at)
            return
        yield title.decode(), _expand(file.read(compressed), raw, path, at, decompressor)
        count += 1


def _expand(body: bytes, raw: int, path: Path, at: int, decompressor: zstandard.ZstdDecompressor) -> bytes:
    try:
        section = decompressor.decompress(body, max_output_size=raw)
    except zstandard.ZstdError as e:
        raise TapeError(f"damaged section: {e}", str(path), at) from e
    if len(section) != raw:
        raise TapeError("damaged section: wrong length", str(path), at)
    return section
