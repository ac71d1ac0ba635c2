"""The files a recording writes: segments that only grow, checkpoints that appear whole."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path

import zstandard

from crosstape.tape.blocks import pack_head
from crosstape.tape.layout import (
    CHECKPOINT_MAGIC,
    SEGMENT_MAGIC,
    Block,
    CheckpointHeader,
    SegmentHeader,
    checkpoint_path,
    pack_header,
    segment_path,
)

SECTION = struct.Struct("<HQQI")


class SegmentFile:
    """A segment being written; an existing file of that name is an error, never overwritten."""

    def __init__(self, folder: Path, header: SegmentHeader) -> None:
        self.first_seq = header.first_seq
        self.size = 0
        path = segment_path(folder, header.first_seq)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            self._write(pack_header(SEGMENT_MAGIC, header))
            sync_folder(folder)
        except OSError:
            os.close(self._file)
            with contextlib.suppress(OSError):
                path.unlink()
            raise

    def append(self, block: Block, body: bytes) -> int:
        """Write one block whole, or leave none of it."""
        good = self.size
        try:
            self._write(pack_head(block, len(body)) + body)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, good)
            raise
        return self.size - good

    def sync(self) -> None:
        """What was written survives a power cut."""
        os.fsync(self._file)

    def close(self) -> None:
        """Sync and close."""
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)

    def _write(self, payload: bytes) -> None:
        view = memoryview(payload)
        while view:
            n = os.write(self._file, view)
            self.size += n
            view = view[n:]


class CheckpointFile:
    """A checkpoint being written under a temporary name: header, sections, and an end that counts them."""

    def __init__(self, folder: Path, header: CheckpointHeader, compressor: zstandard.ZstdCompressor) -> None:
        self._path = checkpoint_path(folder, header.seq)
        self._temporary = self._path.with_suffix(".ckpt-part")
        self._compressor = compressor
        self._sections = 0
        self._file = open(self._temporary, "wb")  # noqa: SIM115 - it lives across jobs
        self._file.write(pack_header(CHECKPOINT_MAGIC, header))

    def write(self, name: str, payload: bytes) -> None:
        """One section."""
        title = name.encode()
        body = self._compressor.compress(payload)
        head = pack_section(title, len(body), len(payload))
        self._file.write(head + title)
        self._file.write(body)
        self._sections += 1

    def commit(self) -> None:
        """From here on it counts: synced, then renamed."""
        self._file.write(pack_section(b"", 0, self._sections))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self._path)
        sync_folder(self._path.parent)

    def abort(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)


def pack_section(title: bytes, compressed: int, raw: int) -> bytes:
    """The head of a section: name length, compressed length, raw length, crc32 over these and the name."""
    check = zlib.crc32(title, zlib.crc32(b"%d %d" % (compressed, raw)))
    return SECTION.pack(len(title), compressed, raw, check)


def sync_folder(folder: Path) -> None:
    """Make a new name in the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
