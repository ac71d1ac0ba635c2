"""The newest log lines, kept in memory for the System page; what goes to standard error is not changed by it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import MutableMapping
from typing import Any

import structlog

from crosstape.api.ports import LogLine

KEPT = 200
LONGEST = 500
PLAIN = ("event", "level", "timestamp", "exception")


class Journal(logging.Handler):
    """A step of structlog's and a handler of the standard library's. Bounded: the oldest line goes first."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[LogLine] = deque(maxlen=KEPT)

    def listen(self) -> None:
        """From now on, in front of whatever renders the lines."""
        *before, render = structlog.get_config()["processors"]
        structlog.configure(processors=[*before, self._hear, render])
        logging.getLogger().addHandler(self)

    def leave(self) -> None:
        """No more."""
        steps = [step for step in structlog.get_config()["processors"] if step != self._hear]
        structlog.configure(processors=steps)
        logging.getLogger().removeHandler(self)

    def newest(self) -> tuple[LogLine, ...]:
        """Oldest first."""
        return tuple(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        """A warning of a library."""
        self._add(record.levelname.lower(), record.getMessage(), record.name)

    def _hear(self, logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        details = " ".join(f"{name}={value}" for name, value in line.items() if name not in PLAIN)
        failed = str(line.get("exception", "")).strip().rpartition("\n")[2]
        self._add(str(line.get("level", method)), str(line.get("event", "")), f"{details} {failed}".strip())
        return line

    def _add(self, level: str, event: str, details: str) -> None:
        self._lines.append(LogLine(time.time_ns() // 1_000_000, level, event[:LONGEST], details[:LONGEST]))
