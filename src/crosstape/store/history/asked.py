"""Which spans were asked of somebody else already, remembered beside the rows that came of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from urllib.parse import quote

import msgspec

from crosstape.model.errors import StoreError
from crosstape.store.history.files import History

MS = 1_000_000


class _Span(msgspec.Struct):
    since: int
    until: int
    rows: int


class Asked:
    """The spans of one instrument's kind, ns. A span counts while the rows that came of it are still there: what
    was removed is asked for again. StoreError: the disk does not take it.
    """

    def __init__(self, history: History, kind: str, id: str) -> None:
        self._history, self._kind, self._id = history, kind, id
        self._path = history.folder / ".asked" / f"{quote(id, safe='')}.{kind}.json"
        self._spans = [span for span in _read(self._path) if self._kept(span)]

    def behind(self, at: int) -> int:
        """Where to go on: `at`, or the end of what was asked from there on."""
        for span in self._spans:
            if span.since <= at < span.until:
                at = span.until
        return at

    def add(self, since: int, until: int, new: int) -> None:
        """The span was asked for, and `new` rows of it were not there before."""
        before = next((span for span in self._spans if span.since <= since <= span.until), None)
        if before is None:
            self._spans.append(_Span(since, until, new))
            self._spans.sort(key=lambda span: span.since)
        else:
            before.until, before.rows = max(before.until, until), before.rows + new
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            made = self._path.with_suffix(f".{os.getpid()}")
            made.write_bytes(msgspec.json.encode(self._spans))
            made.replace(self._path)
        except OSError as error:
            raise StoreError(f"history: cannot write {self._path}: {error}") from error

    def _kept(self, span: _Span) -> bool:
        # Rows of the last ms may have come with it.
        there = self._history.read(
            self._kind, self._id.partition(":")[0], span.since, span.until + MS, (self._id,), ("ts",)
        )
        return bool(there.num_rows >= span.rows)


def _read(path: Path) -> list[_Span]:
    with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.json.decode(path.read_bytes(), type=list[_Span])
    return []
